package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"golang.org/x/term"
)

// isTerminal reports whether a stream is one that a person looks at or types into.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// style colours text, or leaves it alone.
type style bool

// style colours what goes to w only if a person sees it and does not mind (NO_COLOR, TERM=dumb).
func (a *app) style(w io.Writer) style {
	return style(isTerminal(w) && a.environment("NO_COLOR") == "" && a.environment("TERM") != "dumb")
}

func (s style) paint(code, text string) string {
	if !s || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string  { return s.paint("1", text) }
func (s style) dim(text string) string   { return s.paint("2", text) }
func (s style) red(text string) string   { return s.paint("31", text) }
func (s style) green(text string) string { return s.paint("32", text) }

// printable replaces what could move the cursor or change colours: messages and errors come from others.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r == '\n' || !unicode.IsControl(r) && (r == utf8.RuneError || unicode.IsGraphic(r)) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// oneLine makes text fit a cell of at most n characters.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// table prints rows in columns under a header. Cells must not hold colours: these go by column, through paint.
func (a *app) table(header []string, rows [][]string, paint func(column int, padded string) string) {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string, paint func(int, string) string) {
		var b strings.Builder
		for i, cell := range row {
			padded := cell
			if i < len(row)-1 {
				padded += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			}
			if paint != nil {
				padded = paint(i, padded)
			}
			b.WriteString(padded)
		}
		fmt.Fprintln(a.out, strings.TrimRight(b.String(), " "))
	}
	s := a.style(a.out)
	line(header, func(_ int, padded string) string { return s.bold(padded) })
	for _, row := range rows {
		line(row, paint)
	}
}

// detail prints a line of what is shown of one thing, unless there is nothing to tell.
func (a *app) detail(name, value string) {
	if value != "" {
		fmt.Fprintf(a.out, "%s %s\n", a.style(a.out).dim(fmt.Sprintf("%-12s", name)), value)
	}
}

// printJSON prints a value for programs.
func (a *app) printJSON(v any) error {
	w := plain(a.out)
	if err := json.MarshalWrite(w, v, jsontext.WithIndent("  "), json.Deterministic(true)); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// showDone prints an answer that says in words what was done.
func (a *app) showDone(done wire.DoneResponse) { fmt.Fprintln(a.out, done.Message) }

// shortTime is a time for people, in their zone, which it names.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Local().Format("2006-01-02 15:04:05Z07:00")
}

// ago is a time span for people: two figures at most.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// were is "1 worker was", "2 workers were".
func were(n int, word string) string {
	if n == 1 {
		return plural(n, word) + " was"
	}
	return plural(n, word) + " were"
}

// plural is "1 message", "2 messages".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
