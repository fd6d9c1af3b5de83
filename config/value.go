package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// input is what a source says a value is: text, or in a file also a list or a mapping of texts.
type input struct {
	text  string
	list  []string
	pairs []pair
	// secret are the places in list that were marked with secretTag.
	secret []int
	shape  shape
	// fromFile: text is one value, however many commas it has.
	fromFile bool
}

type pair struct{ name, value string }

type shape string

const (
	scalar   shape = "a single value"
	sequence shape = "a list"
	mapping  shape = "a mapping"
)

// value is one setting's place in the Config.
type value interface {
	// set parses the input into the place. Its error says how the value must be ("must be 1 to 100, is 0") and never
	// repeats a secret.
	set(in input) error
	// show returns the value for people and for YAML, masked if it is secret.
	show() any
	// describe says which values are valid, in a few words.
	describe() string
	// mayBeEmpty reports whether nothing is a valid value.
	mayBeEmpty() bool
}

func only(want shape, in input) error {
	if in.shape != want {
		return fmt.Errorf("must be %s, is %s", want, in.shape)
	}
	return nil
}

// text is free text. check, unless nil, says what is wrong with one that is not empty.
type text struct {
	p        *string
	about    string
	optional bool
	check    func(string) error
	hide     func(string) string // unless nil, takes out what is secret
}

func (v text) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	if in.text != "" && v.check != nil {
		if err := v.check(in.text); err != nil {
			return err
		}
	}
	*v.p = in.text
	return nil
}
func (v text) show() any {
	if v.hide != nil {
		return v.hide(*v.p)
	}
	return *v.p
}
func (v text) describe() string { return v.about }
func (v text) mayBeEmpty() bool { return v.optional }

// choice is one of a few words.
type choice struct {
	p  *string
	of []string
}

func (v choice) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	if !slices.Contains(v.of, in.text) {
		return fmt.Errorf("must be %s, is %q%s", v.describe(), in.text, suggest(in.text, v.of))
	}
	*v.p = in.text
	return nil
}
func (v choice) show() any        { return *v.p }
func (v choice) describe() string { return orList(v.of) }
func (v choice) mayBeEmpty() bool { return false }

func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// boolean is true or false.
type boolean struct{ p *bool }

func (v boolean) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	if in.text != "true" && in.text != "false" {
		return fmt.Errorf("must be true or false, is %q", in.text)
	}
	*v.p = in.text == "true"
	return nil
}
func (v boolean) show() any        { return *v.p }
func (v boolean) describe() string { return "true or false" }
func (v boolean) mayBeEmpty() bool { return false }

// number is a whole number. Zero stands for "none" where min is greater and there is no default.
type number struct {
	p        *int
	min, max int // max 0: unlimited
}

func (v number) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	n, err := strconv.Atoi(in.text)
	if err != nil || n < v.min || v.max > 0 && n > v.max {
		return fmt.Errorf("must be %s, is %q", v.describe(), in.text)
	}
	*v.p = n
	return nil
}
func (v number) show() any { return *v.p }
func (v number) describe() string {
	if v.max == 0 {
		return fmt.Sprintf("a whole number of at least %d", v.min)
	}
	return fmt.Sprintf("a whole number from %d to %d", v.min, v.max)
}
func (v number) mayBeEmpty() bool { return false }

// decimal is a number with a fraction.
type decimal struct {
	p        *float64
	min, max float64
}

func (v decimal) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	f, err := strconv.ParseFloat(in.text, 64)
	if err != nil || math.IsNaN(f) || f < v.min || f > v.max {
		return fmt.Errorf("must be %s, is %q", v.describe(), in.text)
	}
	*v.p = f
	return nil
}
func (v decimal) show() any        { return *v.p }
func (v decimal) describe() string { return fmt.Sprintf("a number from %g to %g", v.min, v.max) }
func (v decimal) mayBeEmpty() bool { return false }

// optionalDecimal is a decimal that makes a difference between zero and not set.
type optionalDecimal struct {
	p **float64
	decimal
}

func (v optionalDecimal) set(in input) error {
	var f float64
	d := v.decimal
	d.p = &f
	if err := d.set(in); err != nil {
		return err
	}
	*v.p = &f
	return nil
}
func (v optionalDecimal) show() any {
	if *v.p == nil {
		return nil
	}
	return **v.p
}

// size is a number of bytes.
type size struct {
	p        *int64
	min, max int64
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}

func (v size) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	digits, unit := in.text, int64(1)
	for _, u := range sizeUnits {
		if cut, ok := strings.CutSuffix(in.text, u.suffix); ok {
			digits, unit = strings.TrimSpace(cut), u.bytes
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit || n*unit < v.min || n*unit > v.max {
		return fmt.Errorf("must be %s, is %q", v.describe(), in.text)
	}
	*v.p = n * unit
	return nil
}
func (v size) show() any { return formatSize(*v.p) }
func (v size) describe() string {
	if v.max == math.MaxInt64 {
		return fmt.Sprintf("a size like 2MiB of at least %v", formatSize(v.min))
	}
	return fmt.Sprintf("a size like 2MiB from %v to %v", formatSize(v.min), formatSize(v.max))
}
func (v size) mayBeEmpty() bool { return false }

func formatSize(n int64) any {
	for _, u := range slices.Backward(sizeUnits) {
		if n > 0 && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.suffix)
		}
	}
	return n
}

