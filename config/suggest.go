package config

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// suggest returns "; did you mean X?" for the candidate nearest to a misspelt or shortened name, or "" if none is near.
func suggest(name string, candidates []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		d := levenshtein.ComputeDistance(name, c)
		if len(name) > 2 && strings.HasPrefix(c, name) {
			d = 1
		}
		if d < least {
			best, least = c, d
		}
	}
	if best == "" || least >= len(best) {
		return ""
	}
	return "; did you mean " + best + "?"
}
