package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/transporttest"
)

// odd is what a session may be set to, by its role, its database, or by whoever had it before.
var odd = map[string]string{
	"synchronous_commit": "off", "DateStyle": "'German, DMY'", "TimeZone": "'Asia/Kathmandu'", "IntervalStyle": "sql_standard",
	"search_path": "evil, pg_catalog", "client_encoding": "LATIN1", "standard_conforming_strings": "off", "bytea_output": "escape",
	"extra_float_digits": "-10", "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on", "array_nulls": "off",
	"row_security": "off", "quote_all_identifiers": "on", "transform_null_equals": "on", "xmlbinary": "hex", "statement_timeout": "'3s'",
	"lock_timeout": "'3s'", "idle_in_transaction_session_timeout": "'3s'", "enable_indexscan": "off", "lc_messages": "'C'",
}

// prepare makes what odd names, and notes how each dispatch is committed.
func prepare(t *testing.T, url string) {
	t.Helper()
	exec(t, url, "CREATE SCHEMA evil")
	exec(t, url, "CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1999-01-01'::timestamptz $$")
	exec(t, url, "CREATE TABLE public.commits (setting text)")
	exec(t, url, `CREATE FUNCTION public.note_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO public.commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$`)
}

// work does a bit of everything and looks whether it is as it should be.
func work(t *testing.T, admin string, tr *postgres.Transport) {
	t.Helper()
	exec(t, admin, "CREATE TRIGGER note AFTER INSERT ON symphony.messenger_messages EXECUTE FUNCTION public.note_commit()")
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, at, want time.Time) {
		t.Helper()
		if d := at.Sub(want).Abs(); d > time.Hour {
			t.Errorf("%s is %s, want about %s", what, at, want)
		}
	}
	const payload = `{"text":"zwölf € \\ ' 漢字"}`
	later := time.Now().Add(100 * time.Hour)
	for _, o := range []symphony.DispatchOptions{{}, {IdempotencyKey: "k"}, {ConcurrencyKey: "c"}, {ScheduledAt: later}} {
		m := symphony.Message{Type: "Order", Payload: json.RawMessage(payload)}
		if _, err := bus.DispatchMessage(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
	}
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Wait: 5 * time.Second})
	if err != nil || len(got) != 3 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	for i := range got {
		near("the time of the claim", got[i].ClaimedAt, time.Now())
		if string(got[i].Payload) != payload {
			t.Errorf("got %s, want %s", got[i].Payload, payload)
		}
	}
	if errs := tr.Extend(t.Context(), []symphony.Lease{got[0].Lease}, time.Minute); errs != nil {
		t.Error(errs)
	}
	for i, outcome := range []symphony.Outcome{symphony.Retry, symphony.Ack, symphony.Ack} {
		if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: got[i].Lease, Outcome: outcome, Error: "schön €"}}); errs != nil {
			t.Fatal(errs)
		}
	}
	again, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Wait: 5 * time.Second})
	if err != nil || len(again) != 1 {
		t.Fatalf("got %d messages, %v", len(again), err)
	}
	if errs := tr.Settle(t.Context(), []symphony.Settlement{{Lease: again[0].Lease, Outcome: symphony.Fail, Error: "schön €"}}); errs != nil {
		t.Fatal(errs)
	}
	failed, err := transporttest.ListFailed(t.Context(), tr, symphony.MessageQuery{Limit: 10})
	if err != nil || len(failed.Messages) != 1 || failed.Messages[0].Error != "schön €" || len(failed.Messages[0].Attempts) != 2 {
		t.Fatalf("got %+v, %v", failed, err)
	}
	near("the failure", failed.Messages[0].FinishedAt, time.Now())
	near("the first attempt's end", failed.Messages[0].Attempts[0].FinishedAt, time.Now())
	page, err := tr.ListMessages(t.Context(), symphony.MessageQuery{Limit: 10})
	if err != nil || len(page.Messages) != 4 {
		t.Fatalf("got %d messages, %v", len(page.Messages), err)
	}
	for _, m := range page.Messages {
		near("a message's creation", m.CreatedAt, time.Now())
		if !m.ScheduledAt.IsZero() {
			near("the time for which a message is scheduled", m.ScheduledAt, later)
		}
	}
	n := aSchedule()
	if _, err := schedule.Create(t.Context(), tr, n); err != nil {
		t.Fatal(err)
	}
	if stored, err := schedule.Get(t.Context(), tr, n.ID); err != nil || !stored.NextRunAt.Equal(n.NextRunAt.Truncate(time.Microsecond)) {
		t.Errorf("got %+v, %v; want the next run at %s", stored, err, n.NextRunAt)
	}
	if stats, err := tr.Stats(t.Context()); err != nil || stats.Completed != 2 || stats.Failed != 1 || stats.Scheduled != 1 {
		t.Errorf("got %+v, %v", stats, err)
	}
}

