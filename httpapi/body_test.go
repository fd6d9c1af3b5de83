package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/golang-jwt/jwt/v5"
)

func gzipped(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// chunked sends a body of unknown length, in chunks.
func (f *fixture) chunked(path, body string) answer {
	f.Helper()
	req, err := http.NewRequest(http.MethodPost, f.server.URL+path, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.keys["admin"])
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
}

// A body is bounded however its length is told, or not told.
func TestBodyLimitHoldsForEveryWayToSendABody(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.MaxBodyBytes, o.MaxBatchBytes = 200_000, 300_000 })
	message := func(n int) string {
		return `{"message":{"type":"a","payload":{"x":"` + strings.Repeat("x", n) + `"}}}`
	}
	for _, test := range []struct {
		name       string
		path, body string
		status     int
	}{
		{"within", dispatchPath, message(190_000), 201},
		{"beyond", dispatchPath, message(200_000), 413},
		{"a batch within", dispatchPath + "/batch", `{"messages":[` + message(290_000) + `]}`, 201},
		{"a batch beyond", dispatchPath + "/batch", `{"messages":[` + message(300_000) + `]}`, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, server: f.server, keys: f.keys}
			for way, a := range map[string]answer{
				"with its length": f.call("POST", test.path, test.body),
				"in chunks":       f.chunked(test.path, test.body),
				"as gzip":         f.call("POST", test.path, gzipped(t, test.body), "Content-Encoding", "gzip"),
			} {
				if a.status != test.status {
					t.Errorf("%s: got %d %.200s", way, a.status, a.raw)
				}
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	f := newFixture(t, nil)
	for contentType, status := range map[string]int{
		"": 201, "application/json": 201, "application/json; charset=utf-8": 201, "application/vnd.api+json": 201, "application/cloudevents+json; charset=UTF-8": 201,
		"text/plain": 201, "text/plain;charset=UTF-8": 201,
		"text/plain; charset=iso-8859-1": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=a": 415, "text/json": 415,
		"image/svg+xml": 415, "text/x+json": 415, "application/xml": 415, ";": 415,
	} {
		if a := f.call("POST", dispatchPath, hello, "Content-Type", contentType); a.status != status {
			t.Errorf("%q: got %d %s, want %d", contentType, a.status, a.raw, status)
		}
	}
	for encoding, status := range map[string]int{"identity": 201, "deflate": 415, "br": 415, "gzip, gzip": 415, "zstd": 415} {
		if a := f.call("POST", dispatchPath, hello, "Content-Encoding", encoding); a.status != status {
			t.Errorf("encoding %q: got %d %s, want %d", encoding, a.status, a.raw, status)
		}
	}
	if a := f.call("POST", "/api/symphony/consume", "", "Content-Encoding", "gzip"); a.status != 200 {
		t.Errorf("no body at all: got %d %s", a.status, a.raw)
	}
	lines := `{"message":{"type":"Hello","payload":{}}}` + "\n"
	a := f.call("POST", "/api/symphony/messages/import", gzipped(t, lines), "Content-Type", "application/x-ndjson", "Content-Encoding", "gzip")
	if a.status != 200 || fmt.Sprint(a.body["imported"]) != "1" {
		t.Errorf("import of gzip: got %d %s", a.status, a.raw)
	}
}

// What a page may send without asking its browser first is no way around the check of its origin.
func TestCookiesNeedAnOriginWhateverTheContentType(t *testing.T) {
	const secret = "a-secret-of-the-project-with-its-32-characters"
	f := newFixture(t, func(o *httpapi.Options) {
		a, err := auth.New(auth.Options{Supabase: auth.Supabase{URL: "https://project.supabase.co", JWTSecrets: []string{secret}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(context.Background()) })
		o.Auth = a
	})
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "019a0f6e-0000-7000-8000-000000000000", "aud": "authenticated", "role": "authenticated",
		"iss": "https://project.supabase.co/auth/v1", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	for _, contentType := range []string{"", "text/plain", "application/json", "application/x+json"} {
		for origin, status := range map[string]int{"": 403, "https://evil.example": 403, f.server.URL: 201} {
			a := f.call("POST", dispatchPath, hello, "Authorization", "", "Cookie", "sb-access-token="+token, "Content-Type", contentType, "Origin", origin)
			if a.status != status {
				t.Errorf("%q from %q: got %d %s, want %d", contentType, origin, a.status, a.raw, status)
			}
		}
	}
}

// null is no body of any route that takes one.
func TestNullIsNoBody(t *testing.T) {
	f := newFixture(t, nil)
	schedule := f.call("POST", "/api/symphony/schedules", `{"interval":60000,"message":{"type":"a","payload":{}}}`)
	id, _ := schedule.body["schedule"].(map[string]any)["id"].(string)
	for _, route := range [][2]string{
		{"POST", dispatchPath}, {"POST", dispatchPath + "/batch"}, {"POST", "/api/symphony/consume"}, {"POST", "/api/symphony/receive"},
		{"POST", "/api/symphony/ack"}, {"POST", "/api/symphony/nack"}, {"POST", "/api/symphony/extend"}, {"POST", "/api/symphony/pause"},
		{"POST", "/api/symphony/drain"}, {"POST", "/api/symphony/resume"}, {"POST", "/api/symphony/purge"}, {"POST", "/api/symphony/keys"},
		{"POST", "/api/symphony/failed/retry"}, {"POST", "/api/symphony/failed/delete"}, {"POST", "/api/symphony/messages/replay"},
		{"POST", "/api/symphony/messages/cancel"}, {"POST", "/api/symphony/messages/edit"},
		{"POST", "/api/symphony/messages/delete"},
		{"POST", "/api/symphony/schedules"}, {"POST", "/api/symphony/schedules/preview"}, {"PATCH", "/api/symphony/schedules/" + id},
		{"POST", "/api/symphony/failed/0197/retry"}, {"POST", "/api/symphony/messages/0197/replay"},
	} {
		for _, body := range []string{"null", " null\n"} {
			if a := f.call(route[0], route[1], body); a.status != 400 || a.code() != "validation_failed" {
				t.Errorf("%s %s of %q: got %d %s", route[0], route[1], body, a.status, a.raw)
			}
		}
	}
	if a := f.call("GET", "/api/symphony/holds", ""); strings.Contains(a.raw, "paused") {
		t.Errorf("something was paused: %s", a.raw)
	}
}

// stalled is a body whose rest does not come until it is let go.
type stalled struct {
	io.Reader
	rest chan struct{}
}

func (s stalled) Read(b []byte) (int, error) {
	if n, err := s.Reader.Read(b); n > 0 || err == nil {
		return n, nil
	}
	<-s.rest
	return 0, io.EOF
}

// Bodies that are on their way have a bound together, and count with what has come of them.
func TestBytesInFlightAreBounded(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.MaxBodyBytes, o.MaxBatchBytes, o.MaxBytesInFlight = 1<<20, 1<<20, 1
	})
	path := dispatchPath + "/batch"
	body := `{"messages":[{"message":{"type":"a","payload":{"x":"` + strings.Repeat("x", 1000_000) + `"}}}]}`
	const idle, full = 8, 4
	rest, results := make(chan struct{}), make(chan int, idle+full)
	halfway := make(chan struct{})
	slow := func(sent string) {
		reader := &telling{Reader: strings.NewReader(sent), done: halfway}
		defer reader.tell() // one that is refused is not read to its end
		req, err := http.NewRequest(http.MethodPost, f.server.URL+path, stalled{reader, rest})
		if err != nil {
			t.Error(err)
			return
		}
		req.ContentLength = int64(len(body))
		req.Header.Set("Authorization", "Bearer "+f.keys["admin"])
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil { // the rest of the body never comes
			results <- 0
			return
		}
		resp.Body.Close()
		results <- resp.StatusCode
	}
	// Nothing has come of these, whatever they claim.
	for range idle {
		go slow("{")
		<-halfway
	}
	if a := f.call("POST", path, body); a.status != 201 {
		t.Fatalf("beside %d bodies that only claim to be long: got %d %.200s", idle, a.status, a.raw)
	}
	// These fill what there is: the bound is four of the largest bodies.
	for range full {
		go slow(body[:len(body)-10])
		<-halfway
	}
	var refused answer
	for refused.status != 503 { // until the server has read what was sent
		if refused = f.call("POST", path, body); refused.status != 201 && refused.status != 503 {
			t.Fatalf("got %d %.200s", refused.status, refused.raw)
		}
	}
	if refused.code() != "overloaded" || refused.header.Get("Retry-After") == "" || !strings.Contains(refused.raw, "Nothing was stored") {
		t.Errorf("got %s %v", refused.raw, refused.header)
	}
	close(rest)
	for range idle + full {
		<-results
	}
	var again answer
	for again.status != 201 { // until the server has let go of them
		if again = f.call("POST", path, body); again.status != 201 && again.status != 503 {
			t.Fatalf("got %d %.200s", again.status, again.raw)
		}
	}
}

