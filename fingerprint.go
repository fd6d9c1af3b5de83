package symphony

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Fingerprint returns a SHA-256 hash of a message's type and payload, which must be valid JSON. Two messages have the
// same fingerprint if their types are equal and their payloads are the same JSON value: key order, white space and the
// spelling of strings and numbers (1, 1.0, 10e-1) make no difference, and every digit counts. An escaped half of a
// surrogate pair counts as U+FFFD.
func Fingerprint(typ string, payload json.RawMessage) (f [sha256.Size]byte, err error) {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s:", len(typ), typ)
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return f, fmt.Errorf("fingerprint: %w", err)
	}
	writeCanonical(h, v)
	h.Sum(f[:0])
	return f, nil
}

// writeCanonical writes v so that equal JSON values, and only those, produce equal bytes.
func writeCanonical(w io.Writer, v any) {
	switch v := v.(type) {
	case nil:
		io.WriteString(w, "null")
	case bool:
		io.WriteString(w, strconv.FormatBool(v))
	case json.Number:
		io.WriteString(w, canonicalNumber(string(v)))
	case string:
		writeString(w, v)
	case []any:
		io.WriteString(w, "[")
		for _, e := range v {
			writeCanonical(w, e)
			io.WriteString(w, ",")
		}
		io.WriteString(w, "]")
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		io.WriteString(w, "{")
		for _, k := range keys {
			writeString(w, k)
			writeCanonical(w, v[k])
			io.WriteString(w, ",")
		}
		io.WriteString(w, "}")
	}
}

// writeString writes the length before the text, so that no text can imitate structure.
func writeString(w io.Writer, s string) {
	fmt.Fprintf(w, "%d\"%s", len(s), s)
}

// canonicalNumber writes a JSON number as its sign, its digits without zeros at either end, and a decimal exponent. A
// number whose exponent does not fit an int64 stays as written, so such numbers are equal only if spelled the same.
func canonicalNumber(s string) string {
	mantissa, exp := s, int64(0)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.ParseInt(s[i+1:], 10, 62)
		if err != nil {
			return s
		}
		mantissa, exp = s[:i], e
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	if whole, frac, ok := strings.Cut(mantissa, "."); ok {
		mantissa = whole + frac
		exp -= int64(len(frac))
	}
	digits := strings.TrimLeft(mantissa, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return "0"
	}
	exp += int64(len(digits) - len(trimmed))
	return sign + trimmed + "e" + strconv.FormatInt(exp, 10)
}
