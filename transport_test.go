package symphony_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

func TestReceiveOptions_WithDefaults(t *testing.T) {
	defaults := symphony.ReceiveOptions{Max: 10, MaxBytes: 4 << 20, MaxLost: 1, Lease: 30 * time.Second}
	for name, test := range map[string]struct{ options, want symphony.ReceiveOptions }{
		"zero":      {symphony.ReceiveOptions{}, defaults},
		"too small": {symphony.ReceiveOptions{Max: -1, MaxBytes: -1, MaxLost: -1, Lease: -1, Wait: -1}, symphony.ReceiveOptions{Max: 1, MaxBytes: 4 << 20, MaxLost: 1, Lease: time.Second}},
		"too large": {symphony.ReceiveOptions{Max: 1 << 30, Lease: 1 << 60}, symphony.ReceiveOptions{Max: 2000, MaxBytes: 4 << 20, MaxLost: 1, Lease: time.Hour}},
		"in range": {
			symphony.ReceiveOptions{Queues: []string{"q"}, Max: 2000, MaxBytes: 1, MaxLost: 7, Lease: time.Hour, Wait: time.Minute, Worker: "w"},
			symphony.ReceiveOptions{Queues: []string{"q"}, Max: 2000, MaxBytes: 1, MaxLost: 7, Lease: time.Hour, Wait: time.Minute, Worker: "w"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.options.WithDefaults()); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueueStats(t *testing.T) {
	var sum symphony.QueueStats
	sum.Add(symphony.QueueStats{Pending: 1, Processing: 2, Completed: 3, Failed: 4, Scheduled: 5, OldestPendingAge: time.Minute})
	sum.Add(symphony.QueueStats{Pending: 10, Processing: 20, Completed: 30, Failed: 40, Scheduled: 50, OldestPendingAge: time.Second})
	want := symphony.QueueStats{Pending: 11, Processing: 22, Completed: 33, Failed: 44, Scheduled: 55, OldestPendingAge: time.Minute}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
	if got := sum.Depth(); got != 33 {
		t.Errorf("depth = %d, want pending and processing, 33", got)
	}
}

func TestOutcome_String(t *testing.T) {
	for outcome, want := range map[symphony.Outcome]string{
		symphony.Ack: "ack", symphony.Retry: "retry", symphony.Fail: "fail", symphony.Release: "release", 0: "unknown",
	} {
		if got := outcome.String(); got != want {
			t.Errorf("outcome %d = %q, want %q", outcome, got, want)
		}
	}
}

func TestSystemClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := symphony.SystemClock()
		if got, want := c.Now(), time.Now(); !got.Equal(want) {
			t.Errorf("now = %s, want %s", got, want)
		}
		fires, stopped := c.NewTimer(time.Minute), c.NewTimer(time.Minute)
		stopped.Stop()
		stopped.Stop()
		begin := time.Now()
		if at := (<-fires.C()).Sub(begin); at != time.Minute {
			t.Errorf("fired after %s, want a minute", at)
		}
		<-time.After(time.Hour)
		select {
		case <-stopped.C():
			t.Error("a stopped timer fired")
		default:
		}
	})
}