// telling tells once, when all of it was read or it is told to.
type telling struct {
	io.Reader
	done chan<- struct{}
	once sync.Once
}

func (r *telling) tell() { r.once.Do(func() { r.done <- struct{}{} }) }

func (r *telling) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF {
		r.tell()
	}
	return n, err
}

// An import may be long, but it does not stay open for who sends next to nothing.
func TestImportsThatComeTooSlowlyEnd(t *testing.T) {
	line := `{"message":{"type":"Hello","payload":{"text":"` + strings.Repeat("x", 1000) + `"}}}` + "\n"
	for name, test := range map[string]struct {
		piece string
		every time.Duration
		n     int
		want  string // of the answer
		most  time.Duration
	}{
		"a byte each 5 s":            {" ", 5 * time.Second, 1000, "body_too_slow", 2 * time.Minute},
		"a line each half second":    {line, 500 * time.Millisecond, 1000, `"imported":1000`, 10 * time.Minute},
		"a line each 20 s":           {line, 20 * time.Second, 1000, "body_too_slow", 3 * time.Minute},
		"a body that does not go on": {line, time.Hour, 2, "body_too_slow", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := serveOnPipes(t)
				client := &http.Client{Transport: &http.Transport{DialContext: network.dial}}
				defer client.CloseIdleConnections()
				reader, writer := io.Pipe()
				gone := make(chan struct{})
				go func() {
					defer writer.Close()
					for range test.n {
						if _, err := io.WriteString(writer, test.piece); err != nil {
							return
						}
						select {
						case <-time.After(test.every):
						case <-gone:
							return
						}
					}
				}()
				req, err := http.NewRequest(http.MethodPost, "http://pipe/api/symphony/messages/import", reader)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x-ndjson")
				begin := time.Now()
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				close(gone)
				reader.Close()
				if took := time.Since(begin); took > test.most || !strings.Contains(string(raw), test.want) {
					t.Errorf("after %s: %s", took, raw)
				}
			})
		})
	}
}

