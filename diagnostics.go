package symphony

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a handler, a worker or an endpoint says about a failure is for people who look for its cause. It is kept as far as it
// can be and never refused: else a failure would be lost because of how it was described.

// ClipError makes a text from elsewhere one that can be stored with an attempt: bytes that are not UTF-8 are replaced,
// control characters other than the end of a line and tab, which could rewrite a terminal, become spaces, and it is cut
// between two characters to MaxErrorLength bytes.
func ClipError(text string) string {
	if len(text) > MaxErrorLength+utf8.UTFMax {
		text = text[:MaxErrorLength+utf8.UTFMax] // what is behind is cut off below, however much it is
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.ContainsFunc(text, rewrites) {
		text = strings.Map(func(r rune) rune {
			if rewrites(r) {
				return ' '
			}
			return r
		}, text)
	}
	if len(text) <= MaxErrorLength {
		return text
	}
	cut := MaxErrorLength
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

func rewrites(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// CleanClass makes a word from elsewhere for the kind of an error one that can be stored and looked for: the names that
// classes have in other languages (App\Exception\Foo, java.lang.Error) and words with spaces stay as they are, characters
// that cannot be printed become "_", and it is cut to MaxErrorClass characters. Nothing stays nothing.
func CleanClass(class string) string {
	if class == "" || len(class) <= MaxErrorClass && printable(class) && strings.TrimSpace(class) == class {
		return class
	}
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(class) { // bytes that are not UTF-8 come as U+FFFD
		if n++; n > MaxErrorClass {
			break
		}
		if !unicode.IsPrint(r) {
			r = '_'
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
