package symphony_test

import (
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
)

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for range 10_000 {
		id := symphony.NewID(noon)
		if !form.MatchString(id) {
			t.Fatalf("%s is not a UUID of version 7", id)
		}
		if seen[id] {
			t.Fatalf("%s was made twice", id)
		}
		seen[id] = true
	}
}

func TestNewID_tells_its_time(t *testing.T) {
	for _, at := range []time.Time{
		time.UnixMilli(0), noon.Add(123*time.Millisecond + 999_999), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
		time.Date(2199, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		id := symphony.NewID(at)
		ms, err := strconv.ParseInt(id[:8]+id[9:13], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if ms != at.UnixMilli() {
			t.Errorf("%s is of %d ms, want %d", id, ms, at.UnixMilli())
		}
	}
}

func TestNewID_sorts_by_time(t *testing.T) {
	const resolution = 245 * time.Nanosecond // a millisecond in 4096 parts, rounded up
	var ids []string
	for i := range 20_000 {
		ids = append(ids, symphony.NewID(noon.Add(time.Duration(i)*resolution)))
	}
	if !slices.IsSorted(ids) {
		t.Error("ids made a quarter of a microsecond apart are out of order")
	}
}
