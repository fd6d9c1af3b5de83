package triage

import (
	"net/netip"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What stands for texts that differ from case to case. Each stays as it is when it is normalized once more.
const (
	aNumber   = "#" // or an id: some ids have digits only
	aQuote    = "<text>"
	anAddress = "<address>"
	aTime     = "<time>"
)

// maxQuoted bounds a quoted text, in bytes. A quotation mark without another so near is an inch, or was cut off.
const maxQuoted = 2048

// Normalize replaces what differs from case to case in the text of an error: numbers, ids, quoted texts, addresses and
// times. White space becomes single spaces. It works through the text once, a word at a time:
//
//  1. A quoted text is one word, whatever is in it. An apostrophe within a word quotes nothing.
//  2. Words end at white space and brackets, and at commas and the like that something else follows.
//  3. Of "name=value" the value is a word by itself.
//  4. A word is looked at as a whole first, as an address, a time, an id or a number; then its pieces between other
//     punctuation marks are.
//  5. A piece with letters and digits is an id where it is long or changes often between them; else only its digits are
//     replaced, so that sha256 and http2 are still told apart.
func Normalize(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	space := false
	write := func(s string) {
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteString(s)
	}
	for before := ' '; text != ""; {
		r, size := utf8.DecodeRuneInString(text)
		switch n := quoted(text, before); {
		case unicode.IsSpace(r):
			space = true
		case n > 0:
			write(aQuote)
			size = n
			r = '"'
		case placeholder(text) > 0:
			size = placeholder(text)
			write(text[:size])
		case separates(r):
			write(text[:size])
		default:
			size = wordLength(text)
			word(write, text[:size])
			r, _ = utf8.DecodeLastRuneInString(text[:size])
		}
		before, text = r, text[size:]
	}
	return b.String()
}

// placeholder is the length of what stands for something already, 0 for anything else.
func placeholder(text string) int {
	for _, s := range [...]string{aQuote, anAddress, aTime} {
		if strings.HasPrefix(text, s) {
			return len(s)
		}
	}
	return 0
}

// quoted is the length of the quoted text with which text begins, 0 if it does not. before is what stands before it.
func quoted(text string, before rune) int {
	open, size := utf8.DecodeRuneInString(text)
	var end rune
	switch open {
	case '"', '`':
		end = open
	case '\'', '‘':
		if end = '\''; open != end {
			end = '’'
		}
		if unicode.IsLetter(before) || unicode.IsDigit(before) {
			return 0
		}
	case '“', '„':
		end = '”'
	case '«':
		end = '»'
	default:
		return 0
	}
	for i := size; i < min(len(text), maxQuoted); {
		r, n := utf8.DecodeRuneInString(text[i:])
		next, _ := utf8.DecodeRuneInString(text[i+n:])
		switch {
		case r == '\\':
			_, m := utf8.DecodeRuneInString(text[i+n:])
			n += m
		case r != end && (open != '„' || r != '“'):
		case r == '\'' && (unicode.IsLetter(next) || unicode.IsDigit(next)): // an apostrophe
		default:
			return i + n
		}
		i += n
	}
	return 0
}

// separates reports whether a character is a word of its own wherever it stands.
func separates(r rune) bool { return strings.ContainsRune("()[]{}<>\"`“”„«»‘’'|", r) }

// trails are the marks that end a word where nothing follows them.
const trails = ",;:.!?"

// wordLength is the length of the word with which text begins, without marks at its end.
func wordLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || separates(r) && r != '\'' && r != '’'
	})
	if end < 0 {
		end = len(text)
	}
	if n := len(strings.TrimRight(text[:end], trails)); n > 0 {
		return n
	}
	return 1 // it has nothing but such marks
}

// word writes a word.
func word(write func(string), s string) {
	key, value, named := strings.Cut(s, "=")
	switch {
	case named && identifier(key):
		pieces(write, key)
		write("=")
		if value != "" {
			word(write, value)
		}
	case address(s):
		write(anAddress)
	case isTime(s):
		write(aTime)
	case isUUID(s), number(s):
		write(aNumber)
	default:
		pieces(write, s)
	}
}

