package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

// loader gathers the configuration from its sources, lowest first, and all mistakes on the way.
type loader struct {
	config     *Config
	table      []*field // what can be set once
	transports map[string]*transport
	order      []string // of the transports
	types      []*typeSection
	queues     []*queueSection
	handlers   []*handler // in the order of the file
	schedules  []*scheduleSection
	webhooks   []*webhookSection
	servers    []*serverSection
	routes     []*route
	problems   []Problem
}

type transport struct {
	settings Transport
	kind     string // SQLite and Postgres are Stored
	fields   []*field
	place    place
}

type route struct {
	pattern string
	names   []string
	field   *field
	place   place
}

// aroundMessage is what a request of one message has beside its payload and metadata.
const aroundMessage = 64 << 10

// place is where something was set.
type place struct {
	level        level
	source       string
	line, column int
}

func newLoader() *loader {
	c := &Config{}
	return &loader{config: c, table: settings(c), transports: map[string]*transport{}}
}

func (l *loader) problem(at place, key, format string, args ...any) {
	l.problems = append(l.problems, Problem{
		Source: at.source, Key: key, Message: fmt.Sprintf(format, args...), level: at.level, line: at.line, column: at.column,
	})
}

func (l *loader) defaults() { setDefaults(l.table) }

// setDefaults panics if a default is not valid: that is a mistake in the table.
func setDefaults(table []*field) {
	for _, f := range table {
		if f.def == "" {
			continue
		}
		if err := f.value.set(input{text: f.def, shape: scalar}); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", f.name(), err))
		}
	}
}

// set gives a field its value from a source.
func (l *loader) set(f *field, in input, at place) {
	if f.twin != nil && f.twin.place.level == at.level {
		l.problem(at, f.name(), "%s is set as well; set one of the two", f.twin.nameAt(at.level))
		return
	}
	if in.shape == scalar && in.text == "" && !f.value.mayBeEmpty() {
		l.problem(at, f.name(), "is set to nothing; %s", emptyAdvice(f))
		return
	}
	if err := f.value.set(in); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			l.problem(at, f.name(), "%s", line)
		}
	}
	f.place = at
}

// nameAt is what the field is called where it was set.
func (f *field) nameAt(at level) string {
	if at == byVariable {
		return f.variable()
	}
	return f.name()
}

func emptyAdvice(f *field) string {
	if f.def == "" {
		return "leave it out, or give it a value: " + f.value.describe()
	}
	return fmt.Sprintf("leave it out for the default (%s), or give it a value: %s", f.def, f.value.describe())
}

// flags applies the command line.
func (l *loader) flags(flags []Flag) {
	for _, flag := range flags {
		i := slices.IndexFunc(l.table, func(f *field) bool { return f.key == flag.Key })
		if i < 0 {
			panic("config: flag " + flag.Name + " sets the unknown key " + flag.Key)
		}
		l.set(l.table[i], input{text: flag.Value, shape: scalar}, place{level: byFlag, source: flag.Name})
	}
}

