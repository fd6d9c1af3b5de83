package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnnouncement_tells_each_stream_once(t *testing.T) {
	var n notifier
	n.init()
	if text := n.text("me"); text != "" {
		t.Errorf("nothing is announced as %q", text)
	}
	n.add([]added{{stream{1, 5}, 300, 2}})
	n.add([]added{{stream{1, 5}, 200, 1}, {stream{2, 0}, 400, 1}})
	sender, list, look := parseAnnouncement(n.text("me"))
	got := make(map[stream][2]int64)
	for _, a := range list {
		got[a.stream] = [2]int64{a.at, int64(a.n)}
	}
	want := map[stream][2]int64{{1, 5}: {200, 3}, {2, 0}: {400, 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stream{})); diff != "" || sender != "me" || look || len(list) != 2 {
		t.Errorf("sender %q, look %v:\n%s", sender, look, diff)
	}
	if text := n.text("me"); text != "" {
		t.Errorf("announced again: %q", text)
	}
}

func TestAnnouncement_of_too_much_says_to_look(t *testing.T) {
	var n notifier
	n.init()
	for lane := range announceMax + 1 {
		n.add([]added{{stream{1_000_000 + lane, 9}, 1 << 60, 1_000_000}})
	}
	text := n.text("12345678-1234-1234-1234-123456789012")
	if _, list, look := parseAnnouncement(text); !look || len(list) != 0 {
		t.Errorf("got %d streams, look %v", len(list), look)
	}
	n.lookAtAll()
	if _, list, look := parseAnnouncement(n.text("me")); !look || len(list) != 0 {
		t.Errorf("got %d streams, look %v", len(list), look)
	}
	if text := n.text("me"); text != "" {
		t.Errorf("announced again: %q", text)
	}
	for lane := range announceMax {
		n.add([]added{{stream{2_000_000_000 + lane%1000, 9}, 1 << 60, 1_000_000_000}})
	}
	if text := n.text("12345678-1234-1234-1234-123456789012"); len(text) >= 8000 {
		t.Errorf("an announcement has %d bytes, more than PostgreSQL takes", len(text))
	}
}

func TestParseAnnouncement_of_an_unknown_form_says_to_look(t *testing.T) {
	for _, text := range []string{"", "me", "me *", "me 1.2.3", "me 1.2.3.4.5", "me 1.2.x.4", "me 99999999999999999999.1.1.1"} {
		if _, list, look := parseAnnouncement(text); !look || len(list) != 0 {
			t.Errorf("%q: got %d streams, look %v", text, len(list), look)
		}
	}
}

func FuzzParseAnnouncement(f *testing.F) {
	f.Add("me 1.2.3.4 5.6.7.8")
	f.Add("me *")
	f.Fuzz(func(t *testing.T, text string) {
		sender, list, look := parseAnnouncement(text)
		if !look && (len(list) == 0 || sender == "") {
			t.Errorf("%q tells nothing and does not say to look", text)
		}
	})
}
