package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
)

// watched is a server with events.
type watched struct {
	*testing.T
	tr    *sqlite.Transport
	hub   *event.Hub
	api   *httpapi.API
	drain context.CancelFunc
}

func newWatched(t *testing.T, o event.HubOptions) *watched {
	t.Helper()
	w := &watched{T: t, tr: symphonytest.Storage(t, sqlite.Options{})}
	t.Cleanup(func() { w.tr.Close() })
	bus, err := symphony.NewBus([]symphony.Transport{w.tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.hub = event.NewHub(w.tr, o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	draining, drain := context.WithCancel(context.Background())
	t.Cleanup(drain)
	w.drain = drain
	w.api, err = httpapi.New(httpapi.Options{Bus: bus, Mux: symphony.NewMux(), Events: w.hub, Draining: draining, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watched) publish(n int) {
	w.Helper()
	list := make([]storage.Entry, n)
	for i := range list {
		list[i] = storage.Entry{Kind: event.MessageFailed, Data: []byte(`{"messageId":"m","type":"` + strings.Repeat("x", 200) + `"}`)}
	}
	if _, err := w.tr.AppendLog(context.Background(), event.LogName, list); err != nil {
		w.Fatal(err)
	}
	w.hub.Nudge()
}

// block reads a stream up to the next empty line.
func block(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if b.WriteString(line); err != nil || line == "\n" {
			return strings.TrimSuffix(b.String(), "\n\n"), err
		}
	}
}

func TestEvents_are_server_sent(t *testing.T) {
	w := newWatched(t, event.HubOptions{})
	server := newServer(t, w.api.LocalHandler())
	w.publish(3)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/symphony/events?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", "1") // counts: browsers repeat the URL
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := words(resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("X-Accel-Buffering"), resp.ContentLength); got != "200 text/event-stream; charset=utf-8 no -1" {
		t.Errorf("got %s", got)
	}
	r := bufio.NewReader(resp.Body)
	var got []string
	for range 4 {
		b, err := block(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _, _ = strings.Cut(b, "data:")
		got = append(got, b)
	}
	if diff := cmp.Diff([]string{"retry: 2000", "id: 1\nevent: connected\n", "id: 2\nevent: message.failed\n", "id: 3\nevent: message.failed\n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The server shuts down.
	w.drain()
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("got %q, %v", rest, err)
	}
	again, err := http.Get(server.URL + "/api/symphony/events")
	if err != nil {
		t.Fatal(err)
	}
	again.Body.Close()
	if again.StatusCode != http.StatusServiceUnavailable || again.Header.Get("Retry-After") == "" {
		t.Errorf("got %d", again.StatusCode)
	}
}

// With a filter of messages a stream has each event of those, and nothing else.
func TestEvents_of_messages_that_are_asked_for(t *testing.T) {
	singles := event.NewSingles(event.SinglesOptions{})
	running, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { singles.Run(running, nil, nil) })
	defer wait.Wait()
	defer stop()
	w := newWatched(t, event.HubOptions{Singles: singles})
	server := newServer(t, w.api.LocalHandler())
	c, err := client.New(server.URL, "", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	enough := errors.New("enough")
	q := client.EventQuery{Queue: "mail", MessageType: "order.*", Types: []string{"message.*"}}
	err = c.Events(ctx, q, func(e wire.Event) error {
		if e.Type == event.Connected {
			w.publish(1) // which is of all messages
			singles.MessagesDispatched([]*symphony.Envelope{
				{ID: "1", Queue: "mail", Type: "order.paid"}, {ID: "2", Queue: "bulk", Type: "order.paid"},
				{ID: "3", Queue: "mail", Type: "invoice"}, {ID: "4", Queue: "mail", Type: "order.sent"},
			}, nil)
			return nil
		}
		if got = append(got, fmt.Sprintf("%d %s %s", e.ID, e.Type, e.Data)); len(got) == 2 {
			return enough
		}
		return nil
	})
	want := []string{`0 message.dispatched {"messageId":"1","transport":"","queue":"mail","type":"order.paid"}`,
		`0 message.dispatched {"messageId":"4","transport":"","queue":"mail","type":"order.sent"}`}
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, enough) {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestEvents_refuse_filters_of_messages(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		store, err := storage.LogOf(symphonytest.Storage(t, sqlite.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		o.Events = event.NewHub(store, event.HubOptions{Singles: event.NewSingles(event.SinglesOptions{})})
	})
	id := "01a2280d-ddb1-7ae8-ba91-13ab6a4b690a"
	for query, want := range map[string][]string{
		"id=x": {"id"}, "queue=a%20b": {"queue"}, "type=a*b": {"type"}, "tag=" + strings.Repeat("x", 65): {"tag"},
		"transport=nope&queue=a": {"transport"}, "transport=default": {"transport"}, "queue=": {"queue"},
		"id=" + id + "&after=0": {"after"}, "queue=a&types=audit": {"types"}, "types=message.completed": {"types"},
		"types=message.c*": {"types"}, strings.Repeat("id="+id+"&", 101): {"id"}, strings.Repeat("tag=x&", 21): {"tag"},
	} {
		if a := f.call("GET", "/api/symphony/events?"+query, ""); a.status != 400 || cmp.Diff(want, a.paths()) != "" {
			t.Errorf("%.80s: %d %s, want problems with %v", query, a.status, a.raw, want)
		}
	}
	for _, good := range []string{
		"types=message.*", "queue=a", "type=a.*&transport=default", "id=" + id + "&id=" + id, "tag=x&tag=y",
	} {
		if a := f.call("HEAD", "/api/symphony/events?"+good, "", "Last-Event-ID", "7"); a.status != 200 {
			t.Errorf("%s: %d", good, a.status)
		}
	}
}

func TestEvents_refuse_mistakes(t *testing.T) {
	w := newWatched(t, event.HubOptions{MaxReaders: 1})
	f := &fixture{T: t, server: newServer(t, w.api.LocalHandler()), keys: map[string]string{}}
	a := f.call("GET", "/api/symphony/events?after=-1&types=nope", "", "Last-Event-ID", "x")
	if diff := cmp.Diff([]string{"after", "Last-Event-ID", "types"}, a.paths()); a.status != 400 || diff != "" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if a := f.call("HEAD", "/api/symphony/events", ""); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("HEAD: got %d %v", a.status, a.header)
	}
	r, err := w.hub.Read(t.Context(), 0, event.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if a := f.call("GET", "/api/symphony/events", ""); a.status != 429 || a.code() != "too_many_readers" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	without := newFixture(t, func(o *httpapi.Options) { o.Events = nil })
	if a := without.call("GET", "/api/symphony/events", ""); a.status != 501 {
		t.Errorf("got %d", a.status)
	}
	if a := without.call("GET", "/api/symphony/events", "", "Authorization", "Bearer "+without.keys["dispatch"]); a.status != 403 {
		t.Errorf("got %d", a.status)
	}
}

// servePipes runs the real server, with its deadlines, on pipes.
func (w *watched) servePipes() (p pipes, stop func()) {
	p = make(pipes)
	server := httpapi.NewServer(w.api.LocalHandler(), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Serve(p) }()
	return p, func() {
		w.drain()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		server.Shutdown(ctx)
		if err := <-done; err != nil {
			w.Error(err)
		}
	}
}

const getEvents = "GET /api/symphony/events HTTP/1.1\r\nHost: x\r\n\r\n"

// A stream outlives the deadlines of the server, and its silence is broken every 15 seconds.
func TestEvents_stay_connected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, event.HubOptions{})
		p, stop := w.servePipes()
		conn, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, getEvents)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(resp.Body)
		for range 2 {
			if _, err := block(r); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			began := time.Now()
			if b, err := block(r); err != nil || b != ":" || time.Since(began) != 15*time.Second {
				t.Fatalf("got %q, %v after %v", b, err, time.Since(began))
			}
		}
		w.publish(1)
		if b, err := block(r); err != nil || !strings.HasPrefix(b, "id: 1\n") {
			t.Errorf("got %q, %v", b, err)
		}
		conn.Close()
		stop()
	})
}

// A connection that takes nothing is ended after 30 seconds, however much there is to send, and costs no memory
// meanwhile.
func TestEvents_end_for_who_does_not_read(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, event.HubOptions{MaxReaders: 1})
		p, stop := w.servePipes()
		conn, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, getEvents)
		b := bufio.NewReader(conn)
		if _, err := b.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 20 {
			w.publish(500)
			w.tr.TrimLog(t.Context(), event.LogName, time.Time{}, 100)
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("the heap has grown by %d bytes", grown)
		}
		if _, err := w.hub.Read(t.Context(), 0, event.Filter{}); !errors.Is(err, event.ErrTooManyReaders) {
			t.Errorf("the stream ended at once: %v", err)
		}
		<-time.After(31 * time.Second)
		r, err := w.hub.Read(t.Context(), 0, event.Filter{})
		if err != nil {
			t.Fatalf("the stream goes on: %v", err)
		}
		r.Close()
		conn.Close()
		stop()
	})
}

