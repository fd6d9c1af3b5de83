package transporttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/triage"
)

// allGroups are all groups, those that failed last first.
func (s *suite) allGroups() (list []triage.Group) {
	s.Helper()
	q := triage.Query{Limit: symphony.MaxMessagePage}
	for {
		page := s.groups(q)
		list = append(list, page...)
		if len(page) < q.Limit {
			return list
		}
		q.After = page[len(page)-1].FailedID
	}
}

// wantGroups compares the counts of groups with those of the dead letters that there are, counted one by one.
func (s *suite) wantGroups(when string) {
	s.Helper()
	want, got := make(map[string]int64), make(map[string]int64)
	for q := (symphony.MessageQuery{Limit: symphony.MaxMessagePage}); ; {
		page := s.listed(q)
		for _, m := range page.Messages {
			name := triage.Fingerprint(m.Type, m.ErrorClass, m.Error)
			if want[name]++; m.FailureGroup != name {
				s.Fatalf("%s: %s is of the group %s, want %s", when, m.FailedID, m.FailureGroup, name)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for _, g := range s.allGroups() {
		if g.Count != 0 { // else it is remembered, and nothing is left of it
			got[g.Name] = g.Count
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		s.Fatalf("%s: dead letters by group (-want +got)\n%s", when, diff)
	}
}

// modelFailure is a text of an error for a model.
func modelFailure(rnd *rand.Rand) (text, class string) {
	text = []string{"order %d not found", "mailbox of user %d is full", "timeout after %d ms"}[rnd.IntN(3)]
	return fmt.Sprintf(text, rnd.IntN(1000)), []string{"c", "d"}[rnd.IntN(2)]
}

// groupModel knows of each group every failure, and what was decided about it.
type groupModel struct {
	*suite
	rnd    *rand.Rand
	groups map[string]*modelGroup
	dead   []string          // FailedIDs that there are
	of     map[string]string // their groups
}

type modelGroup struct {
	triage.Group // without Hours
	hours        map[int64]int64
	decided      *triage.Decision
	// failures is how many there had been when it was decided.
	failures int64
}

// failureGroupModel has messages fail, be retried and deleted at random, and people decide about their groups; and
// compares what is told of each group with what has happened. The seed is told when it fails.
func (s *suite) failureGroupModel() {
	seed := rand.Uint64()
	m := &groupModel{suite: s, rnd: rand.New(rand.NewPCG(seed, 0)), groups: make(map[string]*modelGroup),
		of: make(map[string]string)}
	defer func() {
		if s.Failed() {
			s.Logf("seed %d", seed)
		}
	}()
	for step := range modelSteps(s) / 2 {
		switch n := m.rnd.IntN(20); {
		case n < 9:
			m.fail()
		case n < 12:
			m.move()
		case n < 14:
			s.clock.Advance(time.Duration(m.rnd.IntN(180)) * time.Minute)
		case n < 15:
			s.housekeep()
		case n < 16:
			if m.rnd.IntN(5) == 0 {
				s.reopenIfPossible()
			}
		default:
			m.decide()
		}
		if step%10 == 9 {
			m.compare(fmt.Sprintf("step %d", step))
			s.wantGroups(fmt.Sprintf("step %d", step))
		}
	}
	s.housekeep()
	m.compare("in the end")
	s.wantGroups("in the end")
}

// fail has a message fail for good, some after a retry: a new one, or one that was retried.
func (m *groupModel) fail() {
	m.Helper()
	got := m.receive(symphony.ReceiveOptions{Max: 1, Worker: "w1"})
	if len(got) == 0 {
		m.send([]string{"Job", "Mail"}[m.rnd.IntN(2)], symphony.DispatchOptions{})
		got = m.receive(symphony.ReceiveOptions{Max: 1, Worker: "w1"})
	}
	if len(got) != 1 {
		m.Fatalf("got %d messages, want 1", len(got))
	}
	d := got[0]
	if m.rnd.IntN(3) == 0 && d.Attempt == 1 {
		m.retry(d, 0, "not yet")
		return // its next attempt is for a later step
	}
	text, class := modelFailure(m.rnd)
	at := m.clock.Now()
	m.mustSettle(d, symphony.Settlement{Outcome: symphony.Fail, Error: text, ErrorClass: class, StartedAt: at,
		FinishedAt: at, MaxRetries: 3})
	m.clock.Advance(time.Millisecond)
	f := m.listed(symphony.MessageQuery{Limit: 1}).Messages[0]
	name := triage.Fingerprint(d.Type, class, text)
	g := m.groups[name]
	if g == nil {
		g = &modelGroup{Group: triage.Group{Name: name, FirstSeen: at}, hours: make(map[int64]int64)}
		m.groups[name] = g
	}
	g.Type, g.ErrorClass, g.Sample, g.LastSeen, g.FailedID = d.Type, class, text, at, f.FailedID
	g.Count++
	g.Failures++
	g.Attempts += int64(d.Attempt)
	g.hours[at.Unix()/3600]++
	m.dead, m.of[f.FailedID] = append(m.dead, f.FailedID), name
}

// move dispatches some dead letters again, and deletes others, in one call.
func (m *groupModel) move() {
	m.Helper()
	var moves []symphony.FailedMove
	for range min(1+m.rnd.IntN(3), len(m.dead)) {
		i := m.rnd.IntN(len(m.dead))
		id := m.dead[i]
		m.dead = slices.Delete(m.dead, i, i+1)
		m.groups[m.of[id]].Count--
		move := symphony.FailedMove{ID: id}
		if m.rnd.IntN(2) == 0 {
			move.NewID = symphony.NewID(m.clock.Now())
		}
		moves = append(moves, move)
	}
	if n, err := m.messages().MoveFailed(ctx, moves); err != nil || n != len(moves) {
		m.Fatalf("moved %d of %d, %v", n, len(moves), err)
	}
}

// decide has somebody decide about one of the groups.
func (m *groupModel) decide() {
	m.Helper()
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range m.groups {
			if !yield(name) {
				return
			}
		}
	})
	if len(names) == 0 {
		return
	}
	g := m.groups[names[m.rnd.IntN(len(names))]]
	d := triage.Decision{State: triage.Resolved, Note: "a note"}
	switch m.rnd.IntN(5) {
	case 0:
		d.State, d.Until = triage.Ignored, m.clock.Now().Add(time.Duration(1+m.rnd.IntN(300))*time.Minute)
	case 1:
		d.State, d.Count = triage.Ignored, int64(1+m.rnd.IntN(3))
	case 2:
		d.State = triage.Ignored
	}
	if _, _, err := m.decisions().Decide(ctx, g.Name, d); err != nil {
		m.Fatal(err)
	}
	g.decided, g.failures = &d, g.Failures
}

func (m *groupModel) decisions() *triage.Groups {
	m.Helper()
	groups, err := triage.GroupsOf(m.def, m.clock)
	if err != nil {
		m.Fatal(err)
	}
	return groups
}

// state is what a group is by what was decided about it.
func (m *groupModel) state(g *modelGroup) (state triage.State, regressed bool) {
	d, since := g.decided, g.Failures-g.failures
	switch {
	case d == nil:
		return triage.Open, false
	case d.State == triage.Resolved && since > 0:
		return triage.Open, true
	case d.Count > 0 && since >= d.Count, !d.Until.IsZero() && !d.Until.After(m.clock.Now()):
		return triage.Open, false
	}
	return d.State, false
}

// compare looks at all groups, and at what they are.
func (m *groupModel) compare(when string) {
	m.Helper()
	var want []triage.Group
	var regressions []string
	now := m.clock.Now().Unix() / 3600
	for name, g := range m.groups {
		for hour, n := range g.hours {
			if i := triage.SeriesHours - 1 - (now - hour); i >= 0 {
				g.Hours[i] = n
			}
		}
		want = append(want, g.Group)
		g.Hours = [triage.SeriesHours]int64{}
		if _, regressed := m.state(g); regressed && g.Count > 0 {
			regressions = append(regressions, name)
		}
	}
	slices.SortFunc(want, func(a, b triage.Group) int { return cmp.Compare(b.FailedID, a.FailedID) })
	got := m.allGroups()
	if diff := gocmp.Diff(want, got); diff != "" {
		m.Fatalf("%s: groups (-want +got)\n%s", when, diff)
	}
	groups := m.decisions()
	decided, err := groups.Decisions(ctx)
	if err != nil {
		m.Fatal(err)
	}
	for i := range got {
		g := m.groups[got[i].Name]
		state, regressed := decided[g.Name].Of(&got[i], m.clock.Now())
		if wantState, wantRegressed := m.state(g); state != wantState || regressed != wantRegressed {
			m.Fatalf("%s: %s is %s (%t), want %s (%t): decided %+v", when, g.Name, state, regressed, wantState,
				wantRegressed, g.decided)
		}
	}
	list, err := groups.Regressions(ctx)
	if err != nil {
		m.Fatal(err)
	}
	var back []string
	for _, g := range list {
		back = append(back, g.Name)
	}
	m.wantSame(when+": regressions", back, regressions)
}

// failWords has so many messages fail, each in a way of its own.
func (s *suite) failWords(n int) {
	s.Helper()
	word := func(i int) string { // which is no id, and has no digits
		const letters = "ghijklmnopqrstuvwxyz"
		b := []byte("zzzz")
		for at := range b {
			b[at] = letters[i%len(letters)]
			i /= len(letters)
		}
		return "no " + string(b)
	}
	for first := 0; first < n; first += 1000 {
		var batch []symphony.Outgoing
		for range min(1000, n-first) {
			message := symphony.Message{Type: "Job", Payload: json.RawMessage(`{}`)}
			batch = append(batch, symphony.Outgoing{Message: message})
		}
		if _, err := s.bus.DispatchBatch(ctx, batch); err != nil {
			s.Fatal(err)
		}
		s.clock.Advance(time.Millisecond)
		for i := first; i < first+len(batch); {
			got := s.receive(all)
			list := make([]symphony.Settlement, len(got))
			for at, d := range got {
				list[at] = symphony.Settlement{Lease: d.Lease, Outcome: symphony.Fail, Error: word(i), ErrorClass: "test"}
				i++
			}
			if errs := s.def.Settle(ctx, list); errs != nil || len(got) == 0 {
				s.Fatalf("%d messages were to fail: %v", len(got), errs)
			}
		}
	}
}
