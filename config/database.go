package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// isDatabaseURL tells a URL of PostgreSQL from the path of a file.
func isDatabaseURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

func checkPath(s string) error {
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case isDatabaseURL(s):
		return checkDatabaseURL(s)
	case !isURL:
		return nil
	}
	return fmt.Errorf("must be the path of a SQLite file or a postgres:// URL, is a URL of scheme %q", scheme)
}

// checkDatabaseURL looks at the form only: what it says is up to package postgres. The error repeats nothing of it,
// since what is malformed may have the password anywhere.
func checkDatabaseURL(s string) error {
	_, rest, isURL := strings.Cut(s, "://")
	host := strings.IndexAny(rest, "/?#")
	switch {
	case isDatabaseURL(s) && host >= 0 && strings.Contains(rest[host:], "@") && !strings.Contains(rest[:host], "@"):
		// What is before the @ would be taken for a host and a database, and shown as such.
		return errors.New("has an @ after a /, ? or #: write these characters of a password as %40, %2F, %3F and %23")
	case isDatabaseURL(s), !isURL && strings.Contains(s, "="):
		return nil
	}
	return errors.New("must be a URL like postgres://user@host:5432/database, or a connection string like host=db.internal dbname=app")
}

// passwordWord matches a password in a connection string: quoted, or up to a space that is not escaped.
var passwordWord = regexp.MustCompile(`(?i)\b((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:[^\s\\]|\\.)+)`)

// hideDatabasePassword masks the passwords in a URL or connection string. Where it cannot tell which part is one, it masks
// all.
func hideDatabasePassword(s string) string {
	switch {
	case strings.Contains(s, "://"):
		u, err := url.Parse(s)
		if err != nil || strings.Contains(u.Host+u.Path+u.RawQuery+u.Fragment, "@") {
			return mask
		}
		q := u.Query()
		for name := range q {
			if strings.Contains(strings.ToLower(name), "password") {
				q.Set(name, masked)
			}
		}
		u.RawQuery = q.Encode()
		return hidePassword(u.String())
	case strings.Contains(s, "="):
		return passwordWord.ReplaceAllString(s, "${1}"+masked)
	}
	return s // the path of a file
}

// finishDatabase decides between SQLite and PostgreSQL: whichever a higher source names. The other one's fields are as
// if nobody had set them.
func (l *loader) finishDatabase() {
	d := &l.config.Database
	path, address, file := l.field("database.path"), l.field("database.url"), l.field("database.url_file")
	from := address.place
	if file.place.level > from.level {
		from = file.place
	}
	if path.place.level == from.level && from.level > byDefault {
		l.problem(path.place, path.name(), "database.url is set as well (%s); set one of the two", from.source)
	}
	if path.place.level > from.level {
		address.place, file.place = place{}, place{}
		d.URL = ""
		if isDatabaseURL(d.Path) {
			address.place, d.URL = path.place, Secret(d.Path)
		}
	}
	if d.PostgreSQL() {
		path.place, path.def, d.Path = place{}, "", ""
	}
}

// checkKind makes one kind of the transports that are stored. Whoever says in which database must be right.
func (l *loader) checkKind(t *transport) {
	is := SQLite
	if l.config.Database.PostgreSQL() {
		is = Postgres
	}
	switch t.kind = t.settings.Kind; t.kind {
	case SQLite, Postgres:
		if t.kind != is {
			l.problem(t.fields[0].place, dotted(t.fields[0].path()), "is %s, but the database is %s; %s goes with both", t.kind, is, Stored)
		}
		t.kind = Stored
	}
}
