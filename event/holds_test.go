package event_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// deaf is an observer that holds are not told to.
type deaf struct{}

func (deaf) MessagesDispatched([]*symphony.Envelope, []symphony.Receipt) {}
func (deaf) AttemptsEnded([]symphony.EndedAttempt)                       {}

// What is paused, drained and resumed is an event, whoever asked for it: over HTTP or in Go, with an audit trail or
// without. What failed or was not there is none.
func TestRecorder_tells_of_holds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		r, stop := record(t, tr)
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Observer: symphony.Observers(deaf{}, r)})
		if err != nil {
			t.Fatal(err)
		}
		control, err := flow.ControlOf(bus, tr.Name())
		if err != nil {
			t.Fatal(err)
		}
		mails := flow.HoldTarget{Queue: "mail"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(control.Hold(t.Context(), flow.Hold{HoldTarget: mails, Mode: flow.Draining, By: "ada"}))
		must(control.Hold(t.Context(), flow.Hold{HoldTarget: flow.HoldTarget{Type: "Mail.*"}, Mode: flow.Paused}))
		if err := control.Hold(t.Context(), flow.Hold{HoldTarget: mails, Mode: "else"}); err == nil {
			t.Error("a mode that does not exist was taken")
		}
		must(control.Release(t.Context(), mails, "bob"))
		if err := control.Release(t.Context(), mails, "bob"); !errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("releasing it again: %v", err)
		}
		stop()
		var got []string
		for _, e := range stored(t, tr) {
			if e.Kind == event.HoldChanged {
				got = append(got, string(e.Data))
			}
		}
		want := []string{
			`{"by":"ada","change":"draining","queue":"mail","transport":"default"}`,
			`{"change":"paused","transport":"default","type":"Mail.*"}`,
			`{"by":"bob","change":"resumed","queue":"mail","transport":"default"}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A limit that is set at run time, and one that is deleted, is an event; what was refused is none.
func TestRecorder_tells_of_limits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		r, stop := record(t, tr)
		bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{Observer: r})
		if err != nil {
			t.Fatal(err)
		}
		control, err := flow.ControlOf(bus, tr.Name())
		if err != nil {
			t.Fatal(err)
		}
		mails, key := flow.LimitTarget{Type: "Mail.*"}, flow.LimitTarget{Key: "tenant-7"}
		until := time.Now().Add(time.Hour)
		limit := flow.Limit{Concurrency: 3, Rate: flow.Rate{Count: 100, Per: time.Second}}
		for _, s := range []flow.SetLimit{
			{LimitTarget: mails, Limit: limit, By: "ada", Until: until},
			{LimitTarget: key, Limit: flow.Limit{Concurrency: 1}},
		} {
			if _, err := control.SetLimit(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		past := flow.SetLimit{LimitTarget: mails, Limit: limit, Until: time.Now().Add(-time.Hour)}
		if _, err := control.SetLimit(t.Context(), past); err == nil {
			t.Error("a limit that is over was set")
		}
		if _, err := control.DeleteLimit(t.Context(), mails); err != nil {
			t.Fatal(err)
		}
		if _, err := control.DeleteLimit(t.Context(), mails); !errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("deleting it again: %v", err)
		}
		stop()
		var got []string
		for _, e := range stored(t, tr) {
			if e.Kind == event.LimitChanged {
				got = append(got, string(e.Data))
			}
		}
		want := []string{
			`{"by":"ada","change":"set","transport":"default","type":"Mail.*",` +
				`"concurrency":3,"rate":"100/s","until":"` + until.UTC().Format(time.RFC3339Nano) + `"}`,
			`{"change":"set","key":"tenant-7","transport":"default","concurrency":1}`,
			`{"change":"deleted","transport":"default","type":"Mail.*"}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
