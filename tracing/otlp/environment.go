package otlp

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// env is what the variables say that the exporter and the SDK do not read by themselves, or would ignore with a line on
// standard error where they do not understand it.
type env struct {
	off                                bool
	protocol, endpoint, tracesEndpoint string // "" for none
	sampler                            bool   // there is one
}

// environment reads and checks the variables. Its error names each that is not valid.
func environment() (e env, err error) {
	var errs []error
	bad := func(name, format string, args ...any) { errs = append(errs, fmt.Errorf(name+": "+format, args...)) }
	// is reports whether a variable has one of some values, the first of which it may also be set to by not being set.
	is := func(name string, known ...string) string {
		value := strings.ToLower(strings.TrimSpace(os.Getenv(name)))
		if value == "" {
			return known[0]
		}
		for _, k := range known {
			if value == k {
				return k
			}
		}
		bad(name, "must be one of %s, is %q", strings.TrimPrefix(strings.Join(known, ", "), ", "), value)
		return known[0]
	}
	if is("OTEL_SDK_DISABLED", "false", "true") == "true" || is("OTEL_TRACES_EXPORTER", "otlp", "none") == "none" {
		return env{off: true}, errors.Join(errs...)
	}
	e.protocol = cmp.Or(is("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "", HTTP, GRPC), is("OTEL_EXPORTER_OTLP_PROTOCOL", "", HTTP, GRPC))
	url := func(name string) string {
		value := strings.TrimSpace(os.Getenv(name))
		if value != "" {
			if err := CheckEndpoint(value); err != nil {
				bad(name, "%w", err)
			}
		}
		return value
	}
	e.endpoint, e.tracesEndpoint = url("OTEL_EXPORTER_OTLP_ENDPOINT"), url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	sampler := is("OTEL_TRACES_SAMPLER", "", "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")
	e.sampler = sampler != ""
	if arg := strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER_ARG")); arg != "" && strings.HasSuffix(sampler, "traceidratio") {
		if ratio, err := strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			bad("OTEL_TRACES_SAMPLER_ARG", "must be 0 to 1, is %q", arg)
		}
	}
	return e, errors.Join(errs...)
}
