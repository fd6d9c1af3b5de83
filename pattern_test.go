package symphony_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/symphony-messenger/symphony"
)

func TestValidatePattern(t *testing.T) {
	for pattern, valid := range map[string]bool{
		"order.paid": true, "order.*": true, "a.b.*": true, "*": true, "é": true, "order.": true, "..*": true,
		"": false, ".*": false, "**": false, "order*": false, "*.paid": false, "a.*.b": false, "a.*.*": false, "*.*": false,
	} {
		if err := symphony.ValidatePattern(pattern); (err == nil) != valid {
			t.Errorf("ValidatePattern(%q) = %v, want valid: %v", pattern, err, valid)
		}
	}
}

// mostSpecific is the rule in its plainest form: exact, then the longest prefix, then "*".
func mostSpecific(patterns []string, typ string) (best string, ok bool) {
	for _, p := range patterns {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		switch {
		case p == typ:
			return p, true
		case isPrefix && strings.HasPrefix(typ, prefix) && len(p) > len(best):
			best, ok = p, true
		}
	}
	return best, ok
}

// A Mux marks each pattern by its policy, so that the one it chose can be told.
func TestMostSpecificPatternWins(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "ab", "order", ""})
	typ := rapid.Map(rapid.SliceOfN(part, 1, 4), func(parts []string) string { return strings.Join(parts, ".") }).Filter(func(s string) bool { return s != "" })
	pattern := rapid.OneOf(typ, rapid.Map(typ, func(s string) string { return s + ".*" }), rapid.Just("*"))
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfDistinct(pattern, rapid.ID).Draw(t, "patterns")
		mux := symphony.NewMux()
		for i, p := range patterns {
			mux.Retry(p, symphony.Policy{InitialDelay: time.Duration(i + 1)})
		}
		for range 20 {
			typ := typ.Draw(t, "type")
			want, ok := mostSpecific(patterns, typ)
			got := mux.Policy(typ, symphony.Policy{}).InitialDelay
			switch {
			case !ok && got != 0:
				t.Fatalf("type %q matches %q, want none", typ, patterns[got-1])
			case ok && got == 0:
				t.Fatalf("type %q matches nothing, want %q", typ, want)
			case ok && patterns[got-1] != want:
				t.Fatalf("type %q matches %q, want %q", typ, patterns[got-1], want)
			}
		}
	})
}

func TestPatternsAreReplaced(t *testing.T) {
	for pattern, typ := range map[string]string{"order.paid": "order.paid", "order.*": "order.paid", "*": "order.paid"} {
		mux := symphony.NewMux()
		mux.Retry(pattern, symphony.Policy{MaxRetries: 1})
		mux.Retry(pattern, symphony.Policy{MaxRetries: 2})
		if got := mux.Policy(typ, symphony.Policy{}).MaxRetries; got != 2 {
			t.Errorf("%s: max retries = %d, want those set last", pattern, got)
		}
	}
}

func TestPrefixesEndAtADot(t *testing.T) {
	mux := symphony.NewMux()
	mux.HandleFunc("order.*", func(context.Context, *symphony.Delivery) error { return nil })
	for typ, want := range map[string]bool{"order.paid": true, "order.": true, "order.a.b": true, "order": false, "orders.paid": false, "Order.paid": false} {
		if got := mux.Handles(typ); got != want {
			t.Errorf("order.* handles %q: %v, want %v", typ, got, want)
		}
	}
}
