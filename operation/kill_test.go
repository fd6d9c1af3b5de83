package operation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
	"pgregory.net/rapid"
)

// life is one process: it is killed at one of its calls to storage, before or after that call takes effect.
type life struct {
	dieAt int
	after bool
}

// TestOperation_survives_any_kills has processes, one or two at a time, die at random calls, and a last one that lives.
// At the end each message was moved exactly once, or is as it should be, and the counts say so.
func TestOperation_survives_any_kills(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(operation.Kinds()).Draw(rt, "kind")
		messages := rapid.IntRange(0, 200).Draw(rt, "messages") // several steps
		rate := rapid.SampledFrom([]int{0, 20, 200, 2000}).Draw(rt, "rate")
		byID := rapid.Bool().Draw(rt, "by id")
		patch := kind == operation.FailedRetry && rapid.Bool().Draw(rt, "patched")
		pairs := rapid.Bool().Draw(rt, "two at a time")
		lives := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) life {
			return life{rapid.IntRange(2, 150).Draw(rt, "dies at call"), rapid.Bool().Draw(rt, "after it")}
		}), 0, 8).Draw(rt, "lives")
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = killed(t, kind, messages, rate, byID, patch, pairs, lives) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// killed returns what went wrong.
func killed(t *testing.T, kind operation.Kind, messages, rate int, byID, patch, pairs bool, lives []life) string {
	tr := symphonytest.Storage(t, sqlite.Options{})
	f := on(t, tr, symphony.BusOptions{})
	f.complete(messages, "Completed")
	f.fail(messages, "Failed")
	r := operation.Request{Kind: kind, Rate: rate}
	steers := kind != operation.MessagesReplay && kind.OfMessages()
	if steers {
		f.dispatch(messages, "Waiting")
	}
	if kind == operation.MessagesEdit {
		r.Edit = &symphony.MessageEdit{Priority: new(9)}
	}
	if patch {
		r.Patch = json.RawMessage(`{"patched":true}`)
	}
	switch {
	case !byID || messages == 0:
		r.Filter, r.All = &symphony.MessageFilter{}, true
	case kind.OfMessages():
		status := symphony.Completed
		if steers {
			status = symphony.Pending
		}
		for _, m := range f.list(symphony.MessageFilter{Status: status}) {
			r.IDs = append(r.IDs, m.ID)
		}
	default:
		r.IDs, _ = transporttest.SelectFailed(context.Background(), tr, symphony.MessageFilter{}, messages)
	}
	id := f.start(r).ID

	var earlier []*mortal
	live := func(l life) (stop func(), m *mortal) {
		m = &mortal{database: tr, dieAt: l.dieAt, after: l.after}
		earlier = append(earlier, m)
		bus, err := symphony.NewBus([]symphony.Transport{m}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ops, err := newNode(bus, fmt.Sprint("node ", len(earlier)), f.log)
		if err != nil {
			t.Fatal(err)
		}
		return running(ops), m
	}
	stops := make([]func(), 0, 2)
	for i, l := range append(lives, life{}) {
		stop, m := live(l)
		stops = append(stops, stop)
		// It lives until it is dead, or has had the time for everything there is.
		for range 4 * 3600 {
			if wait(time.Second); m.dead() || f.get(id).State == operation.Completed && (l.dieAt == 0 || pairs) {
				break
			}
		}
		if !pairs || i%2 == 1 {
			for _, stop := range stops {
				stop()
			}
			stops = stops[:0]
		}
	}
	for _, stop := range stops {
		stop()
	}

	op := f.get(id)
	if op.State != operation.Completed || op.Done != int64(messages) || op.Skipped != 0 || op.Total == nil || *op.Total != int64(messages) {
		return fmt.Sprintf("of %d messages: %+v\n%s", messages, op, f.log)
	}
	n := int64(messages)
	want := map[operation.Kind][3]int64{
		operation.FailedRetry: {n, n, 0}, operation.FailedDelete: {0, n, 0}, operation.MessagesReplay: {n, n, n},
		operation.MessagesCancel: {0, n, n}, operation.MessagesEdit: {n, n, n}, operation.MessagesDelete: {0, n, n},
	}[kind]
	if got := f.counts(); got != want {
		return fmt.Sprintf("pending, completed and failed are %v, want %v", got, want)
	}
	if steers {
		wanted := map[operation.Kind]symphony.MessageFilter{operation.MessagesCancel: {Status: symphony.Cancelled},
			operation.MessagesEdit: {Priority: 9}, operation.MessagesDelete: {Type: "Waiting"}}[kind]
		got := int64(len(f.list(wanted)))
		if kind == operation.MessagesDelete {
			got += n
		}
		if got != n {
			return fmt.Sprintf("%d are as they should be, of %d", got, n)
		}
	}
	if kind == operation.FailedDelete || steers {
		return ""
	}
	for _, m := range f.list(symphony.MessageFilter{Status: symphony.Pending}) {
		if strings.Contains(string(m.Payload), "patched") != patch {
			return fmt.Sprintf("patched: %t; a payload is %s", patch, m.Payload)
		}
	}
	for number, times := range payloads(f.list(symphony.MessageFilter{Status: symphony.Pending})) {
		if times != 1 {
			return fmt.Sprintf("message %d was dispatched %d times", number, times)
		}
	}
	return ""
}

// A process that hangs and comes back finds that its operation is another's, and changes nothing.
func TestOperation_of_a_process_that_comes_back_is_anothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		hung := &hanging{database: tr, hang: make(chan struct{}), hung: make(chan struct{})}
		f := on(t, hung, symphony.BusOptions{})
		f.fail(1000, "Mail")
		op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}})
		stop := running(f.Operations)
		<-hung.hung // with a step in its hands that it is about to take
		other := on(t, tr, symphony.BusOptions{})
		stopOther := running(other.Operations)
		wait(time.Minute)
		other.want(op.ID, operation.Completed, 1000, 0)
		close(hung.hang)
		wait(time.Minute)
		other.want(op.ID, operation.Completed, 1000, 0)
		other.wantCounts(1000, 0, 0)
		stop()
		stopOther()
	})
}

// hanging hangs in its first step, as a process does that is not scheduled: nothing else of it happens meanwhile.
type hanging struct {
	database
	hang, hung chan struct{}
	began      bool
}

func (h *hanging) TakeStep(ctx context.Context, s storage.Step) (int, error) {
	if !h.began {
		h.began = true
		close(h.hung)
	}
	<-h.hang
	return h.database.TakeStep(ctx, s)
}

// Whoever ends in order lets go of its operations, and they are carried on without a pause.
func TestOperation_is_carried_on_at_once_after_an_orderly_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(100, "Mail")
		op := f.start(operation.Request{Kind: operation.FailedRetry, Filter: &symphony.MessageFilter{}, Rate: 20})
		stop := running(f.Operations)
		wait(2 * time.Second)
		stop()
		began := f.get(op.ID).Done
		stop = running(f.node("next"))
		wait(time.Second)
		if got := f.get(op.ID); got.Done < began+20 || got.Node != "next" {
			t.Errorf("a second after it was carried on: %+v, with %d done before", got, began)
		}
		wait(5 * time.Second)
		f.want(op.ID, operation.Completed, 100, 0)
		stop()
	})
}
