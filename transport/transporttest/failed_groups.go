package transporttest

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
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
				Sample: "order 31 not found", Count: 1, Attempts: 1,
				FirstSeen: other.FinishedAt, LastSeen: other.FinishedAt, FailedID: other.FailedID},
			{Name: name, Type: "Job", ErrorClass: "test", Sample: "order 31 not found", Count: 3, Attempts: 3,
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
