package transporttest

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/testtier"
	"github.com/symphony-messenger/symphony/triage"
)

// groups asks for groups of failures.
func (s *suite) groups(q triage.Query) []triage.Group {
	s.Helper()
	if q.Limit == 0 {
		q.Limit = symphony.MaxMessagePage
	}
	store, err := triage.StoreOf(s.def)
	if err != nil {
		s.Fatal(err)
	}
	list, err := store.FailureGroups(ctx, q)
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// housekeep does what the storage otherwise does in the background.
func (s *suite) housekeep() {
	s.Helper()
	keeper, ok := s.def.(interface{ Housekeep(context.Context) error })
	if !ok {
		s.Skip("transport forgets without housekeeping")
	}
	if err := keeper.Housekeep(ctx); err != nil {
		s.Fatal(err)
	}
}

// failAs has a message of a type fail with a text.
func (s *suite) failAs(typ, text string) symphony.MessageInfo {
	s.Helper()
	s.send(typ, symphony.DispatchOptions{})
	return s.fail(s.one(), text)
}

var failedGroupTests = []test{
	{"failures of one kind are one group", func(s *suite) {
		first := s.failAs("Job", "order 1 not found")
		s.clock.Advance(2 * time.Hour)
		s.failAs("Job", "order 2 not found")
		last := s.failAs("Job", "order 31 not found")
		other := s.failAs("Mail", "order 31 not found")
		name := triage.Fingerprint("Job", "test", "order 7 not found")
		want := []triage.Group{
			{Name: triage.Fingerprint("Mail", "test", "order 7 not found"), Type: "Mail", ErrorClass: "test",
				Sample: "order 31 not found", Count: 1, Failures: 1, Attempts: 1,
				FirstSeen: other.FinishedAt, LastSeen: other.FinishedAt, FailedID: other.FailedID},
			{Name: name, Type: "Job", ErrorClass: "test", Sample: "order 31 not found", Count: 3, Failures: 3, Attempts: 3,
				FirstSeen: first.FinishedAt, LastSeen: last.FinishedAt, FailedID: last.FailedID},
		}
		const now = triage.SeriesHours - 1
		want[0].Hours[now], want[1].Hours[now], want[1].Hours[now-2] = 1, 2, 1
		if diff := cmp.Diff(want, s.groups(triage.Query{})); diff != "" {
			s.Errorf("(-want +got)\n%s", diff)
		}
		if first.FailureGroup != name || s.show(first.ID).FailureGroup != name {
			s.Errorf("the failed message is of group %q, want %q", first.FailureGroup, name)
		}
		q := symphony.MessageQuery{MessageFilter: symphony.MessageFilter{FailureGroup: name}, Total: true}
		page, err := ListFailed(ctx, s.messages(), q)
		if err != nil || len(page.Messages) != 3 || page.Total != 3 {
			s.Errorf("of the group %d of %d are listed, %v", len(page.Messages), page.Total, err)
		}
		if got := s.groups(triage.Query{Limit: 1}); len(got) != 1 || got[0].Name != want[0].Name {
			s.Errorf("first page: %+v", got)
		}
		if got := s.groups(triage.Query{Limit: 1, After: other.FailedID}); len(got) != 1 || got[0].Name != name {
			s.Errorf("second page: %+v", got)
		}
		filter := symphony.MessageFilter{Type: "Job", Since: s.clock.Now().Add(-time.Hour)}
		if got := s.groups(triage.Query{MessageFilter: filter}); len(got) != 1 || got[0].Count != 2 {
			s.Errorf("filtered: %+v", got)
		}
	}},
	{"a group counts the dead letters that there are", func(s *suite) {
		var moves []symphony.FailedMove
		for i := range 4 {
			moves = append(moves, symphony.FailedMove{ID: s.failAs("Job", fmt.Sprintf("order %d", i)).FailedID})
		}
		moves[0].NewID = symphony.NewID(s.clock.Now())
		if _, err := s.messages().MoveFailed(ctx, moves[:3]); err != nil {
			s.Fatal(err)
		}
		if got := s.groups(triage.Query{}); len(got) != 1 || got[0].Count != 1 || got[0].FailedID != moves[3].ID {
			s.Errorf("got %+v", got)
		}
		s.fail(s.one(), "order 9") // what was retried fails again
		if got := s.groups(triage.Query{}); len(got) != 1 || got[0].Count != 2 {
			s.Errorf("got %+v", got)
		}
	}},
	{"a group is remembered when its dead letters are gone", func(s *suite) {
		first := s.failAs("Job", "order 1 not found")
		s.clock.Advance(2 * time.Hour)
		last := s.failAs("Job", "order 2 not found")
		moves := []symphony.FailedMove{{ID: first.FailedID}, {ID: last.FailedID, NewID: symphony.NewID(s.clock.Now())}}
		if n, err := s.messages().MoveFailed(ctx, moves); err != nil || n != 2 {
			s.Fatal(n, err)
		}
		want := triage.Group{Name: triage.Fingerprint("Job", "test", "order 7 not found"), Type: "Job", ErrorClass: "test",
			Sample: "order 2 not found", Failures: 2, Attempts: 2,
			FirstSeen: first.FinishedAt, LastSeen: last.FinishedAt, FailedID: last.FailedID}
		const now = triage.SeriesHours - 1
		want.Hours[now], want.Hours[now-2] = 1, 1
		if diff := cmp.Diff([]triage.Group{want}, s.groups(triage.Query{})); diff != "" {
			s.Errorf("(-want +got)\n%s", diff)
		}
		again := s.fail(s.one(), "order 3 not found")
		want.Count, want.Failures, want.Attempts, want.Sample = 1, 3, 3, again.Error
		want.LastSeen, want.FailedID, want.Hours[now] = again.FinishedAt, again.FailedID, 2
		for name, q := range map[string]triage.Query{"type": {MessageFilter: symphony.MessageFilter{Type: "Job"}},
			"group": {MessageFilter: symphony.MessageFilter{FailureGroup: want.Name}},
			"class": {MessageFilter: symphony.MessageFilter{ErrorClass: "test"}}} {
			if diff := cmp.Diff([]triage.Group{want}, s.groups(q)); diff != "" {
				s.Errorf("%s (-want +got)\n%s", name, diff)
			}
		}
		if got := s.groups(triage.Query{MessageFilter: symphony.MessageFilter{Queue: "default"}}); len(got) != 1 ||
			got[0].Count != 1 || got[0].Failures != 1 {
			s.Errorf("of the dead letters of a queue: %+v", got)
		}
		if got := s.groups(triage.Query{MessageFilter: symphony.MessageFilter{Type: "Jo"}}); len(got) != 0 {
			s.Errorf("of another type: %+v", got)
		}
	}},
	{"a group is forgotten when it has not failed for long", func(s *suite) {
		old := s.failAs("Job", "order 1 not found")
		s.clock.Advance(triage.RememberedFor - time.Hour)
		s.failAs("Mail", "no such mailbox")
		s.housekeep()
		if got := s.groups(triage.Query{}); len(got) != 2 {
			s.Fatalf("too early: %+v", got)
		}
		s.clock.Advance(2 * time.Hour)
		for range 3 { // rows of others are folded first
			s.housekeep()
		}
		got := s.groups(triage.Query{})
		if len(got) != 2 || got[0].Type != "Mail" || got[1].Name != triage.Other || got[1].Count != 1 ||
			got[1].FailedID != old.FailedID {
			s.Errorf("got %+v", got)
		}
		if m := s.show(old.ID); m.FailureGroup != triage.Other {
			s.Errorf("its dead letter is of the group %q", m.FailureGroup)
		}
		name := triage.Fingerprint("Job", "test", "order 1 not found")
		if s.failAs("Job", "order 2 not found"); len(s.groups(triage.Query{})) != 3 || s.groups(triage.Query{})[0].Name != name {
			s.Errorf("after another failure: %+v", s.groups(triage.Query{}))
		}
	}},
	{"of more groups than are remembered, those that failed last are", func(s *suite) {
		if !s.Steady {
			testtier.Needs(s.T, testtier.Full) // a database server takes ten seconds for ten thousand groups
		}
		first := s.failAs("Job", "the oldest")
		s.clock.Advance(time.Minute)
		s.failWords(triage.MaxGroups)
		if n := len(s.allGroups()); n != triage.MaxGroups+1 {
			s.Fatalf("%d groups before any is forgotten, want %d", n, triage.MaxGroups+1)
		}
		for range 3 { // rows of others are folded first
			s.housekeep()
		}
		forgotten, others := triage.Fingerprint("Job", "test", "the oldest"), triage.Group{}
		n := 0
		for _, g := range s.allGroups() {
			switch g.Name {
			case triage.Other:
				others = g
			case forgotten:
				s.Error("the oldest is remembered")
			default:
				n++
			}
		}
		if n != triage.MaxGroups || others.Count != 1 || others.FailedID != first.FailedID {
			s.Errorf("%d groups are remembered, and others %+v; want %d, and the oldest", n, others, triage.MaxGroups)
		}
		if m := s.show(first.ID); m.FailureGroup != triage.Other {
			s.Errorf("the oldest dead letter is of the group %q", m.FailureGroup)
		}
		s.failAs("Job", "the oldest")
		if got := s.groups(triage.Query{Limit: 1}); len(got) != 1 || got[0].Name != forgotten || got[0].Failures != 1 {
			s.Errorf("when it fails again: %+v", got)
		}
	}},
	{"whatever fails, is retried, deleted and decided, groups are told as they are", (*suite).failureGroupModel},
	{"what expired, and what was not tried again, has a group, too", func(s *suite) {
		s.send("Job", symphony.DispatchOptions{ExpiresAt: s.clock.Now().Add(time.Minute)})
		s.clock.Advance(time.Hour)
		s.receive(all)
		s.send("Mail", symphony.DispatchOptions{})
		s.retry(s.one(), 0, "mailbox 5 is full")
		s.mustSettle(s.one(), symphony.Settlement{Outcome: symphony.Fail, Error: "used up", ErrorClass: "x",
			Untried: true})
		got := s.groups(triage.Query{})
		mail := triage.Fingerprint("Mail", "test", "mailbox 5 is full")
		if len(got) != 2 || got[0].Name != mail || got[1].ErrorClass != (&symphony.ExpiredError{}).ErrorClass() ||
			got[1].Name == triage.Other {
			s.Errorf("got %+v", got)
		}
	}},
}
