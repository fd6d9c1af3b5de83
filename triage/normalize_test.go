package triage_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/triage"
)

// The file has texts of errors as libraries and services write them, each with what is left of it on the next line.
func TestNormalize(t *testing.T) {
	raw, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"": "", "  boom \n\t again  ": "boom again"}
	text := ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		if want, ok := strings.CutPrefix(line, "  "); ok {
			texts[text] = want
		} else if !strings.HasPrefix(line, "# ") {
			text = line
		}
	}
	if len(texts) < 30 {
		t.Fatalf("only %d texts", len(texts))
	}
	for text, want := range texts {
		got := triage.Normalize(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
		if again := triage.Normalize(got); again != got {
			t.Errorf("%q once more is %q", got, again)
		}
	}
}

func TestFingerprint(t *testing.T) {
	of := triage.Fingerprint("Order", "timeout", "order 17 took 30s")
	if !triage.ValidGroup(of) || len(of) != 26 {
		t.Errorf("%q is no name of a group", of)
	}
	if want := "1:8c93a3ff7212985275ea1b07"; of != want {
		t.Errorf("got %q, want %q: another way to make fingerprints needs another version", of, want)
	}
	if same := triage.Fingerprint("Order", "timeout", "order 18 took 31.5s"); same != of {
		t.Errorf("%q and %q differ", of, same)
	}
	if same := triage.Compose("Order", triage.Cause("timeout", "order 1 took 1s")); same != of {
		t.Errorf("composed %q, want %q", same, of)
	}
	for _, other := range []string{
		triage.Fingerprint("Mail", "timeout", "order 17 took 30s"),
		triage.Fingerprint("Order", "refused", "order 17 took 30s"),
		triage.Fingerprint("Order", "timeout", "order 17 was refused"),
		triage.Fingerprint("Order\ntimeout", "", "order 17 took 30s"),
	} {
		if other == of {
			t.Errorf("%q is the group of others, too", other)
		}
	}
}

func TestValidGroup(t *testing.T) {
	for name, want := range map[string]bool{
		"other": true, "1:0123456789abcdef01234567": true,
		"": false, "1:": false, "2:0123456789abcdef01234567": false, "1:0123456789ABCDEF01234567": false,
		"1:0123456789abcdef0123456": false, "Other": false, "1:0123456789abcdef0123456g": false,
	} {
		if got := triage.ValidGroup(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, text := range []string{
		"order 17", `dial tcp 10.0.0.7:5432: "x" 'y`, "trace=4bf92f-aa11 <text> 2026-01-02T03:04:05Z", "‘’“”«",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			return
		}
		got := triage.Normalize(text)
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q became %q, which is no UTF-8", text, got)
		}
		if len(got) > 9*len(text) || strings.Contains(got, "  ") {
			t.Errorf("%q became %q", text, got)
		}
		if strings.TrimSpace(text) != "" && got == "" {
			t.Errorf("nothing is left of %q", text)
		}
	})
}
