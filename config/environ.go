package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

// orchestrated matches what Kubernetes puts into each container's environment for a service called symphony or
// symphony-something. Such variables are not ours and can't be left out.
var orchestrated = regexp.MustCompile(`^SYMPHONY(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// applications are variables of programs that use the server, which the clients for TypeScript read: where they stand in
// one .env with the server's own they are not mistakes of it. SYMPHONY_API_KEY, which they read too, is a setting.
func applications() []string { return []string{"SYMPHONY_URL", "SYMPHONY_WEBHOOK_SECRET"} }

// environ applies the environment variables.
func (l *loader) environ(environ []string) {
	byName := make(map[string]*field, len(l.table))
	names := []string{FileVariable, TransportsVariable}
	for _, f := range l.table {
		byName[f.variable()] = f
		names = append(names, f.variable())
	}
	// In the order of names, so that mistakes are, too.
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(entry, "=")
		at := place{level: byVariable, source: name}
		switch f := byName[name]; {
		case !ok, name == FileVariable:
		case name == TransportsVariable:
			l.transportNames(value, at)
		case f != nil:
			l.variable(f, value, at)
		case !strings.HasPrefix(name, fixedPrefix), orchestrated.MatchString(name):
		case slices.Contains(applications(), name), command.Describes(name):
		default:
			l.problem(at, "", "unknown variable%s", suggest(name, append(names, applications()...)))
		}
	}
}

// variable sets a field from its variable.
func (l *loader) variable(f *field, value string, at place) {
	if d, ok := f.value.(duration); ok && d.millis {
		span := value
		if _, err := strconv.ParseUint(value, 10, 63); err == nil { // no unit
			span += "ms"
		}
		given, err := time.ParseDuration(span)
		if err != nil || given < d.min || given > d.max {
			l.problem(at, f.name(), "must be a whole number of milliseconds from %d to %d, or a duration like \"30s\" from %s to %s, is %q",
				d.min.Milliseconds(), d.max.Milliseconds(), formatDuration(d.min), formatDuration(d.max), value)
			return
		}
		value = span
	}
	l.set(f, input{text: value, shape: scalar}, at)
}

// transportNames says which transports there are, in place of what the file says: those it describes keep their
// settings, others get the defaults.
func (l *loader) transportNames(value string, at place) {
	var names []string
	err := list{p: &names, check: symphony.ValidateName}.set(input{text: value, shape: scalar})
	switch {
	case err != nil:
		for _, line := range strings.Split(err.Error(), "\n") {
			l.problem(at, "transports", "%s", line)
		}
		return
	case len(names) == 0:
		l.problem(at, "transports", "is set to nothing; leave it out, or name transports like default,email")
		return
	}
	l.order = slices.DeleteFunc(l.order, func(name string) bool { return !slices.Contains(names, name) })
	for name := range l.transports {
		if !slices.Contains(names, name) {
			delete(l.transports, name)
		}
	}
	for _, name := range names {
		l.transport(name, at)
	}
	l.order = names
}