// serveOnPipes serves an API without authentication on a network within the process, until the test ends.
func serveOnPipes(t *testing.T) pipes {
	t.Helper()
	tr := symphonytest.Storage(t, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	api, err := httpapi.New(httpapi.Options{Bus: bus, Mux: symphony.NewMux(), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	network, server := make(pipes), httpapi.NewServer(api.LocalHandler(), log)
	served := make(chan error)
	go func() { served <- server.Serve(network) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		tr.Close()
	})
	return network
}

// Each route that takes a body tells everything that is wrong with it at once: what does not fit its shape, and what is
// wrong with the rest.
func TestAllThatIsWrongWithABodyIsToldAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.dispatch("Hello", `{}`)
	for path, test := range map[string]struct {
		body string
		want []string
	}{
		"/dispatch":       {`{"typ":1,"message":{"type":"","payload":{}},"options":{"queue":""}}`, []string{"typ", "options.queue", "message.type"}},
		"/dispatch/batch": {`{"x":1,"messages":[{"message":{"type":"","payload":{}}}]}`, []string{"x", "messages[0].message.type"}},
		"/consume":        {`{"x":1,"batchSize":0,"timeLimit":"1s"}`, []string{"x", "timeLimit", "batchSize"}},
		"/messages/a/cancel": {`{"x":1,"reason":"` + strings.Repeat("x", symphony.MaxReasonLength+1) + `"}`,
			[]string{"x", "reason"}},
		"/messages/a/replay": {`{"x":1,"idempotencyKey":""}`, []string{"x", "idempotencyKey"}},
		"/messages/replay":   {`{"x":1,"filter":{"since":"0001-01-01T00:00:00Z"}}`, []string{"x", "filter.since"}},
		"/messages/cancel": {`{"x":1,"rate":0,"filter":{"queue":""},"reason":"` + strings.Repeat("x", 501) + `"}`,
			[]string{"x", "filter.queue", "reason", "rate"}},
		"/messages/edit": {`{"x":1,"filter":{},"set":{"priority":0,"what":1}}`,
			[]string{"x", "set.what", "set.priority"}},
		"/messages/delete": {`{"x":1,"all":true,"filter":{"status":["failed"]}}`,
			[]string{"x", "all", "filter.status"}},
		"/failed/a/retry":    {`{"x":1,"payload":{}}`, []string{"x"}},
		"/failed/retry":      {`{"x":1,"ids":["a"],"rate":0}`, []string{"x", "rate"}},
		"/failed/delete":     {`{"x":1,"rate":3,"background":false,"filter":{"type":"A"}}`, []string{"x", "rate"}},
		"/schedules":         {`{"x":1,"cron":"nope","name":""}`, []string{"x", "name", "cron"}},
		"/schedules/preview": {`{"x":1,"next":0,"interval":0}`, []string{"x", "next", "interval"}},
		"/keys":              {`{"x":1,"scopes":["nope"],"expiresAt":"2001-01-01T00:00:00Z"}`, []string{"x", "expiresAt", "scopes"}},
		"/pause":             {`{"x":1,"queue":""}`, []string{"x", "queue"}},
	} {
		a := f.call("POST", "/api/symphony"+path, test.body, "Content-Type", "application/json")
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", path, a.status, a.raw)
			continue
		}
		got := a.paths()
		if diff := cmp.Diff(test.want, got[:min(len(got), len(test.want))]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}
