package event_test

import (
	"errors"
	"testing"
	"testing/synctest"

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