// committed lists how dispatches were committed.
func committed(t *testing.T, url string) (list []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "SELECT DISTINCT setting FROM public.commits ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	list, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSettings_of_the_database_change_nothing(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{"off": "on", "local": "on", "on": "on", "remote_write": "remote_write", "remote_apply": "remote_apply"} {
		t.Run(asked, func(t *testing.T) {
			address := pgtest.URL(t)
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			prepare(t, address)
			for name, value := range odd {
				if name == "synchronous_commit" {
					value = asked
				}
				exec(t, address, "ALTER DATABASE "+pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()+" SET "+name+" = "+value)
			}
			tr, err := postgres.Open(t.Context(), address, postgres.Options{Logger: silent()})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			work(t, address, tr)
			if list := committed(t, address); len(list) != 1 || list[0] != want {
				t.Errorf("dispatches were committed with synchronous_commit = %v, want %s", list, want)
			}
		})
	}
}

// Who had the session of a pooler in transaction mode before may have left it with settings.
func TestSettings_that_others_left_in_a_poolers_session_change_nothing(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{"off": "on", "local": "on", "remote_write": "remote_write", "remote_apply": "remote_apply"} {
		t.Run(asked, func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{})
			admin := server.URL("postgres")
			prepare(t, admin)
			bouncer := pgtest.PgBouncer(t, admin, pgtest.BouncerOptions{PoolSize: 1})
			leave := func() {
				t.Helper()
				conn, err := pgx.Connect(t.Context(), bouncer.URL("postgres"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(context.Background())
				sql := "SET default_transaction_read_only = on"
				for name, value := range odd {
					if name == "synchronous_commit" {
						value = asked
					}
					sql += "; SET " + name + " = " + value
				}
				if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
			leave()
			tr, err := postgres.Open(t.Context(), bouncer.URL("postgres"), postgres.Options{Logger: silent()})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			leave()
			work(t, admin, tr)
			if list := committed(t, admin); len(list) != 1 || list[0] != want {
				t.Errorf("dispatches were committed with synchronous_commit = %v, want %s", list, want)
			}
		})
	}
}

// That nothing is to be written is a decision, and not overruled.
func TestSettings_a_database_that_is_read_only_stays_so(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	admin := server.URL("postgres")
	bouncer := pgtest.PgBouncer(t, admin, pgtest.BouncerOptions{})
	tr, err := postgres.Open(t.Context(), bouncer.URL("postgres"), postgres.Options{Logger: silent()})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, admin, "ALTER SYSTEM SET default_transaction_read_only = on")
	exec(t, admin, "SELECT pg_reload_conf()")
	tr, err = postgres.Open(t.Context(), bouncer.URL("postgres"), postgres.Options{Logger: silent()})
	if err == nil {
		tr.Close()
	}
	if !errors.Is(err, symphony.ErrUnavailable) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("got %v, want ErrUnavailable that says read-only", err)
	}
}
