//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BouncerOptions say how PgBouncer pools. The zero value is a pooler as strict as they come.
type BouncerOptions struct {
	// Mode is the pool mode: "transaction" (default), "session" or "statement".
	Mode string
	// PoolSize is how many connections to the server a user may have in a database. 0 is 20.
	PoolSize int
	// MaxPreparedStatements is how many named prepared statements a connection may have in transaction mode. 0 is
	// none: using one is an error, or meets another client's. Others need PgBouncer 1.21 or newer.
	MaxPreparedStatements int
	// Settings are further parameters of the section [pgbouncer], such as "max_client_conn": "50".
	Settings map[string]string
}

// Bouncer is a PgBouncer of one test.
type Bouncer struct {
	user  *url.Userinfo
	addr  string
	space *workspace
}

// PgBouncer starts a real PgBouncer in front of the server at serverURL, for all its databases, and stops it at the
// end of the test. Any role of the server may connect, without a password; the one in serverURL administers it, with
// the database "pgbouncer".
func PgBouncer(t testing.TB, serverURL string, o BouncerOptions) *Bouncer {
	t.Helper()
	b, stop, err := newBouncer(serverURL, o)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return b
}

// URL returns the URL of a database through PgBouncer.
func (b *Bouncer) URL(database string) string {
	return (&url.URL{Scheme: "postgres", User: b.user, Host: b.addr, Path: "/" + database, RawQuery: "sslmode=disable"}).String()
}

// As returns the URL of a role of the server, in its database, through PgBouncer instead of directly.
func (b *Bouncer) As(direct string) (string, error) {
	u, err := url.Parse(direct)
	if err != nil {
		return "", err
	}
	u.Host, u.RawQuery = b.addr, "sslmode=disable"
	return u.String(), nil
}

// Log returns what PgBouncer has logged.
func (b *Bouncer) Log() string { return b.space.log() }

func newBouncer(serverURL string, o BouncerOptions) (_ *Bouncer, stop func() error, err error) {
	program, err := daemon("pgbouncer")
	if err != nil {
		return nil, nil, err
	}
	server, err := url.Parse(serverURL)
	if err != nil {
		return nil, nil, err
	}
	space, err := newWorkspace()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, space.close())
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	config, err := bouncerConfig(program, server, space, port, o)
	if err != nil {
		return nil, nil, err
	}
	path, err := space.write("pgbouncer.ini", config)
	if err != nil {
		return nil, nil, err
	}
	p, err := space.start(program, path)
	if err != nil {
		return nil, nil, err
	}
	b := &Bouncer{user: url.User(server.User.Username()), addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), space: space}
	if err := b.awaitReady(p, strings.TrimPrefix(server.Path, "/")); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start PgBouncer: %w; its log:\n%s", err, b.Log()), b.stop(p))
	}
	return b, func() error { return errors.Join(b.stop(p), space.close()) }, nil
}

// awaitReady returns when a query goes through to the server.
func (b *Bouncer) awaitReady(p *process, database string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var last error
	return errors.Join(poll("PgBouncer answers", func() (bool, error) {
		select {
		case <-p.done:
			return false, errors.Join(errExited, last)
		default:
		}
		last = ping(ctx, b.URL(database))
		return last == nil, nil
	}), last)
}

// stop ends PgBouncer with all its connections.
func (b *Bouncer) stop(p *process) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		err := p.cmd.Process.Kill()
		<-p.done
		return errors.Join(fmt.Errorf("PgBouncer did not stop; its log:\n%s", b.Log()), err)
	}
}

// bouncerConfig is the text of pgbouncer.ini, whose list of users it writes.
func bouncerConfig(program string, server *url.URL, space *workspace, port int, o BouncerOptions) (string, error) {
	user := server.User.Username()
	password, _ := server.User.Password()
	users, err := space.write("users.txt", quote(user)+" "+quote(password)+"\n")
	if err != nil {
		return "", err
	}
	settings := map[string]string{
		"listen_addr":       "127.0.0.1",
		"listen_port":       strconv.Itoa(port),
		"unix_socket_dir":   "",
		"auth_type":         "trust",
		"auth_file":         users,
		"auth_user":         user, // who looks up the roles that are not in the file
		"admin_users":       user,
		"pidfile":           filepath.Join(space.dir, "pgbouncer.pid"),
		"pool_mode":         "transaction",
		"default_pool_size": "20",
	}
	if o.Mode != "" {
		settings["pool_mode"] = o.Mode
	}
	if o.PoolSize != 0 {
		settings["default_pool_size"] = strconv.Itoa(o.PoolSize)
	}
	// Without its own words the setting has another default in each version.
	if prepares, err := canPrepare(program); err != nil {
		return "", err
	} else if prepares {
		settings["max_prepared_statements"] = strconv.Itoa(o.MaxPreparedStatements)
	} else if o.MaxPreparedStatements != 0 {
		return "", errors.New("this PgBouncer is older than 1.21 and knows no MaxPreparedStatements")
	}
	maps.Copy(settings, o.Settings)
	port = 5432
	if server.Port() != "" {
		if port, err = strconv.Atoi(server.Port()); err != nil {
			return "", err
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "[databases]\n* = host=%s port=%d\n[pgbouncer]\n", server.Hostname(), port)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, settings[name])
	}
	return text.String(), nil
}

// quote quotes a word of PgBouncer's list of users.
func quote(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }

// canPrepare says whether PgBouncer has max_prepared_statements: since 1.21.
func canPrepare(program string) (bool, error) {
	output, err := exec.Command(program, "--version").Output() //nolint:noctx // answers at once
	if err != nil {
		return false, fmt.Errorf("pgbouncer --version: %w", err)
	}
	version := regexp.MustCompile(`(\d+)\.(\d+)`).FindSubmatch(output)
	if version == nil {
		return false, fmt.Errorf("pgbouncer --version answers %q", output)
	}
	major, _ := strconv.Atoi(string(version[1])) // both are digits
	minor, _ := strconv.Atoi(string(version[2]))
	return major > 1 || minor >= 21, nil
}
