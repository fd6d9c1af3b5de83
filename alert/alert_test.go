package alert_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/alert"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// signals are what a test says.
type signals struct {
	mu   sync.Mutex
	dead int64
	err  error
	all  monitor.Signals
}

func (s *signals) Collect(context.Context) monitor.Signals {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	all.Window, all.AttemptsErr = 5*time.Minute, s.err
	if all.Transports == nil {
		all.Transports = []monitor.Transport{{Name: "default", Keeps: true, Workers: 1, Attempts: monitor.Attempts{Dead: s.dead}}}
	}
	return all
}

func (s *signals) set(dead int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = dead
}

func (s *signals) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// receiver takes notifications and checks their signatures.
type receiver struct {
	t      *testing.T
	url    string
	status atomic.Int32 // what it answers
	verify *webhooks.Webhook

	mu  sync.Mutex
	ids []string
	got []alert.Notification // each once, by its id
}

// receive makes a receiver, within a bubble: nothing of it uses the network.
func receive(t *testing.T, url string) *receiver {
	t.Helper()
	verify, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, url: url, verify: verify}
	r.status.Store(204)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	status := int(r.status.Load())
	defer w.WriteHeader(status)
	if status/100 != 2 {
		return
	}
	// The convention's own library; it wants a timestamp of now.
	if err := r.verify.VerifyIgnoringTimestamp(body, req.Header); err != nil {
		r.t.Errorf("signature: %v", err)
	}
	var n alert.Notification
	if err := json.Unmarshal(body, &n); err != nil || n.ID != req.Header.Get("Webhook-Id") || n.Text == "" {
		r.t.Errorf("got %s under id %s: %v", body, req.Header.Get("Webhook-Id"), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, n.ID)
	if !slices.ContainsFunc(r.got, func(o alert.Notification) bool { return o.ID == n.ID }) {
		r.got = append(r.got, n)
	}
}

// RoundTrip lets a client reach the receiver without a network.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Result(), nil
}

func (r *receiver) hook() *httppush.Handler {
	h, err := httppush.New(r.url, httppush.Options{Secrets: []string{secret}, Client: &http.Client{Transport: r}})
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

func (r *receiver) types() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.got {
		list = append(list, strings.TrimPrefix(string(n.Type), "alert."))
	}
	return list
}

func engine(t *testing.T, s alert.Signals, store storage.Records, o alert.Options, to ...*receiver) *alert.Engine {
	t.Helper()
	o.Signals, o.Records, o.Logger = s, store, slog.New(slog.DiscardHandler)
	for _, r := range to {
		o.Webhooks = append(o.Webhooks, r.hook())
	}
	e, err := alert.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// run runs an engine until stop.
func run(t *testing.T, e *alert.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); running.Wait() }
}

func sleep(d time.Duration) { <-time.After(d); synctest.Wait() }

