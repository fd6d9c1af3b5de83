package config

import "log/slog"

// Secret is text that must not be seen. Printed, marshalled or logged it is a mask; string(s) is what it hides.
type Secret string

const mask = "********"

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// MarshalText writes the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal returns what the secrets hide.
func Reveal(secrets []Secret) []string {
	plain := make([]string, len(secrets))
	for i, s := range secrets {
		plain[i] = string(s)
	}
	return plain
}
