//go:build unix

package command_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

func TestHandle_keeps_what_the_program_leaves(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for script, want := range map[string]struct {
		output, why string
		fails       bool
	}{
		`printf ' {"rows": 1.50}\n' >"$SYMPHONY_OUTPUT"`: {output: `{"rows": 1.50}`},
		`true`:                                    {},
		`rm "$SYMPHONY_OUTPUT"`:                   {},
		`printf '{' >"$SYMPHONY_OUTPUT"`:          {why: symphony.OutputNotJSON},
		`printf '"%0200d"' 1 >"$SYMPHONY_OUTPUT"`: {why: symphony.OutputTooLarge},
		`printf '1' >"$SYMPHONY_OUTPUT"; exit 3`:  {fails: true},
		`test -z "$(cat "$SYMPHONY_OUTPUT")" && ls "$SYMPHONY_OUTPUT" >&2`: {},
	} {
		mux := symphony.NewMux()
		mux.Handle("*", open(t, []string{"sh", "-c", script}, command.Options{}), symphony.HandlerOptions{})
		res := mux.Run(symphony.Reporting(t.Context(), 100, nil), delivery(), 0)
		if string(res.Output) != want.output || res.OutputError != want.why || (res.Err != nil) != want.fails {
			t.Errorf("%s: got %s, %q, %v", script, res.Output, res.OutputError, res.Err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := command.New([]string{"true"}, command.Options{Env: map[string]string{"SYMPHONY_OUTPUT": "x"}}); err == nil {
		t.Error("the variable can be replaced")
	}
}

func TestHandle_keeps_the_lines_of_standard_error(t *testing.T) {
	var lines []string
	ctx := symphony.Reporting(t.Context(), 100, func(n symphony.Note) { lines = symphony.AppendLog(lines, n.Log...) })
	mux := symphony.NewMux()
	script := `printf 'one\ntwo' >&2; printf ' and\n\nlast' >&2`
	mux.Handle("*", open(t, []string{"sh", "-c", script}, command.Options{}), symphony.HandlerOptions{})
	if res := mux.Run(ctx, delivery(), 0); res.Err != nil {
		t.Fatal(res.Err)
	}
	if want := []string{"one", "two and", "last"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}
