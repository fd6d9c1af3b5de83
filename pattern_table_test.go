package symphony_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
)

// TestPatterns_as_in_the_table holds the rules that clients in other languages follow, too: their tests read the same
// table.
func TestPatterns_as_in_the_table(t *testing.T) {
	raw, err := os.ReadFile("sdk/testdata/patterns.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Patterns []struct {
			Pattern string
			Valid   bool
		}
		Matches []struct {
			Patterns []string
			Type     string
			Wins     *string
		}
	}
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	for _, c := range table.Patterns {
		if err := symphony.ValidatePattern(c.Pattern); (err == nil) != c.Valid {
			t.Errorf("%q: got %v, want valid %t", c.Pattern, err, c.Valid)
		}
	}
	for _, c := range table.Matches {
		var p symphony.Patterns[string]
		for _, pattern := range c.Patterns {
			if err := p.Set(pattern, pattern); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := p.Match(c.Type)
		if ok != (c.Wins != nil) || ok && got != *c.Wins {
			t.Errorf("%s among %s: got %q (%t)", c.Type, strings.Join(c.Patterns, " "), got, ok)
		}
	}
}
