package config

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/alert"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/dashboard"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/handler/breaker"
	"github.com/symphony-messenger/symphony/handler/command"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/metrics"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/redact"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// What can be set is said by the tags of the structs that hold it. The comment above a field is its documentation, also
// in docs/configuration.md; a constant in brackets, as Go's documentation links to it, is its value there.
//
//	key        the key within its section, with dots; a struct with a key is a section
//	default    in the form of a file
//	env        its variable, if not by the rule of field.variable
//	min, max   of numbers, sizes and durations, and of each in a list
//	of         the words that there are to choose from
//	about      what a text is, for people
//	empty      "ok": nothing is a valid text
//	check      the name of a check in checks
//	hide       the name of what hides what is secret in a text, in hides
//	secret     "yes": the values of a mapping are masked
//	secrets    the field that gets the places in a list that are masked
//	millis     "yes": in its variable a number without a unit is of milliseconds
//	unlimited  "yes": it may be "unlimited"
//
// default, min, max and of may name what is in constants, so that each number has one home.

// settings returns what the tags of a struct say can be set in it, in their order. of is a pointer to it.
func settings(of any) []*field { return section(reflect.ValueOf(of).Elem(), "") }

func section(s reflect.Value, prefix string) (list []*field) {
	for i := range s.NumField() {
		of := s.Type().Field(i)
		key, ok := of.Tag.Lookup("key")
		if !ok {
			continue
		}
		t := tag{of.Tag, s.Type().Name() + "." + of.Name}
		v := t.value(s.Field(i), s)
		if v == nil {
			list = append(list, section(s.Field(i), prefix+key+".")...)
			continue
		}
		f := &field{key: prefix + key, value: v, env: of.Tag.Get("env"), of: t.of}
		if def := of.Tag.Get("default"); def != "" {
			f.def = t.text(def, v)
		}
		if _, secret := v.(secrets); secret {
			list = append(list, withFile(f)...)
		} else {
			list = append(list, f)
		}
	}
	return list
}

// overriding takes away the defaults of a retry section: what is not set there comes from the section retry.
func overriding(fields []*field) []*field {
	for _, f := range fields {
		if strings.HasPrefix(f.key, "retry.") {
			f.def = ""
		}
	}
	return fields
}

// tag are the tags of one field. What is wrong with them is a mistake in the program.
type tag struct {
	reflect.StructTag
	of string
}

func (t tag) bad(name string) {
	panic(fmt.Sprintf("config: %s: tag %s is %q", t.of, name, t.Get(name)))
}

// value makes the value of a field, nil for a section. s is the struct that it stands in.
func (t tag) value(v, s reflect.Value) value {
	about, hide := t.Get("about"), hides[t.Get("hide")]
	if hide == nil && t.Get("hide") != "" {
		t.bad("hide")
	}
	check := checks[t.Get("check")]
	if check == nil && t.Get("check") != "" && v.Kind() != reflect.Map {
		t.bad("check")
	}
	switch p := v.Addr().Interface().(type) {
	case *string:
		if of := t.Get("of"); of != "" {
			return choice{p, t.words(of)}
		}
		return text{p: p, about: about, optional: t.Get("empty") == "ok", check: check, hide: hide}
	case **string:
		return nullable{p, about}
	case *bool:
		return boolean{p}
	case *int:
		n := number{p, t.integer("min"), t.integer("max")}
		if t.Get("unlimited") == "yes" {
			return concurrency{n}
		}
		return n
	case *int64:
		return size{p, t.size("min", 0), t.size("max", math.MaxInt64)}
	case *float64:
		return decimal{p, t.decimal("min"), t.decimal("max")}
	case **float64:
		return optionalDecimal{p, decimal{min: t.decimal("min"), max: t.decimal("max")}}
	case *time.Duration:
		return duration{p: p, min: t.span("min"), max: t.span("max"), millis: t.Get("millis") == "yes"}
	case **time.Duration:
		return period{p}
	case *time.Time:
		return instant{p}
	case *[]string:
		if places := t.Get("secrets"); places != "" {
			return words{p, s.FieldByName(places).Addr().Interface().(*[]int)}
		}
		return list{p: p, about: about, check: check}
	case *[]int:
		return numbers{p, t.integer("min"), t.integer("max")}
	case *[]time.Duration:
		return durations{p, t.span("max")}
	case *map[string]string:
		d := dictionary{p: p, about: about, secret: t.Get("secret") == "yes"}
		if name := t.Get("check"); name == "Headers" {
			d.check = checkHeaders
		} else if name != "" {
			t.bad("check")
		}
		return d
	case *Secret:
		return secrets{one: p, about: about, check: check, hide: hide}
	case *[]Secret:
		return secrets{p: p, check: check}
	case *auth.ScopeSet:
		return scopes{p}
	case *map[string]auth.ScopeSet:
		return clients{p}
	case *[]netip.Prefix:
		return prefixes{p}
	case *flow.Rate:
		return rate{p}
	}
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: %s is of a type that cannot be set", t.of))
	}
	return nil
}

