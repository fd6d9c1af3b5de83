package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
)

// refuse refuses an action n times.
func refuse(t *testing.T, trail *audit.Trail, action string, who audit.Who, n int) {
	t.Helper()
	for i := range n {
		if err := trail.Refuse(t.Context(), audit.Entry{Action: action, Who: who, RequestID: fmt.Sprint("r", i)}, "insufficient_scope"); err != nil {
			t.Fatal(err)
		}
	}
}

// counts are the entries of a trail with how often each was refused, newest first.
func counts(t *testing.T, trail *audit.Trail, q audit.Query) (list []string) {
	t.Helper()
	page, err := trail.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		list = append(list, fmt.Sprint(e.Action, " ", e.Who.ID, " ", e.RequestID, " ", e.Outcome, " ", max(e.Count, 1)))
	}
	return list
}

func steps(t *testing.T, tr *sqlite.Transport) int64 {
	t.Helper()
	n, err := storage.LogEnd(t.Context(), tr, audit.LogName)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var eve = audit.Who{Kind: "user", ID: "eve"}

func TestWhatIsRefusedAgainWithinAMinuteIsOneEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recorded int
		trail, tr := open(t, audit.Options{Recorded: func(audit.Entry) { recorded++ }})
		other := audit.New(tr, audit.Options{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- trail.Run(ctx) }()
		synctest.Wait()

		refuse(t, trail, "queue.purge", eve, 1000)
		refuse(t, trail, "key.create", eve, 1)
		refuse(t, trail, "queue.purge", ada, 3)
		if n := steps(t, tr); n != 3 || recorded != 3 {
			t.Errorf("1004 refusals made %d steps and %d events, want 3 of each", n, recorded)
		}
		want := []string{"queue.purge k1 r0 refused 3", "key.create eve r0 refused 1", "queue.purge eve r0 refused 1000"}
		if diff := cmp.Diff(want, counts(t, trail, audit.Query{})); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(want, counts(t, other, audit.Query{})); diff != "" {
			t.Errorf("elsewhere, after a minute (-want +got):\n%s", diff)
		}
		refuse(t, trail, "queue.purge", eve, 2)
		again := append([]string{"queue.purge eve r0 refused 2"}, want...)
		if diff := cmp.Diff(again, counts(t, trail, audit.Query{})); diff != "" {
			t.Errorf("in the next minute (-want +got):\n%s", diff)
		}
		// A page that begins further back finds the numbers that were recorded behind its entries.
		first, err := other.List(t.Context(), audit.Query{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, counts(t, other, audit.Query{Cursor: first.Next})); diff != "" {
			t.Errorf("the second page (-want +got):\n%s", diff)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(again, counts(t, other, audit.Query{})); diff != "" {
			t.Errorf("after the end (-want +got):\n%s", diff)
		}
		if n := steps(t, tr); n != 7 {
			t.Errorf("there are %d steps, want 4 entries and 3 numbers", n)
		}
	})
}

// awayLog is a log that can be away.
type awayLog struct {
	storage.Log
	away atomic.Bool
}

func (l *awayLog) AppendLog(ctx context.Context, log string, entries []storage.Entry) (int64, error) {
	if l.away.Load() {
		return 0, errors.New("away")
	}
	return l.Log.AppendLog(ctx, log, entries)
}

func TestNumbersOfRefusalsOutliveAStorageThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		log := &awayLog{Log: tr}
		trail := audit.New(log, audit.Options{})
		log.away.Store(true)
		if err := trail.Refuse(t.Context(), audit.Entry{Action: "queue.purge", Who: eve}, "insufficient_scope"); err == nil {
			t.Error("what could not be recorded was")
		}
		log.away.Store(false)
		refuse(t, trail, "queue.purge", eve, 5)
		<-time.After(time.Minute)
		log.away.Store(true)
		if err := trail.Refuse(t.Context(), audit.Entry{Action: "queue.purge", Who: ada}, "insufficient_scope"); err == nil {
			t.Error("what could not be recorded was")
		}
		log.away.Store(false)
		refuse(t, trail, "queue.purge", ada, 1)
		want := []string{"queue.purge k1 r0 refused 1", "queue.purge eve r0 refused 5"}
		if diff := cmp.Diff(want, counts(t, audit.New(tr, audit.Options{}), audit.Query{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Callers without number make entries in number, and no more.
func TestRefusalsOfManyCallersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail, tr := open(t, audit.Options{})
		for i := range 10_500 {
			refuse(t, trail, "queue.purge", audit.Who{Kind: "user", ID: fmt.Sprint(i)}, 1)
		}
		if n := steps(t, tr); n != 10_001 {
			t.Errorf("there are %d steps", n)
		}
		if got := counts(t, trail, audit.Query{Limit: 1}); got[0] != "queue.purge others r0 refused 500" {
			t.Errorf("the rest is %s", got)
		}
	})
}
