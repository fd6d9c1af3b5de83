package symphony_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/codec"
)

// attempt runs handlers on a message, with at most so many bytes of output, and returns the result and what was told.
func attempt(t *testing.T, mux *symphony.Mux, most int) (symphony.Result, []symphony.Note) {
	t.Helper()
	var notes []symphony.Note
	ctx := symphony.Reporting(t.Context(), most, func(n symphony.Note) { notes = append(notes, n) })
	d := &symphony.Delivery{Envelope: symphony.Envelope{ID: "m", Type: "Export", Payload: json.RawMessage(`{}`)},
		Attempt: 1}
	return mux.Run(ctx, d, 0), notes
}

func TestSetOutput(t *testing.T) {
	set := func(values ...any) func(context.Context, *symphony.Delivery) error {
		return func(ctx context.Context, _ *symphony.Delivery) error {
			var errs []error
			for _, v := range values {
				errs = append(errs, symphony.SetOutput(ctx, v))
			}
			return errors.Join(errs...)
		}
	}
	for name, test := range map[string]struct {
		handlers []func(context.Context, *symphony.Delivery) error
		want     string
		fails    error
	}{
		"a value": {handlers: []func(context.Context,
			*symphony.Delivery) error{set(map[string]int{"a": 1})}, want: `{"a":1}`},
		"JSON as it is": {handlers: []func(context.Context,
			*symphony.Delivery) error{set(json.RawMessage(`{ "a": 1.50 }`))}, want: `{ "a": 1.50 }`},
		"the last one wins": {handlers: []func(context.Context, *symphony.Delivery) error{set(1, 2)}, want: `2`},
		"of several handlers": {handlers: []func(context.Context, *symphony.Delivery) error{set(1), set(2),
			set()}, want: `2`},
		"none": {handlers: []func(context.Context, *symphony.Delivery) error{set()}},
		"too large": {handlers: []func(context.Context,
			*symphony.Delivery) error{set(strings.Repeat("x", 100))}, fails: symphony.ErrOutputTooLarge},
		"after one that fails": {handlers: []func(context.Context, *symphony.Delivery) error{set(1),
			set(make(chan int))}, fails: errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			mux := symphony.NewMux()
			for _, h := range test.handlers {
				mux.HandleFunc("Export", h)
			}
			res, _ := attempt(t, mux, 100)
			if string(res.Output) != test.want || (res.Err != nil) != (test.fails != nil) {
				t.Errorf("got %s, %v, want %s", res.Output, res.Err, test.want)
			}
			if errors.Is(test.fails, symphony.ErrOutputTooLarge) && !errors.Is(res.Err, symphony.ErrOutputTooLarge) {
				t.Errorf("got %v", res.Err)
			}
		})
	}
	if err := symphony.SetOutput(t.Context(), 1); err == nil {
		t.Error("an output was set outside of a handler")
	}
}

func TestSetOutput_is_encrypted_where_payloads_are(t *testing.T) {
	c, err := codec.NewAESGCM("k", map[string][]byte{"k": make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	mux := symphony.NewMux()
	mux.UseCodec(c)
	mux.HandleFunc("Export", func(ctx context.Context, _ *symphony.Delivery) error {
		return symphony.SetOutput(ctx, []string{"secret"})
	})
	res, _ := attempt(t, mux, 1000)
	if res.Err != nil || strings.Contains(string(res.Output), "secret") || len(res.Output) == 0 {
		t.Fatalf("got %s, %v", res.Output, res.Err)
	}
}

func TestOutput(t *testing.T) {
	m := symphony.MessageInfo{Output: json.RawMessage(`{"rows":7}`)}
	v, err := symphony.Output[struct{ Rows int }](m)
	if err != nil || v.Rows != 7 {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := symphony.Output[int](m); err == nil {
		t.Error("an object was taken for a number")
	}
	for _, m := range []symphony.MessageInfo{{}, {OutputError: symphony.OutputTooLarge}} {
		if _, err := symphony.Output[int](m); !errors.Is(err, symphony.ErrNoOutput) {
			t.Errorf("got %v", err)
		}
	}
}

func TestHandlersTell(t *testing.T) {
	mux := symphony.NewMux()
	mux.KeepLogs("Exp.*")
	mux.HandleFunc("Export", func(ctx context.Context, _ *symphony.Delivery) error {
		symphony.Progress(ctx, 1, 4, strings.Repeat("ü", 300))
		symphony.Logger(ctx).Info("rows", "n", 7)
		symphony.Logger(ctx).Debug("not kept")
		symphony.Log(ctx, "plain")
		return nil
	})
	_, notes := attempt(t, mux, 100)
	if len(notes) != 3 {
		t.Fatalf("told %+v", notes)
	}
	if p := notes[0].Progress; p.Done != 1 || p.Total != 4 || p.Text != strings.Repeat("ü", symphony.MaxProgressText) {
		t.Errorf("progress %+v", p)
	}
	if line := notes[1].Log[0]; !strings.HasSuffix(line, "level=INFO msg=rows n=7") {
		t.Errorf("line %q", line)
	}
	if !slices.Equal(notes[2].Log, []string{"plain"}) || notes[2].KeepLog {
		t.Errorf("told %+v", notes[2])
	}
}

func TestAppendLog_keeps_the_last_lines_within_its_bounds(t *testing.T) {
	var log []string
	for i := range 250 {
		log = symphony.AppendLog(log, fmt.Sprint(i))
	}
	if len(log) != symphony.MaxLogLines || log[0] != "150" || log[99] != "249" {
		t.Errorf("%d lines from %s to %s", len(log), log[0], log[len(log)-1])
	}
	if got := symphony.AppendLog(nil, "a\x1b[2Jb\r\nc\n"); !slices.Equal(got, []string{"a [2Jb", "c"}) {
		t.Errorf("got %q", got)
	}
}
