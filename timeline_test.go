package symphony_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

func TestTimeline_tells_the_story_in_order(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	failed := symphony.Attempt{Number: 1, StartedAt: at(1), FinishedAt: at(2), Worker: "a", Error: "no", ErrorClass: "timeout", RetryAt: at(3)}
	lost := symphony.Attempt{Number: 2, FinishedAt: at(5), Worker: "b", Error: symphony.LostText, ErrorClass: symphony.LostClass}
	for name, test := range map[string]struct {
		info symphony.MessageInfo
		want []string
	}{
		"waiting": {symphony.MessageInfo{Status: symphony.Pending}, []string{"0 dispatched"}},
		"scheduled": {
			symphony.MessageInfo{Status: symphony.Pending, Envelope: symphony.Envelope{ScheduledAt: at(9)}},
			[]string{"0 dispatched", "9 scheduled"},
		},
		"scheduled in the past": {
			symphony.MessageInfo{Status: symphony.Pending, Envelope: symphony.Envelope{ScheduledAt: at(-9)}},
			[]string{"0 dispatched"},
		},
		"to be tried again": {
			symphony.MessageInfo{Status: symphony.Pending, Deliveries: 1, Attempts: []symphony.Attempt{failed}},
			[]string{"0 dispatched", "1 started 1 a", "2 failed 1 a timeout", "3 retry 1"},
		},
		"in hand": {
			symphony.MessageInfo{Status: symphony.Processing, Deliveries: 2, Worker: "b", StartedAt: at(4), Attempts: []symphony.Attempt{failed}},
			[]string{"0 dispatched", "1 started 1 a", "2 failed 1 a timeout", "3 retry 1", "4 started 2 b"},
		},
		"completed": {
			symphony.MessageInfo{Status: symphony.Completed, Deliveries: 1, Worker: "a", StartedAt: at(1), FinishedAt: at(2)},
			[]string{"0 dispatched", "1 started 1 a", "2 completed 1 a"},
		},
		"completed, with no record of its start": {
			symphony.MessageInfo{Status: symphony.Completed, Deliveries: 1, FinishedAt: at(2)},
			[]string{"0 dispatched", "2 completed 1"},
		},
		"dead after a lost attempt": {
			symphony.MessageInfo{Status: symphony.Failed, FinishedAt: at(5), ErrorClass: symphony.LostClass, Attempts: []symphony.Attempt{failed, lost}},
			[]string{"0 dispatched", "1 started 1 a", "2 failed 1 a timeout", "3 retry 1", "5 failed 2 b worker_lost", "5 dead 2 worker_lost"},
		},
		"dead before any attempt": {
			symphony.MessageInfo{Status: symphony.Failed, FinishedAt: at(5), ErrorClass: "expired"},
			[]string{"0 dispatched", "5 dead expired"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.info.CreatedAt = noon
			var got []string
			for _, e := range test.info.Timeline() {
				parts := []string{fmt.Sprint(e.At.Sub(noon).Minutes()), string(e.Kind)}
				if e.Attempt > 0 {
					parts = append(parts, fmt.Sprint(e.Attempt))
				}
				for _, text := range []string{e.Worker, e.ErrorClass} {
					if text != "" {
						parts = append(parts, text)
					}
				}
				got = append(got, strings.Join(parts, " "))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("timeline (-want +got):\n%s", diff)
			}
		})
	}
}
