package flow_test

import (
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
)

// explained is a queue with limits, in which something waits.
func explained(t *testing.T) *queue {
	t.Helper()
	limits, err := flow.NewLimits(flow.LimitOptions{
		Types: map[string]flow.TypeLimit{
			"Two":  {Limit: flow.Limit{Concurrency: 1}},
			"Slow": {Limit: flow.Limit{Rate: flow.Rate{Count: 1, Per: time.Minute}}},
		},
		Queues: map[string]flow.Limit{transport + "/narrow": {Concurrency: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return newQueue(limits)
}

func TestExplain(t *testing.T) {
	const ready = "It is ready, and waits for a worker to take it."
	send := func(typ string, o symphony.DispatchOptions) func(*queue) string {
		return func(q *queue) string { return q.Send(typ, o).ID }
	}
	// second sends two, claims as many as may be, and is about the second one.
	second := func(typ string, o symphony.DispatchOptions, claim bool) func(*queue) string {
		return func(q *queue) string {
			q.Send(typ, o)
			id := q.Send(typ, o).ID
			if claim {
				q.Claim(10)
			}
			return id
		}
	}
	paused := func(pattern string) func(*queue) string {
		return func(q *queue) string {
			id := q.Send("Job", symphony.DispatchOptions{}).ID
			q.Pause(pattern, q.now.Add(time.Hour))
			return id
		}
	}
	for name, test := range map[string]struct {
		make func(*queue) string
		want flow.Reason
		rate bool
		text string
	}{
		"ready":   {make: send("Job", symphony.DispatchOptions{}), want: flow.WaitsForWorker, text: ready},
		"in line": {make: second("Job", symphony.DispatchOptions{}, false), want: flow.WaitsForWorker, text: ready},
		"for later": {make: send("Job", symphony.DispatchOptions{Delay: time.Hour}), want: flow.WaitsForTime,
			text: "It is not to be handled before its time."},
		"paused": {make: paused(""), want: flow.WaitsForHold, text: "The transport is paused."},
		"paused type": {make: paused("Job"), want: flow.WaitsForHold,
			text: "Type \"Job\" is paused."},
		"another type paused": {make: paused("Jobs"), want: flow.WaitsForWorker, text: ready},
		"limit, before a claim parks it": {make: func(q *queue) string {
			q.Send("Two", symphony.DispatchOptions{})
			q.Claim(1)
			return q.Send("Two", symphony.DispatchOptions{}).ID
		}, want: flow.WaitsForType, text: "The limit of type \"Two\" holds it up."},
		"limit": {make: second("Two", symphony.DispatchOptions{}, true), want: flow.WaitsForType,
			text: "The limit of type \"Two\" holds it up."},
		"limit with room": {make: second("Two", symphony.DispatchOptions{}, false), want: flow.WaitsForWorker,
			text: ready},
		"rate": {make: second("Slow", symphony.DispatchOptions{}, true), want: flow.WaitsForType, rate: true,
			text: "The rate of type \"Slow\" holds it up."},
		"key": {make: second("Job", symphony.DispatchOptions{ConcurrencyKey: "k"}, true), want: flow.WaitsForKey,
			text: "The limit of its concurrency key, of type \"*\", holds it up."},
		"order": {make: second("Job", symphony.DispatchOptions{GroupKey: "g", Ordered: true}, false),
			want: flow.WaitsForOrder, text: "A message before it in its ordered group is not finished."},
		"turn": {make: func(q *queue) (id string) {
			for range flow.GroupTurn + 1 {
				id = q.Send("Job", symphony.DispatchOptions{GroupKey: "g"}).ID
			}
			return id
		}, want: flow.WaitsForTurn, text: "As many messages of its group as may be are in line before it."},
		"limit set at run time": {make: func(q *queue) string {
			q.Send("Job", symphony.DispatchOptions{})
			q.Claim(1)
			q.SetLimit(flow.SetLimit{LimitTarget: flow.LimitTarget{Type: "*"}, Set: true,
				Limit: flow.Limit{Concurrency: 1}, By: "ada"})
			return q.Send("Job", symphony.DispatchOptions{}).ID
		}, want: flow.WaitsForType, text: "The limit of type \"*\" holds it up."},
		"limit that ended": {make: func(q *queue) string {
			id := second("Two", symphony.DispatchOptions{}, true)(q)
			q.SetLimit(flow.SetLimit{LimitTarget: flow.LimitTarget{Type: "Two"}, Set: true})
			return id
		}, want: flow.WaitsForWorker, text: ready},
	} {
		t.Run(name, func(t *testing.T) {
			q := explained(t)
			id := test.make(q)
			w := q.Wait(id)
			if w.Reason != test.want || w.Rate != test.rate || w.Text() != test.text {
				t.Errorf("got %+v %q, want %s", w, w.Text(), test.want)
			}
			if err := q.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExplain_says_until_when_and_by_whom(t *testing.T) {
	q := explained(t)
	id := q.Send("Job", symphony.DispatchOptions{}).ID
	until := q.now.Add(time.Hour)
	q.holds = []flow.Hold{{HoldTarget: flow.HoldTarget{Type: "Job"}, Mode: flow.Paused, By: "eve"},
		{HoldTarget: flow.HoldTarget{Queue: symphony.DefaultQueue}, Mode: flow.Draining, By: "eve"},
		{HoldTarget: flow.HoldTarget{Queue: symphony.DefaultQueue}, Mode: flow.Paused, By: "ada", Until: until}}
	if w := q.Wait(id); w.By != "ada" || !w.Until.Equal(until) || w.Text() != `Queue "default" is paused.` {
		t.Errorf("a hold: %+v", w)
	}
	q.holds = nil
	q.Send("Slow", symphony.DispatchOptions{})
	slow := q.Send("Slow", symphony.DispatchOptions{}).ID
	begun := q.now
	q.Claim(10)
	if w := q.Wait(slow); !w.Until.Equal(begun.Add(time.Minute)) {
		t.Errorf("a rate: %+v, want until %s", w, begun.Add(time.Minute))
	}
}

func TestAmid_says_who_works_on_it(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	open := []flow.Stopped{{"B", now.Add(time.Hour)}, {"A", now.Add(time.Minute)}}
	asked := func(ago time.Duration, processing int64) symphony.QueueStats {
		return symphony.QueueStats{UnaskedSince: now.Add(-ago), Processing: processing}
	}
	worker := flow.Wait{Reason: flow.WaitsForWorker, Queue: "q"}
	later := flow.Wait{Reason: flow.WaitsForTime, Until: now.Add(1)}
	limited, retried := flow.Wait{Reason: flow.WaitsForType}, flow.Wait{Reason: flow.WaitsForRetry}
	at := symphony.MessageInfo{AvailableAt: now.Add(1)}
	scheduled := at
	scheduled.ScheduledAt = at.AvailableAt
	own := symphony.MessageInfo{Envelope: symphony.Envelope{Terms: &symphony.Terms{URL: "https://a.test"}}}
	for name, test := range map[string]struct {
		w                    flow.Wait
		m                    symphony.MessageInfo
		q                    symphony.QueueStats
		everywhere, anywhere []flow.Stopped
		want                 flow.Reason
		by                   string
	}{
		"asked just now":         {w: worker, q: asked(flow.UnaskedFor-1, 0), want: flow.WaitsForWorker},
		"not asked for long":     {w: worker, q: asked(flow.UnaskedFor, 0), want: flow.WaitsForNobody},
		"busy":                   {w: worker, q: asked(time.Hour, 1), want: flow.WaitsForWorker},
		"not known":              {w: worker, want: flow.WaitsForWorker},
		"not asked, and limited": {w: limited, q: asked(time.Hour, 0), want: flow.WaitsForType},
		"open everywhere":        {w: worker, everywhere: open, want: flow.WaitsForBreaker, by: "A"},
		"open somewhere":         {w: worker, anywhere: open, want: flow.WaitsForWorker},
		"given back":             {w: later, m: at, anywhere: open, want: flow.WaitsForBreaker, by: "B"},
		"given back by others":   {w: later, m: at, want: flow.WaitsForTime},
		"pushed, given back":     {w: later, m: own, anywhere: open, want: flow.WaitsForTime},
		"pushed, all are open":   {w: worker, m: own, everywhere: open, want: flow.WaitsForWorker},
		"scheduled":              {w: later, m: scheduled, anywhere: open, want: flow.WaitsForTime},
		"to be retried":          {w: retried, m: at, anywhere: open, want: flow.WaitsForRetry},
	} {
		got := test.w.Amid(&test.m, test.q, test.everywhere, test.anywhere, now)
		if got.Reason != test.want || got.By != test.by {
			t.Errorf("%s: got %+v, want %s by %q", name, got, test.want, test.by)
		}
	}
	nobody := worker.Amid(&at, asked(time.Hour, 0), nil, nil, now)
	if want := `It is ready, and no worker is known to have asked for queue "q" for a minute.`; nobody.Text() != want {
		t.Errorf("got %q", nobody.Text())
	}
	pushed := flow.Wait{Reason: flow.WaitsForWorker, Pushed: true}
	if want := "It is pushed to a URL of its own, and waits for a worker of a server that does that: one whose " +
		"push.allowed_origins is set. No pull worker gets it."; pushed.Text() != want {
		t.Errorf("got %q", pushed.Text())
	}
	if w := worker.Amid(&at, asked(0, 0), open, open, now); !w.Until.Equal(now.Add(time.Minute)) ||
		w.Text() != `Handler "A" keeps failing, and is not called for a while.` {
		t.Errorf("got %+v %q", w, w.Text())
	}
}