// The Go client goes on where it was, whatever happens to its connections.
func TestEvents_are_followed_by_the_client(t *testing.T) {
	const total = 300
	w := newWatched(t, event.HubOptions{})
	server := newServer(t, w.api.LocalHandler())
	c, err := client.New(server.URL, "", client.Options{HTTPClient: &http.Client{Transport: cutting{limit: 30_000}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.publish(total)
	var got []int64
	lost := 0
	enough := errors.New("enough")
	zero := int64(0)
	err = c.Events(ctx, client.EventQuery{After: &zero, Types: []string{"message.*"}, Lost: func(error, time.Duration) { lost++ }}, func(e wire.Event) error {
		if e.ID == 0 {
			return nil
		}
		if got = append(got, e.ID); len(got) == total {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || lost < 3 {
		t.Errorf("got %v after %d connections were lost", err, lost)
	}
	for i, id := range got {
		if id != int64(i+1) {
			t.Fatalf("event %d has number %d", i, id)
		}
	}
	var refused *client.Error
	if err := c.Events(ctx, client.EventQuery{Types: []string{"nope"}}, nil); !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("got %v", err)
	}
}

// cutting ends each answer after some bytes.
type cutting struct{ limit int64 }

func (c cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, c.limit), resp.Body}
	}
	return resp, err
}

func TestEvents_have_hundreds_of_readers(t *testing.T) {
	const readers, total = 500, 400
	w := newWatched(t, event.HubOptions{})
	server := newServer(t, w.api.LocalHandler())
	var all, ready sync.WaitGroup
	ready.Add(readers)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	for range readers {
		all.Go(func() {
			resp, err := http.Get(server.URL + "/api/symphony/events?types=message.failed")
			if err != nil {
				t.Error(err)
				ready.Done()
				return
			}
			defer resp.Body.Close()
			r := bufio.NewReader(resp.Body)
			block(r)
			block(r)
			ready.Done()
			for n := 1; n <= total; n++ {
				b, err := block(r)
				if err != nil || !strings.HasPrefix(b, fmt.Sprintf("id: %d\n", n)) {
					t.Errorf("event %d: got %.60q, %v", n, b, err)
					return
				}
			}
		})
	}
	ready.Wait()
	runtime.ReadMemStats(&after)
	t.Logf("%d readers: %d KiB of heap and %.1f goroutines each, with their clients", readers, (after.HeapAlloc-before.HeapAlloc)/readers>>10, float64(runtime.NumGoroutine()-goroutines)/readers)
	began := time.Now()
	for range total / 100 {
		w.publish(100)
	}
	all.Wait()
	t.Logf("%d events to %d readers in %v", total, readers, time.Since(began).Round(time.Millisecond))
}
