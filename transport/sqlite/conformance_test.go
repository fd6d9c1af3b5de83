package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/transport/sqlite"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T, clock symphony.Clock) transporttest.Harness {
		path := filepath.Join(t.TempDir(), "queue.db")
		told := new(transporttest.Told)
		o := sqlite.Options{Clock: clock, Limits: transporttest.Limits(t), Steering: told,
			Indexes: transporttest.Indexes()}
		current, err := sqlite.Open(context.Background(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := current.Close(); err != nil {
				t.Error(err)
			}
		})
		// Closing changes nothing but where things are kept; TestKill has real crashes.
		reopen := func(t *testing.T) (symphony.Transport, symphony.Transport) {
			t.Helper()
			if err := current.Close(); err != nil {
				t.Fatal(err)
			}
			if current, err = sqlite.Open(context.Background(), path, o); err != nil {
				t.Fatal(err)
			}
			return current, current.Named("email")
		}
		return transporttest.Harness{
			Told: told, Steady: true, Default: current, Email: current.Named("email"), Reopen: reopen,
			Rules: func(t *testing.T, rules *retention.Rules, aged transporttest.Aged) (def, email symphony.Transport) {
				t.Helper()
				o.Periods, o.Aged = rules, aged
				return reopen(t)
			},
			KeepNothing: func(t *testing.T) symphony.Transport {
				t.Helper()
				o := sqlite.Options{Clock: clock, Limits: transporttest.Limits(t), Retention: symphony.KeepNothing}
				tr, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "queue.db"), o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := tr.Close(); err != nil {
						t.Error(err)
					}
				})
				return tr
			},
			Tidy: func(t *testing.T) {
				t.Helper()
				if err := current.Tidy(context.Background()); err != nil {
					t.Fatal(err)
				}
			},
			Unmark: func(t *testing.T, id string) { current.Unmark(t, id) },
			Corrupt: func(t *testing.T, id string) {
				t.Helper()
				corrupt(t, path, "UPDATE messenger_messages SET metadata='{broken' WHERE id=?", id)
			},
			CorruptSchedule: func(t *testing.T, id string) {
				t.Helper()
				corrupt(t, path, "UPDATE messenger_schedules SET definition='{broken' WHERE id=?", id)
			},
		}
	})
}
