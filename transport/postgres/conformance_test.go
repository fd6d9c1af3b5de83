package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// conformance runs the suite in schemas of one database.
func conformance(t *testing.T, in place) {
	schemas := shelf{place: in, prefix: fmt.Sprintf("conformance_%d", os.Getpid())}
	transporttest.Run(t, func(t *testing.T, clock symphony.Clock) transporttest.Harness {
		told := new(transporttest.Told)
		o := schemas.open(t, quiet(postgres.Options{Clock: clock, Limits: transporttest.Limits(t), Steering: told,
			Indexes: transporttest.Indexes()}))
		open := func() *postgres.Transport {
			tr, err := postgres.Open(context.Background(), in.node, o)
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
		current := open()
		t.Cleanup(func() {
			if err := current.Close(); err != nil {
				t.Error(err)
			}
			schemas.giveBack(t, o.Schema)
		})
		reopen := func() {
			if err := current.Close(); err != nil {
				t.Fatal(err)
			}
			current = open()
		}
		return transporttest.Harness{
			Told: told, Default: current, Email: current.Named("email"),
			Reopen: func(t *testing.T) (symphony.Transport, symphony.Transport) {
				reopen()
				// Other nodes may be alive and hold leases, so a node that comes back ends none before its time.
				clock.(*testclock.Clock).Advance(symphony.DefaultLease)
				return current, current.Named("email")
			},
			Rules: func(t *testing.T, rules *retention.Rules, aged transporttest.Aged) (def, email symphony.Transport) {
				o.Periods, o.Aged = rules, aged
				reopen()
				return current, current.Named("email")
			},
			Second: func(t *testing.T) symphony.Transport { return extra(t, in.node, o) },
			KeepNothing: func(t *testing.T) symphony.Transport {
				forgetful := schemas.open(t, o)
				forgetful.Retention = symphony.KeepNothing
				t.Cleanup(func() { schemas.giveBack(t, forgetful.Schema) })
				return extra(t, in.node, forgetful)
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
				exec(t, in.owner, "UPDATE "+o.Schema+".messenger_messages SET metadata='{broken' WHERE id=$1", id)
			},
			CorruptSchedule: func(t *testing.T, id string) {
				t.Helper()
				exec(t, in.owner, "UPDATE "+o.Schema+".messenger_schedules SET definition='{broken' WHERE id=$1", id)
			},
		}
	})
}
