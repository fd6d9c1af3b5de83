package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/worker"
)

// patience bounds how long a test waits for what must happen soon; it is no promise.
const patience = 30 * time.Second

// outage is something that keeps the database from serving.
type outage struct {
	begin func(t *testing.T, o *outages)
	end   func(t *testing.T, o *outages)
	// reads says that the database still answers what changes nothing.
	reads bool
}

// outages is a server with a proxy before it.
type outages struct {
	server *pgtest.Server
	proxy  *pgtest.Proxy
}

func (o *outages) admin(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		exec(t, o.server.URL("postgres"), sql)
	}
}

var everyOutage = map[string]outage{
	"stopped":  {begin: func(_ *testing.T, o *outages) { o.server.Stop() }, end: func(_ *testing.T, o *outages) { o.server.Start() }},
	"killed":   {begin: func(_ *testing.T, o *outages) { o.server.Kill() }, end: func(_ *testing.T, o *outages) { o.server.Start() }},
	"hanging":  {begin: func(_ *testing.T, o *outages) { o.server.Pause() }, end: func(_ *testing.T, o *outages) { o.server.Continue() }},
	"cut off":  {begin: func(_ *testing.T, o *outages) { o.proxy.Cut() }, end: func(_ *testing.T, o *outages) { o.proxy.Restore() }},
	"refusing": {begin: func(_ *testing.T, o *outages) { o.proxy.Refuse(); o.proxy.Reset() }, end: func(_ *testing.T, o *outages) { o.proxy.Restore() }},
	"slow":     {begin: func(_ *testing.T, o *outages) { o.proxy.Delay(time.Second) }, end: func(_ *testing.T, o *outages) { o.proxy.Restore() }},
	"read-only": {
		begin: func(t *testing.T, o *outages) {
			o.admin(t, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
			o.proxy.Reset() // sessions of before keep the setting that they have
		},
		end: func(t *testing.T, o *outages) {
			o.admin(t, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
		},
		reads: true,
	},
	"out of connections": {
		begin: func(t *testing.T, o *outages) {
			o.admin(t, "ALTER ROLE app CONNECTION LIMIT 0")
			o.proxy.Reset()
		},
		end: func(t *testing.T, o *outages) { o.admin(t, "ALTER ROLE app CONNECTION LIMIT -1") },
	},
}

func startOutages(t *testing.T) (*outages, string) {
	t.Helper()
	o := &outages{server: pgtest.Start(t, pgtest.Options{Fsync: true})}
	o.admin(t, "CREATE ROLE app LOGIN", "GRANT ALL ON DATABASE postgres TO app")
	o.proxy = pgtest.NewProxy(t, o.server.URL("postgres"))
	config, err := pgx.ParseConfig(o.server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return o, o.proxy.URL(fmt.Sprintf("postgres://app@127.0.0.1:%d/postgres?sslmode=disable", config.Port))
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// soon calls f until it succeeds.
func soon(t *testing.T, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// promptly fails the test if f hangs.
func promptly(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("%s hangs", what)
		return nil
	}
}

func TestOutage(t *testing.T) {
	for name, trouble := range everyOutage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, url := startOutages(t)
			tr, err := postgres.Open(t.Context(), url, postgres.Options{Timeout: 400 * time.Millisecond, Logger: silent()})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
			if err != nil {
				t.Fatal(err)
			}
			accepted := make(map[string]bool)
			dispatch := func() error {
				r, err := bus.Dispatch(context.Background(), "Order", struct{}{}, symphony.DispatchOptions{})
				if err == nil {
					accepted[r.ID] = true
				}
				return err
			}
			for range 3 {
				if err := dispatch(); err != nil {
					t.Fatal(err)
				}
			}
			held, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: 1, Lease: time.Minute})
			if err != nil || len(held) != 1 {
				t.Fatalf("got %v, %v", held, err)
			}

			trouble.begin(t, o)
			calls := map[string]func() error{
				"Send":    dispatch,
				"Receive": func() error { _, err := tr.Receive(t.Context(), symphony.ReceiveOptions{}); return err },
				"Settle": func() error {
					return errors.Join(tr.Settle(t.Context(), []symphony.Settlement{{Lease: held[0].Lease, Outcome: symphony.Retry}})...)
				},
				"Extend": func() error {
					return errors.Join(tr.Extend(t.Context(), []symphony.Lease{held[0].Lease}, time.Minute)...)
				},
				"Put":   func() error { return storage.Put(t.Context(), tr, "k", "id", []byte(`{}`)) },
				"Stats": func() error { _, err := tr.Stats(t.Context()); return err },
			}
			for name, call := range calls {
				if name == "Stats" && trouble.reads {
					continue
				}
				err := promptly(t, name, call)
				// What changes nothing, or is given back, has no outcome to be unsure of.
				unsure := errors.Is(err, symphony.ErrOutcomeUnknown) && name != "Stats" && name != "Receive"
				if !errors.Is(err, symphony.ErrUnavailable) && !unsure {
					t.Errorf("%s: got %v, want ErrUnavailable, or an unknown outcome of a change", name, err)
				}
			}
			trouble.end(t, o)

			soon(t, "dispatching again", dispatch)
			soon(t, "settling what was claimed before", func() error {
				err := errors.Join(tr.Settle(t.Context(), []symphony.Settlement{{Lease: held[0].Lease, Outcome: symphony.Ack}})...)
				if errors.Is(err, symphony.ErrLeaseLost) { // an attempt whose answer was lost had put it back
					return nil
				}
				delete(accepted, held[0].ID)
				return err
			})
			soon(t, "receiving all that was accepted", func() error {
				got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Wait: 100 * time.Millisecond, MaxLost: 100})
				for _, d := range got {
					delete(accepted, d.ID)
					err = errors.Join(err, errors.Join(tr.Settle(t.Context(), []symphony.Settlement{{Lease: d.Lease, Outcome: symphony.Ack}})...))
				}
				if err == nil && len(accepted) > 0 {
					err = fmt.Errorf("%d messages are missing", len(accepted))
				}
				return err
			})
		})
	}
}

