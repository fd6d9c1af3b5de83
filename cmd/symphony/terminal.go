package main

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// plain is where values for programs go: w itself, or where a person looks at it a writer that lets nothing through that
// could move the cursor, change colours or turn the order of what is read. JSON escapes the control characters of ASCII
// only, and CSV none.
func plain(w io.Writer) io.Writer {
	if isTerminal(w) {
		return &escaper{to: w}
	}
	return w
}

// escaper writes control characters, other than the end of a line and tab, and those that turn the direction of text as \u
// and four digits, which is the same text in JSON. What is not UTF-8, which some terminals take for control characters of
// one byte, becomes U+FFFD.
type escaper struct {
	to   io.Writer
	rest []byte // the beginning of a character that was cut by a write
}

// Write implements io.Writer.
func (e *escaper) Write(p []byte) (int, error) {
	text := append(e.rest, p...)
	out := make([]byte, 0, len(text)+len(text)/8)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n <= 1 && !utf8.FullRune(text) {
			break
		}
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
		text = text[n:]
	}
	e.rest = append([]byte(nil), text...)
	if _, err := e.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