func TestEngine_tells_when_it_fires_goes_on_and_is_resolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		s, r := &signals{}, receive(t, "http://hook/a")
		var changed []string
		e := engine(t, s, tr, alert.Options{Node: "n1", Changed: func(n alert.Notification) { changed = append(changed, string(n.Type)) }}, r)
		defer run(t, e)()
		s.set(9)
		sleep(time.Hour)
		s.set(10)
		sleep(30 * time.Second)
		s.set(9) // not for long enough
		sleep(time.Hour)
		if got := r.types(); got != nil {
			t.Fatalf("got %v", got)
		}
		s.set(12)
		sleep(2 * time.Minute)
		if got := r.types(); cmp.Diff([]string{"firing"}, got) != "" {
			t.Fatalf("got %v", got)
		}
		s.set(7) // above the lower bound: not resolved
		sleep(5 * time.Hour)
		s.set(5)
		sleep(2 * time.Minute)
		if diff := cmp.Diff([]string{"firing", "reminder", "resolved"}, r.types()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"alert.firing", "alert.resolved"}, changed); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		fired, reminder, resolved := r.got[0], r.got[1], r.got[2]
		want := alert.Data{Alert: fired.Data.Alert, Rule: "dead_letters_growing", Transport: "default", Value: 12, Threshold: 10, Unit: "messages", Since: fired.Timestamp, Node: "n1"}
		if diff := cmp.Diff(want, fired.Data); diff != "" || fired.Data.Alert == "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if want := "[FIRING] dead_letters_growing: 12 messages went to the dead letter queue of transport default within 5m; 0 are in it"; fired.Text != want {
			t.Errorf("got %s", fired.Text)
		}
		if reminder.Data.Alert != fired.Data.Alert || reminder.Data.Reminder != 1 || !strings.HasSuffix(reminder.Text, ", for 4h00m)") {
			t.Errorf("got %+v", reminder)
		}
		if resolved.Data.Alert != fired.Data.Alert || !resolved.Data.Since.Equal(fired.Timestamp) || !strings.HasPrefix(resolved.Text, "[RESOLVED]") {
			t.Errorf("got %+v", resolved)
		}
		if len(r.ids) != 3 {
			t.Errorf("%d requests", len(r.ids))
		}
	})
}

func TestEngine_holds_still_while_nothing_is_known(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		s, r := &signals{dead: 50}, receive(t, "http://hook/a")
		e := engine(t, s, tr, alert.Options{Reminder: alert.Off}, r)
		defer run(t, e)()
		sleep(2 * time.Minute)
		s.set(0)
		s.fail(context.DeadlineExceeded)
		sleep(time.Hour)
		if got := r.types(); cmp.Diff([]string{"firing"}, got) != "" {
			t.Errorf("got %v", got)
		}
		list, err := e.List(t.Context())
		if err != nil || list[0].State != "unknown" || !list[0].Firing {
			t.Errorf("got %+v, %v", list, err)
		}
		s.fail(nil)
		sleep(2 * time.Minute)
		if got := r.types(); cmp.Diff([]string{"firing", "resolved"}, got) != "" {
			t.Errorf("got %v", got)
		}
	})
}

// Whatever the signals do, an alert fires and is resolved by turns, is told once for each change however many nodes
// judge, and none changes before its time.
func TestEngine_does_not_flap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 14), 20, 200).Draw(rt, "values")
		nodes := rapid.IntRange(1, 3).Draw(rt, "nodes")
		restarts := rapid.SliceOfN(rapid.Bool(), len(values), len(values)).Draw(rt, "restarts")
		synctest.Test(t, func(t *testing.T) {
			tr := symphonytest.Storage(t, sqlite.Options{})
			s, r := &signals{}, receive(t, "http://hook/a")
			start := func() (stops []func()) {
				for range nodes {
					stops = append(stops, run(t, engine(t, s, tr, alert.Options{Reminder: alert.Off}, r)))
				}
				return stops
			}
			stops := start()
			stop := func() {
				for _, f := range stops {
					f()
				}
			}
			for i, v := range values {
				s.set(v)
				sleep(20 * time.Second)
				if restarts[i] {
					stop()
					stops = start()
				}
			}
			sleep(time.Minute)
			stop()
			want, last := alert.Firing, time.Time{}
			for _, n := range r.got {
				if n.Type != want {
					t.Fatalf("got %v", r.types())
				}
				if n.Timestamp.Sub(last) < time.Minute {
					t.Fatalf("two changes within %v", n.Timestamp.Sub(last))
				}
				if last = n.Timestamp; want == alert.Firing {
					want = alert.Resolved
				} else {
					want = alert.Firing
				}
			}
			if len(r.ids) != len(r.got) {
				t.Fatalf("%d requests for %d notifications", len(r.ids), len(r.got))
			}
		})
	})
}

