package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// what a stranger may put into a message: a C1 control sequence, a change of direction, an escape of one byte.
const hostile = "a\u009b31mb\u202ec\u2066d\u061ce\x1bf\x7fg"

func TestEscaper(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"nothing to escape":      {"{\"a\": \"ü 🎻\"}\n\t", "{\"a\": \"ü 🎻\"}\n\t"},
		"controls and direction": {hostile, `a\u009b31mb\u202ec\u2066d\u061ce\u001bf\u007fg`},
		"a byte that is no text": {"a\x9b31mb", "a\uFFFD31mb"},
		"a return":               {"a\rb", `a\u000db`},
	} {
		t.Run(name, func(t *testing.T) {
			for size := 1; size <= len(tc.text); size++ { // however it is cut
				var got bytes.Buffer
				w := &escaper{to: &got}
				for rest := tc.text; rest != ""; {
					n := min(size, len(rest))
					if _, err := io.WriteString(w, rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if got.String() != tc.want {
					t.Fatalf("in writes of %d bytes: got %q, want %q", size, got.String(), tc.want)
				}
			}
		})
	}
}

func TestJSONAndExportsAreEscapedOnTerminalsOnly(t *testing.T) {
	prints := map[string]func(*app) error{
		"--json": func(a *app) error { return a.printJSON(map[string]string{"error": hostile}) },
		"export": func(a *app) error {
			return a.export(&exportFlags{file: "-", format: "csv"}, func(_ string, w io.Writer) error {
				_, err := io.WriteString(w, hostile+"\n")
				return err
			})
		},
	}
	for name, print := range prints {
		t.Run(name, func(t *testing.T) {
			terminal, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			if err := print(&app{out: tty}); err != nil {
				t.Fatal(err)
			}
			tty.Close()
			shown, _ := io.ReadAll(terminal) // ends with an error when the other end is closed
			for _, bad := range []string{"\u009b", "\u202e", "\u2066", "\u061c", "\x1b", "\x7f"} {
				if strings.Contains(string(shown), bad) {
					t.Errorf("the terminal is sent %q in %q", bad, shown)
				}
			}
			if !strings.Contains(string(shown), `\u202e`) {
				t.Errorf("got %q, want the characters escaped", shown)
			}
			var file bytes.Buffer
			if err := print(&app{out: &file}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(file.String(), "\u202e") {
				t.Errorf("got %q in a file, want it as it is", file.String())
			}
		})
	}
}