// identifier reports whether a text is the name of something, as it stands before "=".
func identifier(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
	}) < 0
}

// address reports whether a word is a URL, an address of mail, of a host with its port, of the internet, or of memory.
func address(s string) bool {
	if strings.Contains(s, "://") {
		return true
	}
	if at := strings.IndexByte(s, '@'); at > 0 && strings.Contains(s[at:], ".") {
		return true
	}
	if hex, ok := strings.CutPrefix(s, "0x"); ok && hex != "" {
		return strings.Trim(hex, "0123456789abcdefABCDEF") == ""
	}
	if strings.Count(s, ":") >= 2 || strings.Count(s, ".") >= 3 {
		ip, _, _ := strings.Cut(s, "/")
		if _, err := netip.ParseAddr(ip); err == nil {
			return true
		}
	}
	host, port, ok := strings.Cut(s, ":")
	if !ok || port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return false
	}
	return host == "localhost" || strings.Contains(host, ".") && !strings.Contains(host, "/") && !source(host)
}

// source reports whether what a line number follows is a file of source text, which is a place rather than an address.
func source(name string) bool {
	switch path.Ext(name) {
	case ".go", ".js", ".ts", ".py", ".rb", ".php", ".java", ".rs", ".cs", ".c", ".cc", ".kt":
		return true
	}
	return false
}

// isTime reports whether a word is a date, a time of day, or a duration.
func isTime(s string) bool {
	if _, err := time.ParseDuration(s); err == nil {
		return strings.Trim(s, "+-0") != ""
	}
	shape := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '0'
		}
		return r
	}, s)
	for _, begin := range [...]string{"0000-00-00", "0000/00/00", "00:00:00", "00/00/0000", "00.00.0000"} {
		if rest, ok := strings.CutPrefix(shape, begin); ok && strings.Trim(rest, "0:.,+-TZUC") == "" {
			return true
		}
	}
	return false
}

// isUUID reports whether a word has the shape of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && strings.IndexByte("0123456789abcdefABCDEF", s[i]) < 0 {
			return false
		}
	}
	return true
}

// number reports whether a word is a number, as people and programs write them.
func number(s string) bool {
	digits := strings.TrimLeft(s, "+-$€#")
	if digits == "" || digits[0] < '0' || digits[0] > '9' {
		return false
	}
	return strings.Trim(digits, "0123456789.,_eE+-%") == ""
}

// pieces writes the parts of a word between its punctuation marks.
func pieces(write func(string), s string) {
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		switch {
		case n < 0:
			n = len(s)
		case n == 0:
			_, size := utf8.DecodeRuneInString(s)
			write(s[:size])
			s = s[size:]
			continue
		}
		piece(write, s[:n])
		s = s[n:]
	}
}

// An id has at least idLength characters, or changes at least idChanges times between letters and digits. One of
// hexadecimal digits alone has at least hexLength.
const (
	idLength  = 10
	hexLength = 7
	idChanges = 3
)

// piece writes a part of a word that has letters and digits only.
func piece(write func(string), s string) {
	length, changes, digits, hex, last := 0, 0, 0, 0, false
	for _, r := range s {
		digit := unicode.IsDigit(r)
		if length > 0 && digit != last {
			changes++
		}
		if digit {
			digits++
		}
		if digit || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F' {
			hex++
		}
		length, last = length+1, digit
	}
	switch {
	case digits == 0:
		write(s)
	case digits == length, length >= idLength, changes >= idChanges, hex == length && length >= hexLength:
		write(aNumber)
	default:
		digitsOf(write, s)
	}
}

// digitsOf writes a piece with each run of digits as a number.
func digitsOf(write func(string), s string) {
	for s != "" {
		n := strings.IndexFunc(s, unicode.IsDigit)
		switch {
		case n < 0:
			write(s)
			return
		case n > 0:
			write(s[:n])
		}
		write(aNumber)
		s = strings.TrimLeftFunc(s[n:], unicode.IsDigit)
	}
}
