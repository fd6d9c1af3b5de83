package httpapi

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

const tokenOf = "01a20846-fe04-7000-90d0-4989796f46c5"

func exampleToken(tb testing.TB) string {
	tb.Helper()
	token, err := newMessageToken(exampleSeal(), tokenOf, time.Unix(1_800_000_000, 0))
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestMessageToken(t *testing.T) {
	s, text := exampleSeal(), exampleToken(t)
	got, err := parseMessageToken(s, text)
	if err != nil || got.id != tokenOf || got.until.Unix() != 1_800_000_000 {
		t.Fatalf("%+v, %v", got, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, tokenPrefix))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // each bit of each byte counts
		for bit := range 8 {
			raw[i] ^= 1 << bit
			changed := tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
			if _, err := parseMessageToken(s, changed); !errors.Is(err, errToken) {
				t.Fatalf("with bit %d of byte %d changed: %v", bit, i, err)
			}
			raw[i] ^= 1 << bit
		}
	}
	receipt := exampleReceipt()
	for name, text := range map[string]string{
		"none": "", "a prefix": tokenPrefix, "without its prefix": strings.TrimPrefix(text, tokenPrefix),
		"longer": text + "AA", "shorter": text[:len(text)-2], "white space": text + " ",
		"another alphabet": strings.Replace(text, text[8:9], "+", 1), "a receipt": tokenPrefix + receipt.text(s),
		"nothing": tokenPrefix + strings.Repeat("A", len(text)-len(tokenPrefix)),
	} {
		if _, err := parseMessageToken(s, text); !errors.Is(err, errToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseMessageToken(newSeal([]byte("another key")), text); !errors.Is(err, errToken) {
		t.Errorf("of another installation: %v", err)
	}
	if _, err := parseReceipt(strings.TrimPrefix(text, tokenPrefix), s); err == nil {
		t.Error("it is taken for a receipt")
	}
	for _, id := range []string{"", "x", tokenOf + "0", strings.Repeat("g", 32)} {
		if _, err := newMessageToken(s, id, time.Now()); err == nil {
			t.Errorf("there is a token for %q", id)
		}
	}
}

// Whatever text comes, it is refused, or is exactly the one that its content makes.
func FuzzMessageToken(f *testing.F) {
	s := exampleSeal()
	f.Add(exampleToken(f))
	f.Add(tokenPrefix)
	f.Add(tokenPrefix + strings.Repeat("_", 60))
	receipt := exampleReceipt()
	f.Add(tokenPrefix + receipt.text(s))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseMessageToken(s, text)
		if err != nil {
			if !errors.Is(err, errToken) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if again, err := newMessageToken(s, got.id, got.until); err != nil || again != text {
			t.Errorf("%q was taken, and is made as %q, %v", text, again, err)
		}
	})
}