// words are the words of a list with commas.
func (t tag) words(of string) []string {
	list := strings.Split(of, ",")
	for i, word := range list {
		if c, ok := constants[word]; ok {
			list[i] = fmt.Sprint(c)
		}
	}
	return list
}

// text is a default in the form of a file.
func (t tag) text(def string, v value) string {
	c, ok := constants[def]
	if !ok {
		return def
	}
	if n, whole := c.(int); whole {
		if _, bytes := v.(size); bytes {
			return fmt.Sprint(formatSize(int64(n)))
		}
	}
	return constantText(c)
}

// constantText writes a constant as files and documents do.
func constantText(c any) string {
	if d, ok := c.(time.Duration); ok {
		return formatDuration(d)
	}
	return fmt.Sprint(c)
}

func (t tag) integer(name string) int {
	s := t.Get(name)
	if c, ok := constants[s].(int); ok {
		return c
	}
	n, err := strconv.Atoi(s)
	if err != nil && s != "" {
		t.bad(name)
	}
	return n
}

func (t tag) decimal(name string) float64 {
	f, err := strconv.ParseFloat(t.Get(name), 64)
	if err != nil {
		t.bad(name)
	}
	return f
}

func (t tag) span(name string) time.Duration {
	s := t.Get(name)
	if c, ok := constants[s].(time.Duration); ok {
		return c
	}
	d, err := time.ParseDuration(s)
	if err != nil && s != "" {
		t.bad(name)
	}
	return d
}

func (t tag) size(name string, without int64) (n int64) {
	s := t.Get(name)
	if s == "" {
		return without
	}
	if err := (size{&n, 0, math.MaxInt64}).set(input{text: s, shape: scalar}); err != nil {
		t.bad(name)
	}
	return n
}

// checks are what the tag check names.
var checks = map[string]func(string) error{
	"name": symphony.ValidateName, "pattern": symphony.ValidatePattern, "Addr": checkAddr,
	"Origin": checkOrigin, "Redact": redact.CheckPath, "IndexPath": storage.CheckIndexPath,
	"Path": checkPath, "PushOrigin": checkPushOrigin,
	"CookieName": checkCookieName, "SupabaseURL": checkSupabaseURL, "JWTSecret": checkJWTSecret, "CronSecret": checkCronSecret,
	"URL": checkURL, "HandlerName": checkHandlerName, "WebhookSecret": checkWebhookSecret, "SealKey": checkSealKey,
	"Endpoint":    checkEndpoint,
	"DatabaseURL": checkDatabaseURL, "TracingHeaders": checkTracingHeaders,
	"DashboardPath": checkDashboardPath, "DashboardURL": checkPageURL, "TraceURL": checkTraceURL, "Color": checkColor,
	"EnvironmentName": checkEnvironmentName,
}

// hides are what the tag hide names.
var hides = map[string]func(string) string{"DatabasePassword": hideDatabasePassword, "Endpoint": hideEndpoint}

