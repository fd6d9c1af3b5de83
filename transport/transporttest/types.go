package transporttest

import (
	"context"
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// byType is what types have.
type byType = map[string]storage.Live

// typeCounts counts messages by type, of the default transport unless others are named.
func (s *suite) typeCounts(most int, transports ...string) storage.TypeCounts {
	s.Helper()
	if len(transports) == 0 {
		transports = []string{s.def.Name()}
	}
	c, err := s.types().CountTypes(ctx, transports, most)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *suite) types() storage.Types {
	s.Helper()
	types, err := storage.Part[storage.Types](s.def, s.def.Capabilities().Messages, "does not count by type")
	if err != nil {
		s.Skip(err)
	}
	return types
}

// wantTypes looks at how many messages wait and are in hand of each type.
func (s *suite) wantTypes(when string, want byType) {
	s.Helper()
	if diff := cmp.Diff(storage.TypeCounts{Types: want}, s.typeCounts(symphony.MaxCounted)); diff != "" {
		s.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// wantListedTypes compares the counts with a look at each message.
func (s *suite) wantListedTypes(when string) {
	s.Helper()
	var list []symphony.MessageInfo
	for q := (symphony.MessageQuery{}); ; {
		page := s.page(q)
		list = append(list, page.Messages...)
		if q.After = page.Next; page.Next == "" {
			break
		}
	}
	s.wantTypes(when, typesOf(list))
}

func live(pending, processing int64) storage.Live {
	return storage.Live{Pending: pending, Processing: processing}
}

// typesOf counts messages by type.
func typesOf(list []symphony.MessageInfo) byType {
	counts := storage.TypeCounts{Types: make(byType)}
	for i := range list {
		switch m := &list[i]; m.Status {
		case symphony.Pending:
			counts.Add(m.Type, storage.Live{Pending: 1})
		case symphony.Processing:
			counts.Add(m.Type, storage.Live{Processing: 1})
		}
	}
	return counts.Types
}

// typeTests are one for each kind of waiting, and some more.
func typeTests() []test {
	var tests []test
	for _, kind := range waitingKinds {
		tests = append(tests, test{"what waits is counted/" + kind.name, func(s *suite) {
			id, hand, others := kind.make(s)
			typ := s.show(id).Type
			s.wantListedTypes("as it waits")
			if n := s.typeCounts(symphony.MaxCounted).Types[typ]; n.Pending != int64(1+len(others)) {
				s.Errorf("%d of its type wait, want it and %d others", n.Pending, len(others))
			}
			s.cancel(id, symphony.Cancelled)
			s.wantListedTypes("without it")
			s.ackLeft(hand)
			s.wantListedTypes("when none is in hand")
		}})
	}
	return append(tests,
		test{"of nothing there is nothing", func(s *suite) { s.wantTypes("at first", byType{}) }},
		test{"what ends is not counted, however it ends", func(s *suite) {
			for _, typ := range []string{"Done", "Failed", "Cancelled", "Again", "Back"} {
				s.send(typ, symphony.DispatchOptions{})
			}
			s.wantTypes("waiting", byType{"Done": live(1, 0), "Failed": live(1, 0), "Cancelled": live(1, 0),
				"Again": live(1, 0), "Back": live(1, 0)})
			got := s.receive(all)
			s.wantTypes("in hand", byType{"Done": live(0, 1), "Failed": live(0, 1), "Cancelled": live(0, 1),
				"Again": live(0, 1), "Back": live(0, 1)})
			s.ack(got[0])
			s.fail(got[1], "e")
			s.cancel(got[2].ID, symphony.Processing)
			s.mustSettle(got[3], symphony.Settlement{Outcome: symphony.Retry, Delay: time.Hour})
			s.mustSettle(got[4], symphony.Settlement{Outcome: symphony.Release})
			s.wantTypes("one is to be cancelled", byType{"Cancelled": live(0, 1), "Again": live(1, 0),
				"Back": live(1, 0)})
			s.clock.Advance(symphony.DefaultLease)
			s.wantTypes("then", byType{"Again": live(1, 0), "Back": live(1, 0)})
			s.reopenIfPossible()
			s.wantTypes("after a restart", byType{"Again": live(1, 0), "Back": live(1, 0)})
		}},
		test{"those that are asked for are counted together, and no others", func(s *suite) {
			s.send("Job", symphony.DispatchOptions{})
			s.send("Job", symphony.DispatchOptions{})
			s.one()
			s.send("Job", symphony.DispatchOptions{Transport: s.Email.Name()})
			s.send("Mail", symphony.DispatchOptions{Transport: s.Email.Name(), Delay: time.Hour})
			own := byType{"Job": live(1, 1)}
			s.wantTypes("of one", own)
			want := storage.TypeCounts{Types: byType{"Job": live(1, 0), "Mail": live(1, 0)}}
			if diff := cmp.Diff(want, s.typeCounts(100, s.Email.Name())); diff != "" {
				s.Errorf("of the other (-want +got):\n%s", diff)
			}
			want.Types["Job"] = storage.Live{Pending: 2, Processing: 1}
			if diff := cmp.Diff(want, s.typeCounts(100, s.def.Name(), s.Email.Name())); diff != "" {
				s.Errorf("of both (-want +got):\n%s", diff)
			}
		}},
		test{"no more is looked at than may be, and that there is more is told", func(s *suite) {
			for i := range 6 {
				s.send("Hand", symphony.DispatchOptions{Queue: "h", Priority: 1 + i})
			}
			s.receive(all)
			s.sendMany(20, "Flood", symphony.DispatchOptions{Queue: "a"})
			s.sendMany(3, "Rare", symphony.DispatchOptions{Queue: "b"})
			everything := byType{"Hand": live(0, 6), "Flood": live(20, 0), "Rare": live(3, 0)}
			for _, tt := range []struct {
				most int
				want storage.TypeCounts
			}{
				{1000, storage.TypeCounts{Types: everything}},
				{23, storage.TypeCounts{Types: everything}},
				// All of a small lane is looked at, however many messages others have.
				{10, storage.TypeCounts{Types: byType{"Hand": live(0, 6), "Flood": live(7, 0), "Rare": live(3, 0)},
					MorePending: true}},
				{6, storage.TypeCounts{Types: byType{"Hand": live(0, 6), "Flood": live(3, 0), "Rare": live(3, 0)},
					MorePending: true}},
				{4, storage.TypeCounts{Types: byType{"Hand": live(0, 4), "Flood": live(2, 0), "Rare": live(2, 0)},
					MorePending: true, MoreProcessing: true}},
			} {
				if diff := cmp.Diff(tt.want, s.typeCounts(tt.most)); diff != "" {
					s.Errorf("at most %d (-want +got):\n%s", tt.most, diff)
				}
			}
		}},
		test{"what waits before a limit is bounded, too", func(s *suite) {
			s.sendMany(12, "Two", symphony.DispatchOptions{})
			s.wantParked(s.receive(all), 2)
			s.wantTypes("all", byType{"Two": live(10, 2)})
			want := storage.TypeCounts{Types: byType{"Two": live(5, 2)}, MorePending: true}
			if diff := cmp.Diff(want, s.typeCounts(5)); diff != "" {
				s.Errorf("at most 5 (-want +got):\n%s", diff)
			}
		}},
		test{"a hostile name is a type like others", func(s *suite) {
			name := "Ünïcode'); DROP TABLE x;-- 😀"
			s.send(name, symphony.DispatchOptions{})
			s.wantTypes("it", byType{name: live(1, 0)})
		}},
		test{"a closed storage and a cancelled context say so", func(s *suite) {
			types, names := s.types(), []string{s.def.Name()}
			dead, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := types.CountTypes(dead, names, 10); !errors.Is(err, context.Canceled) {
				s.Errorf("cancelled: %v", err)
			}
			if err := s.def.Close(); err != nil {
				s.Fatal(err)
			}
			if _, err := types.CountTypes(ctx, names, 10); !errors.Is(err, symphony.ErrClosed) {
				s.Errorf("closed: %v", err)
			}
		}},
	)
}
