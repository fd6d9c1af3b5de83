package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

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

// secrets is one secret, or in a file a list of them. check, unless nil, must not repeat the secret.
type secrets struct {
	p     *[]Secret // or, where there can be one only:
	one   *Secret
	check func(string) error
	// about and hide are for one secret that is more than a secret, and cannot be nothing: what it is, and what may be
	// seen of it.
	about string
	hide  func(string) string
}

func (v secrets) set(in input) error {
	var items []string
	switch {
	case in.shape == mapping, in.shape == sequence && v.one != nil:
		return fmt.Errorf("must be %s, is %s", v.describe(), in.shape)
	case in.shape == sequence:
		items = in.list
	case in.text != "":
		items = []string{in.text}
	}
	all := make([]Secret, len(items))
	var errs []error
	for i, item := range items {
		if item == "" {
			errs = append(errs, errors.New("has an empty entry"))
		} else if v.check != nil {
			errs = append(errs, v.check(item))
		}
		all[i] = Secret(item)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	switch {
	case v.one == nil:
		*v.p = all
	case len(all) == 0:
		*v.one = ""
	default:
		*v.one = all[0]
	}
	return nil
}

func (v secrets) show() any {
	switch {
	case v.one != nil && v.hide != nil:
		return v.hide(string(*v.one))
	case v.one != nil:
		return v.one.String()
	case len(*v.p) == 0:
		return ""
	case len(*v.p) == 1:
		return mask
	}
	masks := make([]string, len(*v.p))
	for i := range masks {
		masks[i] = mask
	}
	return masks
}

func (v secrets) describe() string {
	switch {
	case v.about != "":
		return v.about
	case v.one != nil:
		return "a secret"
	}
	return "a secret, or in the file a list of them"
}
func (v secrets) mayBeEmpty() bool { return v.about == "" }

// secretFile reads secrets from a file, one a line.
type secretFile struct {
	into secrets
	path *string
}

// maxSecretFile bounds what is read: whoever names a wrong file should hear of it.
const maxSecretFile = 64 << 10

func (v secretFile) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	info, err := os.Stat(in.text)
	switch {
	case err != nil:
		return err
	case info.Size() > maxSecretFile:
		return fmt.Errorf("%s has %d bytes, which is too much for a secret", in.text, info.Size())
	}
	raw, err := os.ReadFile(in.text)
	if err != nil {
		return err
	}
	var lines []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	switch {
	case len(lines) == 0:
		return fmt.Errorf("%s holds no secret", in.text)
	case len(lines) > 1 && v.into.one != nil:
		return fmt.Errorf("%s has %d lines, it must hold one secret", in.text, len(lines))
	}
	found := input{list: lines, shape: sequence}
	if v.into.one != nil {
		found = input{text: lines[0], shape: scalar}
	}
	if err := v.into.set(found); err != nil {
		return fmt.Errorf("what is in %s %w", in.text, err)
	}
	*v.path = in.text
	return nil
}
func (v secretFile) show() any        { return *v.path }
func (v secretFile) describe() string { return "path of a file with the secret" }
func (v secretFile) mayBeEmpty() bool { return false }
