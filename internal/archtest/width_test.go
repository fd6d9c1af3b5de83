package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maxWidth is how many columns a line of Go may have, a tab counting as tabWidth.
const (
	maxWidth = 120
	tabWidth = 4
)

// slack is how far below its number a folder may be before the number must follow.
const slack = 40

// wideLines are how many lines of each top folder are wider, from before there was a bound. The numbers only go down.
func wideLines() map[string]int {
	return map[string]int{
		".":            232,
		"alert":        32,
		"audit":        18,
		"auth":         132,
		"bench":        95,
		"client":       18,
		"cmd":          214,
		"config":       156,
		"e2e":          76,
		"event":        18,
		"flow":         19,
		"handler":      66,
		"httpapi":      761,
		"internal":     114,
		"local":        2,
		"metrics":      63,
		"monitor":      62,
		"monitoring":   37,
		"operation":    43,
		"schedule":     18,
		"scheduler":    103,
		"schema":       6,
		"server":       53,
		"storage":      3,
		"symphonytest": 14,
		"tools":        66,
		"tracing":      45,
		"transport":    1050,
		"worker":       71,
	}
}

// width is how many columns a line takes.
func width(line string) int {
	n := 0
	for _, r := range strings.TrimRight(line, "\r\n") {
		if n++; r == '\t' {
			n += tabWidth - 1
		}
	}
	return n
}

// checkWidths returns the folders with more wide lines than they may have, and those whose number is to be lowered.
func checkWidths(wide, most map[string]int) []string {
	var violations []string
	for _, folder := range slices.Sorted(maps.Keys(wide)) {
		if wide[folder] > most[folder] {
			violations = append(violations, fmt.Sprintf("%s has %d lines wider than %d columns, at most %d: wrap those that you have written",
				folder, wide[folder], maxWidth, most[folder]))
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(most)) {
		if n := wide[folder]; n < most[folder]-slack || n == 0 && most[folder] > 0 {
			violations = append(violations, fmt.Sprintf("%s has only %d lines wider than %d columns: lower its number, which is %d", folder, n, maxWidth, most[folder]))
		}
	}
	return violations
}

func TestWidths(t *testing.T) {
	tr := readTree(t)
	wide := make(map[string]int)
	for _, f := range tr.goes {
		folder, _, below := strings.Cut(f.path, "/")
		if !below {
			folder = "."
		}
		for line := range strings.Lines(tr.read(t, f.path)) {
			if width(line) > maxWidth {
				wide[folder]++
			}
		}
	}
	report(t, checkWidths(wide, wideLines()))
}

func TestCheckWidths(t *testing.T) {
	for name, test := range map[string]struct {
		wide, most map[string]int
		want       []string
	}{
		"as many":       {map[string]int{"a": 50}, map[string]int{"a": 50}, nil},
		"a few fewer":   {map[string]int{"a": 11}, map[string]int{"a": 50}, nil},
		"one more":      {map[string]int{"a": 51}, map[string]int{"a": 50}, []string{"a has 51 lines wider than 120 columns, at most 50: wrap those that you have written"}},
		"a new folder":  {map[string]int{"b": 1}, nil, []string{"b has 1 lines wider than 120 columns, at most 0: wrap those that you have written"}},
		"many fewer":    {map[string]int{"a": 9}, map[string]int{"a": 50}, []string{"a has only 9 lines wider than 120 columns: lower its number, which is 50"}},
		"none any more": {nil, map[string]int{"a": 5}, []string{"a has only 0 lines wider than 120 columns: lower its number, which is 5"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, checkWidths(test.wide, test.most)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
	if got := width("\tÄ\tb\n"); got != 10 {
		t.Errorf("a line with two tabs and two letters has %d columns, want 10", got)
	}
}