// finish fills in what follows from other settings, and checks what no single setting can tell.
func (l *loader) finish() {
	c := l.config
	c.fields = l.table
	var retry []*field
	for _, f := range l.table {
		if strings.HasPrefix(f.key, "retry.") {
			retry = append(retry, f)
		}
	}
	followDelays(retry)
	l.finishDatabase()
	l.finishTransports()
	l.finishRoutes()
	l.finishTypes()
	l.finishRetention()
	l.finishHandlers()
	l.finishSchedules()
	l.finishAlerts()
	l.finishPush()
	l.finishDashboard()

	if (c.Server.TLSCert == "") != (c.Server.TLSKey == "") {
		set, missing := "server.tls.cert", "server.tls.key"
		if c.Server.TLSCert == "" {
			set, missing = missing, set
		}
		l.problem(l.placeOf(set), set, "needs %s as well", missing)
	}
	if l.placeOf("server.max_body_bytes").level == byDefault && c.Limits.MaxMessageBytes > c.Server.MaxBodyBytes {
		c.Server.MaxBodyBytes = c.Limits.MaxMessageBytes + aroundMessage
	}
	c.Server.RateLimit.Burst = c.Server.RateBurst
	if c.Server.RateLimit.Count == 0 && c.Server.RateLimit.Burst > 0 {
		const key = "server.rate_limit_burst"
		l.problem(l.placeOf(key), key, "needs server.rate_limit")
	}
	if c.Health.LagUnhealthy < c.Health.Lag {
		const key = "health.lag_unhealthy"
		l.problem(l.placeOf(key), key, "must be at least health.lag, which is %s", formatDuration(c.Health.Lag))
	}
	for _, name := range c.Worker.Continuous.Transports {
		const key = "worker.continuous.transports"
		if t := l.transports[name]; t == nil {
			l.unknownTransport(key, name, l.placeOf(key))
		} else if t.settings.Kind == Sync {
			l.problem(l.placeOf(key), key, "%q is of kind sync, no messages wait there", name)
		}
	}
	if len(l.problems) > 0 {
		return
	}
	// What is left is what settings of authentication ask of each other.
	o := c.AuthOptions()
	o.Keys = &auth.MemoryKeys{}
	if _, err := auth.New(o); err != nil {
		at := place{level: byVariable, source: "authentication"}
		for _, key := range []string{"supabase.url", "supabase.jwt_secret", "supabase.jwt_secret_file", "auth.remote"} {
			if p := l.placeOf(key); p.level > byDefault {
				at = p
				break
			}
		}
		l.problem(at, "", "%v", err)
	}
	if c.Auth.Remote && !c.Supabase.Configured() {
		l.problem(l.placeOf("auth.remote"), "auth.remote", "needs supabase.url (SUPABASE_URL)")
	}
}

// field is one of the table.
func (l *loader) field(key string) *field {
	return l.table[slices.IndexFunc(l.table, func(f *field) bool { return f.key == key })]
}

// placeOf is where a field of the table was set.
func (l *loader) placeOf(key string) place { return l.field(key).place }

// transport returns the transport of a name, made when it is new.
func (l *loader) transport(name string, at place) *transport {
	if t := l.transports[name]; t != nil {
		return t
	}
	t := &transport{settings: Transport{Name: name}, place: at}
	t.fields = under([]string{"transports", name}, overriding(settings(&t.settings)))
	setDefaults(t.fields)
	l.transports[name] = t
	l.order = append(l.order, name)
	return t
}

func (l *loader) finishTransports() {
	c := l.config
	if len(l.order) == 0 {
		l.transport(symphony.DefaultTransport, place{})
	}
	for _, name := range l.order {
		t := l.transports[name]
		l.inheritRetry(t.fields)
		l.checkKind(t)
		settings := t.settings
		settings.Kind = t.kind
		c.Transports = append(c.Transports, settings)
		c.fields = append(c.fields, t.fields...)
	}
	switch {
	case c.DefaultTransport == "" && l.transports[symphony.DefaultTransport] != nil:
		c.DefaultTransport = symphony.DefaultTransport
	case c.DefaultTransport == "":
		c.DefaultTransport = l.order[0]
	case l.transports[c.DefaultTransport] == nil:
		l.unknownTransport("default_transport", c.DefaultTransport, l.placeOf("default_transport"))
	}
}

// inheritRetry completes the retry section of a transport or handler.
func (l *loader) inheritRetry(table []*field) {
	var own, from []*field
	for _, f := range table {
		if strings.HasPrefix(f.key, "retry.") {
			own = append(own, f)
		}
	}
	for _, f := range l.table {
		if strings.HasPrefix(f.key, "retry.") {
			from = append(from, f)
		}
	}
	inherit(own, from)
	followDelays(own)
}

// followDelays makes as many retries of delays as there are, where the section that has them does not say how many.
func followDelays(table []*field) {
	var retries, delays *field
	for _, f := range table {
		switch {
		case strings.HasSuffix(f.key, "max_retries"):
			retries = f
		case strings.HasSuffix(f.key, "delays"):
			delays = f
		}
	}
	n := len(*delays.value.(durations).p)
	if delays.place.level > byDefault && n > 0 && retries.place.level == byDefault {
		*retries.value.(number).p = n
		retries.place = delays.place
	}
}

