package config

import (
	"slices"
	"strings"
)

// level orders the sources: a higher one overrides a lower one.
type level int

const (
	byDefault level = iota
	byFile
	byVariable
	byFlag
)

// field is one setting: a row of the table.
type field struct {
	key   string // dotted, within its section; "" where the section is the setting, as for a route
	value value
	def   string // in the form of a file; "" for none
	env   string // its variable if not by the rule of variable()
	twin  *field // the other one of a secret and its file
	of    string // the field of a struct that holds it, as Server.Addr

	prefix []string // where the section stands, for settings that repeat: "transports", "email"
	place  place    // where it was set
}

// name is the full key, for messages.
func (f *field) name() string { return dotted(f.path()) }

// path is the full key in steps.
func (f *field) path() []string {
	if f.key == "" {
		return f.prefix
	}
	return slices.Concat(f.prefix, strings.Split(f.key, "."))
}

// dotted joins steps; an index stands at the step before it.
func dotted(path []string) string {
	return strings.ReplaceAll(strings.Join(path, "."), ".[", "[")
}

// fixedPrefix begins the variables of all keys but those of the section supabase, whose names are customary.
const fixedPrefix = "SYMPHONY_"

// variable is the name of the field's variable: the key in upper case, steps joined by "_".
func (f *field) variable() string {
	if f.env != "" {
		return f.env
	}
	name := strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
	if strings.HasPrefix(f.key, "supabase.") {
		return name
	}
	return fixedPrefix + name
}

// withFile gives a secret its second field, the file to read it from, under the same name with "_file".
func withFile(f *field) []*field {
	twin := &field{key: f.key + "_file", value: secretFile{f.value.(secrets), new(string)}, twin: f}
	if f.env != "" {
		twin.env = f.env + "_FILE"
	}
	f.twin = twin
	return []*field{f, twin}
}

// under places a section's fields.
func under(prefix []string, fields []*field) []*field {
	for _, f := range fields {
		f.prefix = prefix
	}
	return fields
}

// inherit gives the fields that were not set the values of their counterparts.
func inherit(fields, from []*field) {
	for i, f := range fields {
		if d, ok := f.value.(durations); ok {
			// A section that says how its waits grow does not want somebody else's list of them.
			if !isSet(fields, "retry.backoff") && !isSet(fields, "retry.initial_delay") && !isSet(fields, "retry.multiplier") && f.place.level == byDefault {
				*d.p = slices.Clone(*from[i].value.(durations).p)
			}
			continue
		}
		if f.place.level == byDefault {
			// What another field shows is valid for its counterpart.
			_ = f.value.set(input{text: showText(from[i].value), shape: scalar})
		}
	}
}