// constants are those that tags and comments name, as they do.
var constants = map[string]any{
	"alert.DefaultClearRatio": alert.DefaultClearRatio, "alert.DefaultDeadLetters": alert.DefaultDeadLetters,
	"alert.DefaultErrorRate": alert.DefaultErrorRate, "alert.DefaultErrorSample": alert.DefaultErrorSample,
	"alert.DefaultFor": alert.DefaultFor, "alert.DefaultInterval": alert.DefaultInterval,
	"alert.DefaultNoWorkers": alert.DefaultNoWorkers, "alert.DefaultOldest": alert.DefaultOldest,
	"alert.DefaultStorageBytes": alert.DefaultStorageBytes,
	"alert.DefaultReminder":     alert.DefaultReminder, "alert.DefaultWindow": alert.DefaultWindow,
	"alert.DefaultRegressions": alert.DefaultRegressions,
	"audit.DefaultRetention":   audit.DefaultRetention, "auth.DefaultRemoteCacheTTL": auth.DefaultRemoteCacheTTL,
	"auth.DefaultScopes": auth.DefaultScopes, "breaker.DefaultFailures": breaker.DefaultFailures,
	"breaker.DefaultMaxPause": breaker.DefaultMaxPause, "breaker.DefaultPause": breaker.DefaultPause,
	"dashboard.DefaultPath": dashboard.DefaultPath,
	"command.DefaultGrace":  command.DefaultGrace, "command.TempFail": command.TempFail,
	"httppush.DefaultTimeout": httppush.DefaultTimeout, "metrics.DefaultRetention": metrics.DefaultRetention,
	"metrics.DetailRetention": metrics.DetailRetention, "metrics.MaxRetention": metrics.MaxRetention,
	"metrics.MinRetention": metrics.MinRetention, "monitor.DefaultErrorRate": monitor.DefaultErrorRate,
	"monitor.DefaultErrorSample": monitor.DefaultErrorSample,
	"monitor.DefaultErrorWindow": monitor.DefaultErrorWindow, "monitor.DefaultLag": monitor.DefaultLag,
	"monitor.DefaultLagUnhealthy": monitor.DefaultLagUnhealthy, "monitor.DefaultLatency": monitor.DefaultLatency,
	"monitor.DefaultNoWorkers": monitor.DefaultNoWorkers, "monitor.DefaultOverdue": monitor.DefaultOverdue,
	"monitor.DefaultStuck": monitor.DefaultStuck, "schedule.MaxInterval": schedule.MaxInterval,
	"schedule.MaxJitter": schedule.MaxJitter, "schedule.MinInterval": schedule.MinInterval,
	"schedule.MissedAll": schedule.MissedAll, "schedule.MissedLast": schedule.MissedLast,
	"schedule.MissedSkip": schedule.MissedSkip, "schedule.OverlapAllow": schedule.OverlapAllow,
	"schedule.OverlapSkip":              schedule.OverlapSkip,
	"symphony.DefaultIdempotencyWindow": symphony.DefaultIdempotencyWindow,
	"symphony.DefaultInitialDelay":      symphony.DefaultInitialDelay,
	"symphony.DefaultJitter":            symphony.DefaultJitter, "symphony.DefaultLease": symphony.DefaultLease,
	"symphony.DefaultMaxDelay":        symphony.DefaultMaxDelay,
	"symphony.DefaultMaxMessageBytes": symphony.DefaultMaxMessageBytes,
	"symphony.DefaultMaxOutputBytes":  symphony.DefaultMaxOutputBytes,
	"KeepFailedLogs":                  KeepFailedLogs, "KeepAllLogs": KeepAllLogs,
	"symphony.DefaultMaxRetries": symphony.DefaultMaxRetries,
	"symphony.DefaultMultiplier": symphony.DefaultMultiplier,
	"symphony.DefaultPriority":   symphony.DefaultPriority, "symphony.DefaultQueue": symphony.DefaultQueue,
	"symphony.DefaultRetention": symphony.DefaultRetention, "symphony.Exponential": symphony.Exponential,
	"symphony.Fixed": symphony.Fixed, "symphony.Linear": symphony.Linear, "symphony.MaxLease": symphony.MaxLease,
	"symphony.MaxPriority": symphony.MaxPriority, "symphony.MaxRetryDelay": symphony.MaxRetryDelay,
	"symphony.MinLease": symphony.MinLease, "symphony.MinPriority": symphony.MinPriority,
	"wire.DefaultConsumeBatch":       wire.DefaultConsumeBatch,
	"wire.DefaultConsumeConcurrency": wire.DefaultConsumeConcurrency,
	"wire.DefaultConsumeTime":        wire.DefaultConsumeTime, "wire.MaxConsumeBatch": wire.MaxConsumeBatch,
	"wire.MaxConsumeConcurrency": wire.MaxConsumeConcurrency, "wire.MaxConsumeTime": wire.MaxConsumeTime,
	"wire.MinConsumeTime": wire.MinConsumeTime, "worker.DefaultConcurrency": worker.DefaultConcurrency,
	"worker.DefaultGrace": worker.DefaultGrace, "worker.DefaultHandlerTimeout": worker.DefaultHandlerTimeout,
	"worker.DefaultPollInterval": worker.DefaultPollInterval, "worker.MaxConcurrency": worker.MaxConcurrency,
	"DefaultAddr": DefaultAddr, "Production": Production, "Development": Development, "VisibleAll": VisibleAll,
	"VisibleOwn": VisibleOwn, "MigrateAuto": MigrateAuto, "MigrateManually": MigrateManually, "Stored": Stored,
	"SQLite": SQLite, "Postgres": Postgres, "Memory": Memory, "Sync": Sync,
}
