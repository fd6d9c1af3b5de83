package symphony_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
)

// classed says what kind of error it is.
type classed struct{ class string }

func (c classed) Error() string      { return "classed" }
func (c classed) ErrorClass() string { return c.class }

// failures runs a message's handlers, one for each error, and returns what they came to together.
func failures(t *testing.T, errs ...error) error {
	t.Helper()
	mux := symphony.NewMux()
	for _, err := range errs {
		mux.HandleFunc("t", func(context.Context, *symphony.Delivery) error { return err })
	}
	return mux.Run(t.Context(), handled("t", `{}`), 0).Err
}

func TestErrorClass(t *testing.T) {
	plain := errors.New("plain")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"none":                                {nil, ""},
		"plain":                               {plain, "error"},
		"plain, formatted":                    {fmt.Errorf("text %d", 1), "error"},
		"plain, wrapped":                      {fmt.Errorf("handle: %w", plain), "error"},
		"joined":                              {errors.Join(plain, plain), "error"},
		"joined, of a type":                   {errors.Join(&symphony.ValidationError{}, plain), "symphony.ValidationError"},
		"wraps two":                           {fmt.Errorf("%w, %w", plain, plain), "error"},
		"permanent":                           {symphony.Permanent(plain), "error"},
		"retry after":                         {symphony.RetryAfter(plain, 1), "error"},
		"its own class":                       {fmt.Errorf("handle: %w", symphony.Permanent(classed{"card_declined"})), "card_declined"},
		"its own class, joined":               {errors.Join(plain, classed{"card_declined"}), "card_declined"},
		"no handler":                          {&symphony.NoHandlerError{Type: "t"}, "no_handler"},
		"undecodable":                         {&symphony.DecodeError{Err: plain}, "undecodable"},
		"panic":                               {&symphony.PanicError{Value: "x"}, "panic"},
		"worker lost":                         {&symphony.UsedUpError{Lost: 4}, symphony.LostClass},
		"deadline":                            {fmt.Errorf("handle: %w", context.DeadlineExceeded), "timeout"},
		"cancelled":                           {fmt.Errorf("handle: %w", context.Canceled), "canceled"},
		"a type":                              {fmt.Errorf("handle: %w", &fs.PathError{Op: "open", Path: "x", Err: classed{"inner"}}), "inner"},
		"the innermost type":                  {fmt.Errorf("handle: %w", &symphony.ValidationError{}), "symphony.ValidationError"},
		"several handlers":                    {failures(t, plain, plain), "error"},
		"several handlers, classed":           {failures(t, plain, classed{"card_declined"}), "card_declined"},
		"several handlers, the first classed": {failures(t, classed{"card_declined"}, plain), "card_declined"},
		"one of several handlers":             {failures(t, nil, classed{"card_declined"}), "card_declined"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := symphony.ErrorClass(test.err); got != test.want {
				t.Errorf("class = %q, want %q", got, test.want)
			}
		})
	}
}

func TestIsPermanent(t *testing.T) {
	plain := errors.New("plain")
	permanent := symphony.Permanent(plain)
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"none":                               {nil, false},
		"plain":                              {plain, false},
		"permanent":                          {permanent, true},
		"permanent, wrapped":                 {fmt.Errorf("handle: %w", permanent), true},
		"permanent, with a delay":            {symphony.RetryAfter(permanent, 1), true},
		"no handler":                         {fmt.Errorf("x: %w", &symphony.NoHandlerError{}), true},
		"undecodable":                        {fmt.Errorf("x: %w", &symphony.DecodeError{Err: plain}), true},
		"panic":                              {&symphony.PanicError{}, false},
		"deadline":                           {context.DeadlineExceeded, false},
		"all handlers permanently":           {failures(t, permanent, fmt.Errorf("x: %w", permanent)), true},
		"one handler permanently, one not":   {failures(t, permanent, plain), false},
		"one handler permanently, one well":  {failures(t, nil, permanent), true},
		"one handler failed, one went well":  {failures(t, plain, nil), false},
		"joined by the handler, one of them": {errors.Join(plain, permanent), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := symphony.IsPermanent(test.err); got != test.want {
				t.Errorf("IsPermanent(%v) = %v, want %v", test.err, got, test.want)
			}
		})
	}
}

