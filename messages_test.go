package symphony_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestIDRange_leaves_nothing_out(t *testing.T) {
	zero := time.Time{}
	for _, test := range []struct {
		since, until, at time.Time
		in               bool
	}{
		{zero, zero, noon, true},
		{noon, zero, noon, true},
		{noon, zero, noon.Add(-symphony.MaxIDSkew), true},
		{noon, zero, noon.Add(-symphony.MaxIDSkew - time.Millisecond), false},
		{zero, noon, noon, true},
		{zero, noon, noon.Add(symphony.MaxIDSkew), true},
		{zero, noon, noon.Add(symphony.MaxIDSkew + 2*time.Millisecond), false},
		{noon, noon.Add(time.Second), noon.Add(symphony.MaxIDSkew), true},
		{time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), noon, true},
		{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), zero, time.UnixMilli(0), true},
		{zero, time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), noon, true},
	} {
		from, to := symphony.IDRange(test.since, test.until)
		id := symphony.NewID(test.at)
		if in := id >= from && (to == "" || id < to); in != test.in {
			t.Errorf("[%s, %s): %s of %s is in [%s, %s): %v", test.since, test.until, id, test.at, from, to, in)
		}
	}
}

func TestMessages_refuses_bad_queries(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := bus.Messages(tr.Name())
	if err != nil {
		t.Fatal(err)
	}
	bad := symphony.MessageQuery{Limit: symphony.MaxMessagePage + 1, Scan: -1, After: "0197"}
	bad.Status, bad.Priority, bad.Text, bad.Type, bad.Queue = "lost", 11, "\xff", "a\x00", "\xc0"
	_, err = messages.List(t.Context(), bad)
	var invalid *symphony.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v, want a ValidationError", err)
	}
	var paths []string
	for _, p := range invalid.Problems {
		paths = append(paths, p.Path)
	}
	slices.Sort(paths)
	if want := []string{"cursor", "limit", "priority", "q", "queue", "scan", "status", "type"}; !slices.Equal(paths, want) {
		t.Errorf("got problems of %v, want %v", paths, want)
	}
	for _, after := range []string{"x", "0197A000-0000-7000-8000-000000000000", "0197a000-0000-7000-8000-00000000000g", "0197a000_0000-7000-8000-000000000000", "0197a000-0000-7000-8000-0000000000000"} {
		if _, err := messages.List(t.Context(), symphony.MessageQuery{After: after}); !errors.Is(err, symphony.ErrInvalid) {
			t.Errorf("cursor %q: got %v, want ErrInvalid", after, err)
		}
	}
	if _, err := messages.List(t.Context(), symphony.MessageQuery{After: symphony.NewID(noon)}); err != nil {
		t.Error(err)
	}
	if _, err := messages.Count(t.Context(), bad.MessageFilter); !errors.Is(err, symphony.ErrInvalid) {
		t.Errorf("Count: got %v, want ErrInvalid", err)
	}
}