func (l *loader) unknownTransport(key, name string, at place) {
	l.problem(at, key, "%v%s", &symphony.UnknownTransportError{Name: name, Known: l.order}, suggest(name, l.order))
}

func (l *loader) finishRoutes() {
	c := l.config
	c.Routes = make(map[string][]string, len(l.routes))
	for _, r := range l.routes {
		c.Routes[r.pattern] = r.names
		c.fields = append(c.fields, r.field)
		kinds := map[string]bool{}
		for _, name := range r.names {
			if t := l.transports[name]; t != nil {
				kinds[t.kind] = true
			} else {
				l.unknownTransport(r.field.name(), name, r.place)
			}
		}
		switch {
		case len(r.names) > 1 && kinds[Sync]:
			l.problem(r.place, r.field.name(), "names a transport of kind sync beside another; it stores nothing, so a message can't be stored for all of them or for none")
		case len(kinds) > 1:
			l.problem(r.place, r.field.name(), "names transports of several kinds; they must be of one, so that a message is stored for all of them or for none")
		}
	}
}

func (l *loader) finishHandlers() {
	policies := map[string]bool{}
	for _, t := range l.config.Types {
		policies[t.Pattern] = t.Retry != nil
	}
	for _, h := range l.handlers {
		key, set := dotted(h.fields[0].prefix), &h.settings
		made := Handler{Pattern: set.Type, Name: set.Name, Timeout: set.Timeout, Places: set.Places,
			KeepOutput: set.KeepOutput, Source: h.place.source}
		isHTTP, isCommand := isSet(h.fields, "http."), isSet(h.fields, "command.")
		if !isSet(h.fields, "type") {
			l.problem(h.place, key, "needs a type")
		}
		switch {
		case isHTTP == isCommand:
			l.problem(h.place, key, "needs either http or command")
		case isHTTP:
			if !isSet(h.fields, "http.url") {
				l.problem(h.place, key, "needs http.url")
			}
			made.HTTP = &set.HTTP
			if !isSet(h.fields, "timeout") && l.placeOf("worker.handler_timeout").level == byDefault {
				made.Timeout = httppush.DefaultTimeout
				set.Timeout = made.Timeout
			}
		default:
			if !isSet(h.fields, "command.run") {
				l.problem(h.place, key, "needs command.run")
			}
			made.Command = &set.Command
		}
		if !isSet(h.fields, "breaker.enabled") {
			set.Breaker.Enabled = isHTTP || isSet(h.fields, "breaker.")
		}
		if b := &set.Breaker; b.Enabled {
			made.Breaker = &Breaker{Failures: b.Failures, Pause: b.Pause, MaxPause: b.MaxPause}
			if b.MaxPause > 0 && b.MaxPause < b.Pause {
				l.problem(h.place, key, "breaker.max_pause must be at least breaker.pause")
			}
		}
		if isSet(h.fields, "retry.") {
			if policies[set.Type] {
				l.problem(h.place, key, "another handler of this type, or its entry under types, has a retry section; a message has one policy")
			}
			policies[set.Type] = true
			l.inheritRetry(h.fields)
			made.Retry = &set.Retry
		}
		l.config.Handlers = append(l.config.Handlers, made)
		l.config.fields = append(l.config.fields, h.fields...)
	}
	l.checkNames()
}

// checkNames looks for handlers of one type with one name; symphony.Mux panics on them.
func (l *loader) checkNames() {
	taken := map[[2]string]bool{}
	count := map[string]int{}
	for _, h := range l.handlers {
		count[h.settings.Type]++
		name := h.settings.Name
		if name == "" {
			name = fmt.Sprint(count[h.settings.Type])
		}
		id := [2]string{h.settings.Type, name}
		if taken[id] {
			l.problem(h.place, dotted(h.fields[0].prefix), "another handler of this type is named %q", name)
		}
		taken[id] = true
	}
}

func isSet(table []*field, prefix string) bool {
	return slices.ContainsFunc(table, func(f *field) bool { return f.place.level > byDefault && strings.HasPrefix(f.key, prefix) })
}
