package symphony

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a handler, worker or endpoint says about a failure helps people find its cause. It is cleaned and cut, but never
// refused: a failure must not be lost because of how it was described.

// ClipError makes an error text storable: invalid UTF-8 is replaced, control characters other than newline and tab,
// which could rewrite a terminal, become spaces, and the text is cut between characters to MaxErrorLength bytes.
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

// CleanClass makes an error class storable and searchable. Class names of other languages (App\Exception\Foo,
// java.lang.Error) and words with spaces stay as they are; unprintable characters become "_", and the result is cut to
// MaxErrorClass characters. An empty class stays empty.
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