// duration is a time span with units.
type duration struct {
	p        *time.Duration
	min, max time.Duration // max 0: unlimited
	millis   bool          // in its variable a number without a unit is of milliseconds; see environ.go
}

func (v duration) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	d, err := time.ParseDuration(in.text)
	if err != nil || d < v.min || v.max > 0 && d > v.max {
		return fmt.Errorf("must be %s, is %q", v.describe(), in.text)
	}
	*v.p = d
	return nil
}
func (v duration) show() any { return formatDuration(*v.p) }
func (v duration) describe() string {
	if v.max == 0 {
		return fmt.Sprintf(`a duration like "30s" of at least %s`, formatDuration(v.min))
	}
	return fmt.Sprintf(`a duration like "30s" from %s to %s`, formatDuration(v.min), formatDuration(v.max))
}
func (v duration) mayBeEmpty() bool { return false }

// formatDuration is Duration.String without its trailing zero units: 24h, not 24h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// list is a list of texts; in a variable or flag they are separated by commas.
type list struct {
	p     *[]string
	about string
	check func(string) error
}

func (v list) set(in input) error {
	var items []string
	switch {
	case in.shape == sequence:
		items = in.list
	case in.shape == scalar && in.fromFile:
		items = []string{in.text}
	case in.shape == scalar && in.text != "":
		items = strings.Split(in.text, ",")
	case in.shape == mapping:
		return fmt.Errorf("must be a list, is %s", in.shape)
	}
	clean := make([]string, 0, len(items))
	var errs []error
	for _, item := range items {
		item = strings.TrimSpace(item)
		switch {
		case item == "":
			errs = append(errs, errors.New("has an empty entry"))
		case slices.Contains(clean, item):
			errs = append(errs, fmt.Errorf("names %q twice", item))
		case v.check != nil:
			errs = append(errs, v.check(item))
		}
		clean = append(clean, item)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*v.p = clean
	return nil
}
func (v list) show() any        { return slices.Clip(append([]string{}, *v.p...)) }
func (v list) describe() string { return v.about }
func (v list) mayBeEmpty() bool { return true }

// words is a list of texts taken as they are: empty ones, doubles and blanks matter. It is for files only.
type words struct {
	p      *[]string
	secret *[]int // the places of those that are masked
}

func (v words) set(in input) error {
	if err := only(sequence, in); err != nil {
		return err
	}
	if len(in.list) == 0 || in.list[0] == "" {
		return errors.New("must begin with a program")
	}
	*v.p, *v.secret = in.list, in.secret
	return nil
}

func (v words) show() any {
	shown := slices.Clone(*v.p)
	for _, i := range *v.secret {
		shown[i] = mask
	}
	return shown
}
func (v words) describe() string { return "a list: the program and its arguments" }
func (v words) mayBeEmpty() bool { return false }

// numbers is a list of whole numbers. It is for files only.
type numbers struct {
	p        *[]int
	min, max int
}

func (v numbers) set(in input) error {
	if err := only(sequence, in); err != nil {
		return err
	}
	all := make([]int, len(in.list))
	var errs []error
	for i, item := range in.list {
		errs = append(errs, number{&all[i], v.min, v.max}.set(input{text: item, shape: scalar}))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*v.p = all
	return nil
}
func (v numbers) show() any { return append([]int{}, *v.p...) }
func (v numbers) describe() string {
	return fmt.Sprintf("a list of whole numbers from %d to %d", v.min, v.max)
}
func (v numbers) mayBeEmpty() bool { return true }

// dictionary is a mapping of names to texts. It is for files only.
type dictionary struct {
	p      *map[string]string
	about  string
	secret bool // the values are masked
	check  func(map[string]string) error
}

func (v dictionary) set(in input) error {
	if err := only(mapping, in); err != nil {
		return err
	}
	m := make(map[string]string, len(in.pairs))
	for _, p := range in.pairs {
		m[p.name] = p.value
	}
	if v.check != nil {
		if err := v.check(m); err != nil {
			return err
		}
	}
	*v.p = m
	return nil
}

func (v dictionary) show() any {
	m := make(map[string]string, len(*v.p))
	for name, text := range *v.p {
		if v.secret {
			text = mask
		}
		m[name] = text
	}
	return m
}
func (v dictionary) describe() string { return v.about }
func (v dictionary) mayBeEmpty() bool { return true }

// nullable is text that makes a difference between nothing and not set.
type nullable struct {
	p     **string
	about string
}

func (v nullable) set(in input) error {
	if err := only(scalar, in); err != nil {
		return err
	}
	*v.p = &in.text
	return nil
}

func (v nullable) show() any {
	if *v.p == nil {
		return nil
	}
	return **v.p
}
func (v nullable) describe() string { return v.about }
func (v nullable) mayBeEmpty() bool { return true }
