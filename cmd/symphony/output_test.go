package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatOthersWroteCannotSteerTheTerminal(t *testing.T) {
	if got, want := printable("a\x1b[2Jb\rc\u009bd\ne é"), "a\uFFFD[2Jb\uFFFDc\uFFFDd\ne é"; got != want {
		t.Errorf("printable: %q, want %q", got, want)
	}
	if got, want := oneLine("two\nlines  of\ttext", 12), "two lines o…"; got != want {
		t.Errorf("oneLine: %q, want %q", got, want)
	}
}

func TestTableAlignsByCharacters(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	a.table([]string{"NAME", "N"}, [][]string{{"né", "1"}, {"longer", "22"}}, nil)
	want := "NAME    N\nné      1\nlonger  22\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1500 * time.Microsecond: "2ms", 42 * time.Second: "42s", 61 * time.Minute: "1h01m", 59 * time.Minute: "59m", 72 * time.Hour: "3d",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestColoursGoToTerminalsOnly(t *testing.T) {
	a := &app{}
	if a.style(&bytes.Buffer{}) {
		t.Error("a buffer is coloured")
	}
	if got := style(false).red("x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	if got := style(true).red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("with colours: %q", got)
	}
}
