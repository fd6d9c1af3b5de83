package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// showText is a value as the text that sets it.
func showText(v value) string { return fmt.Sprint(v.show()) }

// Setting is one key with its value and where that comes from.
type Setting struct {
	Key   string `json:"key"`
	Value any    `json:"value"` // masked if secret
	// Source is file:line:column, a variable, a flag, or "default".
	Source string `json:"source"`

	path []string
}

// Settings lists what is set and the defaults in force, in the order of docs/configuration.md.
func (c *Config) Settings() []Setting {
	settings := make([]Setting, 0, len(c.fields))
	for _, f := range c.fields {
		s := Setting{Key: f.name(), Value: f.value.show(), Source: f.place.source, path: f.path()}
		if f.place.level == byDefault {
			// A setting that is off by default would only be noise.
			if f.def == "" {
				continue
			}
			s.Source = "default"
		}
		settings = append(settings, s)
	}
	return settings
}

// YAML writes the settings as a configuration file, each with its source in a comment. Secrets are masked.
func (c *Config) YAML() string {
	var b strings.Builder
	writeSettings(&b, c.Settings(), 0, "")
	return b.String()
}

// writeSettings writes settings that share the first steps of their paths, as many as depth says. Settings of one
// section need not be neighbours.
func writeSettings(b *strings.Builder, settings []Setting, depth int, indent string) {
	var steps []string
	groups := map[string][]Setting{}
	for _, s := range settings {
		step := s.path[depth]
		if groups[step] == nil {
			steps = append(steps, step)
		}
		groups[step] = append(groups[step], s)
	}
	for _, step := range steps {
		group := groups[step]
		isLeaf := len(group[0].path) == depth+1
		switch {
		case isLeaf:
			fmt.Fprintf(b, "%s%s: %s # %s\n", indent, yamlText(step), yamlText(group[0].Value), group[0].Source)
		case strings.HasPrefix(step, "["):
			var item strings.Builder
			writeSettings(&item, group, depth+1, indent+"  ")
			// The first line's indentation makes room for the dash.
			b.WriteString(indent + "- " + strings.TrimPrefix(item.String(), indent+"  "))
		default:
			fmt.Fprintf(b, "%s%s:\n", indent, yamlText(step))
			writeSettings(b, group, depth+1, indent+"  ")
		}
	}
}

// plainText matches texts that need no quotes in YAML, unless they look like another type.
var plainText = regexp.MustCompile(`^[A-Za-z0-9/_.][A-Za-z0-9/_.:@+-]*$`)

// yamlText writes a value in one line. JSON is YAML as well.
func yamlText(v any) string {
	if s, ok := v.(string); ok && plainText.MatchString(s) && !strings.HasSuffix(s, ":") {
		_, err := strconv.ParseFloat(s, 64)
		if err != nil && !slices.Contains([]string{"true", "false", "null"}, strings.ToLower(s)) {
			return s
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// The values are texts, numbers, and lists and maps of them.
		panic("config: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