func TestEngine_delivers_after_an_outage_in_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		s, dead, alive := &signals{}, receive(t, "http://hook/dead"), receive(t, "http://hook/alive")
		dead.status.Store(503)
		e := engine(t, s, tr, alert.Options{Reminder: 10 * time.Minute}, dead, alive)
		stop := run(t, e)
		s.set(20)
		sleep(2 * time.Minute)
		if got := alive.types(); cmp.Diff([]string{"firing"}, got) != "" {
			t.Fatalf("the other webhook holds up this one: %v", got)
		}
		sleep(time.Hour)
		s.set(0)
		sleep(2 * time.Minute)
		list, err := e.List(t.Context())
		if err != nil || list[0].Undelivered == 0 {
			t.Errorf("got %+v, %v", list, err)
		}
		// The process ends, and another one delivers.
		stop()
		dead.status.Store(200)
		defer run(t, engine(t, s, tr, alert.Options{}, dead, alive))()
		sleep(15 * time.Minute)
		if diff := cmp.Diff([]string{"firing", "reminder", "resolved"}, dead.types()); diff != "" { // of the reminders the last
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := alive.types(); len(got) != 8 || len(alive.ids) != 8 {
			t.Errorf("got %v", got)
		}
		if list, err := e.List(t.Context()); err != nil || list[0].Undelivered != 0 {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestEngine_gives_up_on_a_webhook_that_stays_dead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := symphonytest.Storage(t, sqlite.Options{})
		s, dead := &signals{}, receive(t, "http://hook/dead")
		dead.status.Store(500)
		e := engine(t, s, tr, alert.Options{Reminder: alert.Off, Interval: time.Minute}, dead)
		defer run(t, e)()
		for range 100 {
			s.set(20)
			sleep(3 * time.Minute)
			s.set(0)
			sleep(3 * time.Minute)
		}
		list, err := e.List(t.Context())
		if err != nil || list[0].Undelivered == 0 || list[0].Undelivered > 20 {
			t.Errorf("got %+v, %v", list, err)
		}
		sleep(26 * time.Hour)
		if list, err := e.List(t.Context()); err != nil || list[0].Undelivered != 0 {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestEngine_rules(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	of := func(t monitor.Transport) monitor.Signals {
		t.Name, t.Keeps = "mail", true
		return monitor.Signals{Transports: []monitor.Transport{t}}
	}
	tests := map[string]struct {
		all  monitor.Signals
		want []string // rules that hold
	}{
		"nothing happens":             {of(monitor.Transport{}), nil},
		"nine dead letters":           {of(monitor.Transport{Workers: 1, Attempts: monitor.Attempts{Dead: 9, Failed: 9}}), nil},
		"ten dead letters":            {of(monitor.Transport{Workers: 1, Attempts: monitor.Attempts{Dead: 10, Failed: 10}}), []string{"dead_letters_growing"}},
		"a message that is old":       {of(monitor.Transport{Workers: 1, OldestAge: 10 * time.Minute, OldestQueue: "q"}), []string{"oldest_message_too_old"}},
		"a message, and nobody works": {of(monitor.Transport{OldestAge: 3 * time.Minute}), []string{"no_workers"}},
		"a message, and pull workers": {of(monitor.Transport{OldestAge: 3 * time.Minute, Attempts: monitor.Attempts{Succeeded: 1}}), nil},
		"a large storage": {of(monitor.Transport{Workers: 1, Bytes: &storage.Bytes{At: time.Unix(1, 0),
			Total: 10 << 30}}),
			[]string{"storage_bytes"}},
		"a large file that is free": {of(monitor.Transport{Workers: 1, Bytes: &storage.Bytes{At: time.Unix(1, 0),
			Total: 11 << 30,
			Kinds: map[string]int64{storage.BytesFree: 2 << 30}}}), nil},
		"half of all fail":            {of(monitor.Transport{Workers: 1, Attempts: monitor.Attempts{Succeeded: 10, Failed: 10}}), []string{"error_rate"}},
		"half of few fail":            {of(monitor.Transport{Workers: 1, Attempts: monitor.Attempts{Succeeded: 9, Failed: 9}}), nil},
		"a transport without workers": {monitor.Signals{Transports: []monitor.Transport{{Name: "sync", OldestAge: time.Hour}}}, nil},
		"no transport":                {monitor.Signals{Transports: []monitor.Transport{}}, nil},
	}
	for name, test := range tests {
		list, err := engine(t, &signals{all: test.all}, tr, alert.Options{}).List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range list {
			if a.State != "ok" {
				got = append(got, a.Rule)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	off := alert.Rules{DeadLetters: alert.Off, Oldest: alert.Off, ErrorRate: alert.Off, NoWorkers: alert.Off,
		StorageBytes: alert.Off}
	if list, err := engine(t, &signals{}, tr, alert.Options{Rules: off}).List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestEngine_tells_of_failures_that_come_back(t *testing.T) {
	all := monitor.Signals{Transports: []monitor.Transport{{Name: "mail", Keeps: true}, {Name: "sms", Keeps: true}}}
	o := alert.Options{Regressed: func(_ context.Context, transport string) ([]string, error) {
		if transport == "sms" {
			return nil, symphony.ErrUnsupported
		}
		return []string{"Mail timeout"}, nil
	}}
	list, err := engine(t, &signals{all: all}, symphonytest.Storage(t, sqlite.Options{}), o).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := make(map[string]string)
	for _, a := range list {
		if a.Rule == alert.Regression {
			states[a.Transport] = a.State
		}
		if a.Rule == alert.Regression && a.Transport == "mail" && !strings.Contains(a.Text, "Mail timeout") {
			t.Errorf("it says %q", a.Text)
		}
	}
	if diff := cmp.Diff(map[string]string{"mail": "pending", "sms": "ok"}, states); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Two nodes on PostgreSQL judge at the same time: one of them makes each notification, and each is delivered.
func TestNodes_tell_each_change_once(t *testing.T) {
	url := pgtest.URL(t)
	s := &signals{}
	r := receive(t, "http://hook/a")
	var engines []*alert.Engine
	for range 2 {
		tr, err := postgres.Open(t.Context(), url, postgres.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		engines = append(engines, engine(t, s, tr, alert.Options{Rules: alert.Rules{For: alert.Off}, Reminder: alert.Off, Interval: time.Millisecond}, r))
	}
	for _, e := range engines {
		defer run(t, e)()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const rounds = 10
	for i := range 2 * rounds {
		s.set(int64(20 * ((i + 1) % 2)))
		for len(r.types()) <= i {
			pause := time.NewTimer(time.Millisecond)
			select {
			case <-pause.C:
			case <-ctx.Done():
				t.Fatalf("got %v", r.types())
			}
		}
	}
	for i, typ := range r.types() {
		if want := []string{"firing", "resolved"}[i%2]; typ != want || len(r.types()) != 2*rounds {
			t.Fatalf("got %v", r.types())
		}
	}
}

func TestEngine_sends_tests(t *testing.T) {
	tr := symphonytest.Storage(t, sqlite.Options{})
	good, bad := receive(t, "http://hook/good"), receive(t, "http://hook/bad")
	bad.status.Store(404)
	list, err := engine(t, &signals{}, tr, alert.Options{}, good, bad).Test(t.Context())
	if err != nil || len(list) != 2 || list[0].Err != nil || list[1].Err == nil || list[1].Webhook != "http://hook/…" {
		t.Errorf("got %+v, %v", list, err)
	}
	if got := good.types(); cmp.Diff([]string{"test"}, got) != "" {
		t.Errorf("got %v", got)
	}
	if _, err := alert.New(alert.Options{Signals: &signals{}, Records: tr, Webhooks: []*httppush.Handler{good.hook(), good.hook()}}); err == nil {
		t.Error("the same webhook twice is accepted")
	}
}