func TestOutage_workers_resume_by_themselves(t *testing.T) {
	for _, name := range []string{"killed", "cut off", "read-only", "out of connections"} {
		trouble := everyOutage[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, url := startOutages(t)
			open := func() (*postgres.Transport, *symphony.Bus) {
				tr, err := postgres.Open(t.Context(), url, postgres.Options{Timeout: 400 * time.Millisecond, Logger: silent()})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { tr.Close() })
				bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
				if err != nil {
					t.Fatal(err)
				}
				return tr, bus
			}
			_, bus := open()
			tr, _ := open()
			handled := make(chan string, 100)
			mux := symphony.NewMux()
			mux.HandleFunc("Order", func(_ context.Context, d *symphony.Delivery) error {
				handled <- d.ID
				return nil
			})
			w, err := worker.New(tr, mux, worker.Options{Logger: silent()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := w.Run(ctx)
				ended <- err
			}()
			await := func(id string) {
				t.Helper()
				timeout := time.After(patience)
				for {
					select {
					case got := <-handled:
						if got == id {
							return
						}
					case <-timeout:
						t.Fatalf("message %s was not handled", id)
					}
				}
			}
			dispatch := func() (id string) {
				soon(t, "dispatch", func() error {
					r, err := bus.Dispatch(context.Background(), "Order", struct{}{}, symphony.DispatchOptions{})
					id = r.ID
					return err
				})
				return id
			}
			await(dispatch())
			for range 2 {
				trouble.begin(t, o)
				_ = promptly(t, "Receive", func() error { _, err := tr.Receive(ctx, symphony.ReceiveOptions{}); return err })
				trouble.end(t, o)
				await(dispatch())
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOutage_disk_full(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small disk can be mounted by root only")
	}
	dir := filepath.Join(t.TempDir(), "small")
	for d := filepath.Dir(dir); len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=0777"); err != nil {
		t.Skipf("this system lets nobody mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	url := pgtest.Start(t, pgtest.Options{}).URL("postgres")
	tr, err := postgres.Open(t.Context(), url, postgres.Options{Logger: silent()})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	place := filepath.Join(dir, "space")
	if err := os.Mkdir(place, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(place, 0o777); err != nil {
		t.Fatal(err)
	}
	chownToServer(t, place)
	exec(t, url, "CREATE TABLESPACE small LOCATION '"+place+"'")
	exec(t, url, "ALTER TABLE symphony.messenger_messages SET TABLESPACE small")
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var big struct{ Text string }
	for range 1000 {
		big.Text += "what does not compress: " + symphony.NewID(time.Now())
	}
	accepted := 0
	for range 1000 {
		if _, err = bus.Dispatch(t.Context(), "Order", big, symphony.DispatchOptions{}); err != nil {
			break
		}
		accepted++
	}
	if !errors.Is(err, symphony.ErrUnavailable) || accepted == 0 {
		t.Fatalf("after %d messages: got %v, want ErrUnavailable", accepted, err)
	}
	if stats, err := tr.Stats(t.Context()); err != nil || stats.Pending != int64(accepted) {
		t.Errorf("got %+v, %v; want %d messages", stats, err, accepted)
	}
	// The disk gets larger.
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "Order", big, symphony.DispatchOptions{}); err != nil {
		t.Error(err)
	}
	got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Max: symphony.MaxReceive, MaxBytes: 1 << 30})
	if err != nil || len(got) != accepted+1 {
		t.Errorf("got %d messages, %v; want %d", len(got), err, accepted+1)
	}
}