func TestMarkedErrorsKeepTheirTextAndCause(t *testing.T) {
	cause := classed{"x"}
	for name, err := range map[string]error{"permanent": symphony.Permanent(cause), "retry after": symphony.RetryAfter(cause, 1)} {
		if err.Error() != cause.Error() || !errors.Is(err, cause) {
			t.Errorf("%s: %v does not stand for its cause", name, err)
		}
	}
	if symphony.Permanent(nil) != nil || symphony.RetryAfter(nil, 1) != nil {
		t.Error("marking no error makes one")
	}
}

func TestSentinelsMatchTheirTypes(t *testing.T) {
	for sentinel, err := range map[error]error{
		symphony.ErrInvalid:  &symphony.ValidationError{},
		symphony.ErrConflict: &symphony.IdempotencyConflictError{},
	} {
		if !errors.Is(fmt.Errorf("dispatch: %w", err), sentinel) {
			t.Errorf("%T does not match %v", err, sentinel)
		}
		if errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("%T matches ErrNotFound", err)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"invalid message: options.priority must be 1 to 10; message.type is required":                  &symphony.ValidationError{Problems: []symphony.Problem{{"options.priority", "must be 1 to 10"}, {"message.type", "is required"}}},
		`idempotency key "k" on transport "email" was used by message m1 with another type or payload`: &symphony.IdempotencyConflictError{Key: "k", Transport: "email", MessageID: "m1"},
		`no handler for type "t"`: &symphony.NoHandlerError{Type: "t"},
		"decode: unexpected end":  &symphony.DecodeError{Err: errors.New("unexpected end")},
		"panic: 42":               &symphony.PanicError{Value: 42},
		"attempts used up: 4 deliveries ended with their worker lost": &symphony.UsedUpError{Lost: 4},
		"attempts used up: 5 were made, and 3 are allowed by now":     &symphony.UsedUpError{Attempts: 5, Allowed: 3},
	} {
		if err.Error() != want {
			t.Errorf("text = %q, want %q", err.Error(), want)
		}
	}
}

func TestClipError(t *testing.T) {
	const limit = symphony.MaxErrorLength
	for name, test := range map[string]struct{ text, want string }{
		"short":              {"short", "short"},
		"as long as allowed": {strings.Repeat("x", limit), strings.Repeat("x", limit)},
		"too long":           {strings.Repeat("x", limit+1), strings.Repeat("x", limit)},
		"within a character": {strings.Repeat("x", limit-1) + "é", strings.Repeat("x", limit-1)},
		"bytes of no text":   {"a\xffb", "a\uFFFDb"},
		"half a character":   {strings.Repeat("x", limit-1) + "\xc3", strings.Repeat("x", limit-1)},
		"megabytes of it":    {strings.Repeat("é", limit*200), strings.Repeat("é", limit/2)},
		"control characters": {"a\x00b\x1b[2J\r\n\tc\u0085", "a b [2J \n\tc "},
	} {
		t.Run(name, func(t *testing.T) {
			got := symphony.ClipError(test.text)
			if got != test.want || !utf8.ValidString(got) {
				t.Errorf("%d bytes ending in %q, want %d", len(got), got[max(0, len(got)-5):], len(test.want))
			}
		})
	}
}

func TestCleanClass(t *testing.T) {
	const limit = symphony.MaxErrorClass
	for class, want := range map[string]string{
		"": "", "timeout": "timeout", `App\Exception\Foo`: `App\Exception\Foo`, "java.lang.IllegalStateException": "java.lang.IllegalStateException",
		"requests.exceptions.HTTPError": "requests.exceptions.HTTPError", "Out of memory": "Out of memory", "Fehler/größer": "Fehler/größer",
		" a ": "a", "a\nb\x00": "a_b_", "a\xffb": "a\uFFFDb", "\x00": "_", "   ": "", "Foo<Bar>$1@anonymous": "Foo<Bar>$1@anonymous",
		strings.Repeat("é", limit+1): strings.Repeat("é", limit), strings.Repeat("x", 2<<20): strings.Repeat("x", limit),
	} {
		if got := symphony.CleanClass(class); got != want {
			t.Errorf("CleanClass(%.40q) = %q, want %q", class, got, want)
		}
	}
	if got := symphony.ErrorClass(spoken("App\\Foo\n")); got != "App\\Foo" {
		t.Errorf("the class of an error of Go: got %q", got)
	}
}

type spoken string

func (spoken) Error() string        { return "failed" }
func (c spoken) ErrorClass() string { return string(c) }
