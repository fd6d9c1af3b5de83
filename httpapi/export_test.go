package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

const (
	exportPath = "/api/symphony/messages/export"
	importPath = "/api/symphony/messages/import"
	jsonl      = "application/x-ndjson"
)

// load is what a server with awkward messages has.
func load(f *fixture) {
	f.Helper()
	for i, payload := range []string{
		`{"n":12345678901234567890.12345678901234567890,"e":1e400}`, `{"t":"\"quotes\" \\ \n \r\n \u0000 😀 é \u00e9, ' ;"}`, `{ "white":  [ 1, 2 ] }`, `{"=1+1":"@x"}`,
	} {
		f.send(fmt.Sprint("=Type ", i), payload, fmt.Sprintf(`{"queue":"-q","priority":%d,"metadata":{"m":1.50,"=":"+"},"headers":{"h":"a \"b\" <c>"},"groupKey":"'g'","scheduledAt":"2100-01-01T00:00:00.000001Z"}`, i+1))
	}
	f.send("Keyed", `{}`, `{"idempotencyKey":"@key","correlationId":"story","causationId":"=cause","concurrencyKey":"c","expiresAt":"2100-01-01T00:00:00Z"}`)
}

// essence is what an import keeps of an export, line by line.
func essence(t *testing.T, jsonl string) (list []string) {
	t.Helper()
	for line := range strings.Lines(jsonl) {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.UseNumber()
		var m map[string]any
		if err := dec.Decode(&m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if key, _ := m["idempotencyKey"].(string); strings.HasPrefix(key, "import:") {
			delete(m, "idempotencyKey")
		}
		for _, name := range []string{"id", "createdAt", "availableAt"} {
			delete(m, name)
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(raw))
	}
	slices.Sort(list)
	return list
}

func TestExportIsImportedElsewhere(t *testing.T) {
	for _, c := range []struct{ format, media string }{{"jsonl", jsonl}, {"csv", "text/csv"}} {
		t.Run(c.format, func(t *testing.T) {
			f := newFixture(t, nil)
			load(f)
			exported := f.call("GET", exportPath+"?format="+c.format, "")
			if exported.status != 200 || !strings.HasPrefix(exported.header.Get("Content-Type"), c.media) || !strings.Contains(exported.header.Get("Content-Disposition"), "messages."+c.format) {
				t.Fatalf("%d %v", exported.status, exported.header)
			}
			g := newFixture(t, nil)
			if a := g.call("POST", importPath+"?dryRun=true", exported.raw, "Content-Type", c.media); a.status != 200 || words(a.body["imported"], a.body["invalid"]) != "5 0" || g.listed("") != "" {
				t.Errorf("dry run: %d %s", a.status, a.raw)
			}
			for _, want := range []string{"5 0 0 0", "0 5 0 0"} {
				a := g.call("POST", importPath, exported.raw, "Content-Type", c.media)
				if got := words(a.body["imported"], a.body["duplicates"], a.body["skipped"], a.body["invalid"]); a.status != 200 || got != want {
					t.Errorf("got %d %s, want %s", a.status, a.raw, want)
				}
			}
			all := f.call("GET", exportPath, "").raw
			if diff := cmp.Diff(essence(t, all), essence(t, g.call("GET", exportPath, "").raw)); diff != "" {
				t.Errorf("(-exported +imported)\n%s", diff)
			}
		})
	}
}

func TestFailedMessagesAreExportedAndImported(t *testing.T) {
	for _, c := range []struct{ format, media string }{{"jsonl", jsonl}, {"csv", "text/csv"}} {
		f := newFixture(t, nil)
		f.fail("Mail", `{"n":1}`)
		f.fail("Other", `{"n":2}`)
		a := f.call("GET", "/api/symphony/failed/export?type=Mail&format="+c.format, "")
		if a.status != 200 || !strings.Contains(a.raw, "boom Mail") || strings.Contains(a.raw, "Other") {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		g := newFixture(t, nil)
		if a := g.call("POST", importPath+"?transport=email", a.raw, "Content-Type", c.media); a.status != 200 || words(a.body["imported"]) != "1" {
			t.Errorf("%d %s", a.status, a.raw)
		}
		if m := g.call("GET", messagesPath+"?transport=email", "").body["messages"].([]any); len(m) != 1 || m[0].(map[string]any)["status"] != "pending" {
			t.Errorf("imported %v", m)
		}
	}
}

func TestExportFiltersAndOrders(t *testing.T) {
	f := newFixture(t, nil)
	var ids []string
	for i := range 450 {
		ids = append(ids, f.send("T", fmt.Sprintf(`{"n":%d}`, i), `{}`))
	}
	f.complete("Done", `{}`, `{"queue":"other","priority":10}`)
	order := func(query string) (got []string) {
		for line := range strings.Lines(f.call("GET", exportPath+query, "").raw) {
			var m struct{ ID string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m.ID)
		}
		return got
	}
	if got := order("?type=T"); !slices.Equal(got, ids) {
		t.Errorf("%d messages in another order", len(got))
	}
	slices.Reverse(ids)
	if got := order("?type=T&sort=-createdAt&status=pending"); !slices.Equal(got, ids) {
		t.Errorf("%d messages in another order", len(got))
	}
	if got := order("?status=completed"); len(got) != 1 {
		t.Errorf("%d messages, want 1", len(got))
	}
	for _, query := range []string{"?format=xml", "?limit=5", "?status=gone", "?sort=id", "?since=now"} {
		if a := f.call("GET", exportPath+query, ""); a.status != 400 {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	for _, path := range []string{exportPath, "/api/symphony/failed/export"} {
		if a := f.call("HEAD", path+"?format=csv", ""); a.status != 200 || a.raw != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
			t.Errorf("HEAD %s: %d %v", path, a.status, a.header)
		}
		if a := f.call("GET", path+"?transport=sync", ""); a.status != 501 {
			t.Errorf("%s of sync: %d %s", path, a.status, a.raw)
		}
	}
}

// broken is a storage of which an export can read the newest message and one page.
type broken struct {
	*sqlite.Transport
	pages atomic.Int32
}

func (b *broken) ListMessages(ctx context.Context, q symphony.MessageQuery) (symphony.MessagePage, error) {
	if b.pages.Add(1) > 2 {
		return symphony.MessagePage{}, symphony.ErrUnavailable
	}
	return b.Transport.ListMessages(ctx, q)
}

func TestExportThatBreaksOffIsNotTakenForAll(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		bus, err := symphony.NewBus([]symphony.Transport{&broken{Transport: o.Records.(*sqlite.Transport)}}, symphony.BusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o.Bus = bus
	})
	for i := range 60 {
		f.send("T", fmt.Sprintf(`{"n":%d}`, i), `{}`)
	}
	req, err := http.NewRequest(http.MethodGet, f.server.URL+exportPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.keys["read"])
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || len(raw) == 0 {
		t.Errorf("got %d, %d bytes, %v; want io.ErrUnexpectedEOF", resp.StatusCode, len(raw), err)
	}
	// The first page cannot be read either.
	if a := f.call("GET", exportPath, ""); a.status != 503 || a.code() != "storage_unavailable" || a.header.Get("Content-Disposition") != "" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
}

// A caller that reads slowly, or is gone, keeps nothing in memory, and the export ends.
func TestExportEndsWithItsCaller(t *testing.T) {
	f := newFixture(t, nil)
	payload := fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 200_000))
	for range 150 {
		f.send("Large", payload, `{}`)
	}
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.server.URL+exportPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.keys["read"])
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	ended := make(chan struct{})
	go func() {
		f.server.Close() // waits for the handlers
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the export goes on without its caller")
	}
}

func TestImportTellsWhatIsWrong(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("POST", importPath, strings.Join([]string{
		`{"id":"1","message":{"type":"T","payload":{"n":1}}}`,
		`{"id":"2","message":{"type":"","payload":[]},"priority":11,"queue":"a b"}`,
		`not json`,
		``,
		`{"id":"3","transport":"mars","message":{"type":"T","payload":{}}}`,
		`{"id":"4","status":"completed","message":{"type":"T","payload":{}}}`,
		`{"id":"1","message":{"type":"T","payload":{"n":2}}}`,
		`{"id":"1","message":{"type":"T","payload":{"n": 1}}}`,
		`{"message":{"type":"Mail.x","payload":{}}}`,
	}, "\n"), "Content-Type", jsonl)
	if a.status != 200 || words(a.body["imported"], a.body["duplicates"], a.body["skipped"], a.body["invalid"]) != "2 1 1 4" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	var got []string
	for _, p := range a.body["problems"].([]any) {
		p := p.(map[string]any)
		got = append(got, words(p["line"], p["path"]))
	}
	if want := []string{"2 message.type", "2 message.payload", "2 queue", "2 priority", "3", "5 transport", "7 idempotencyKey"}; !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
	if n := len(strings.Fields(f.listed("?transport=email"))); n != 1 {
		t.Errorf("%d messages went their route, want 1", n)
	}
	for name, c := range map[string]struct {
		query, media, body string
		status             int
	}{
		"status": {"?status=gone", jsonl, "", 400}, "dry run": {"?dryRun=1", jsonl, "", 400}, "transport": {"?transport=mars", jsonl, "", 400},
		"JSON": {"", "application/json", "{}", 415}, "latin": {"", "text/csv; charset=latin1", "type,payload\n", 415}, "nothing": {"", "", "", 415},
		"columns": {"", "text/csv", "a,b\n", 400}, "empty": {"", "text/csv", "", 200}, "all": {"?status=all", jsonl, `{"id":"9","status":"completed","message":{"type":"T","payload":{}}}`, 200},
	} {
		if a := f.call("POST", importPath+c.query, c.body, "Content-Type", c.media); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}

func TestImportThatBreaksOffCanBeRepeated(t *testing.T) {
	f := newFixture(t, nil)
	if a := f.call("POST", "/api/symphony/drain", `{"queue":"full"}`); a.status != 200 {
		t.Fatal(a.raw)
	}
	var file strings.Builder
	for i := range 250 {
		fmt.Fprintf(&file, `{"id":"%d","message":{"type":"T","payload":{}}}`+"\n", i)
	}
	file.WriteString(`{"id":"last","queue":"full","message":{"type":"T","payload":{}}}` + "\n")
	a := f.call("POST", importPath, file.String(), "Content-Type", jsonl)
	if a.status != 409 || a.code() != "queue_draining" || words(a.body["details"].(map[string]any)["imported"]) != "200" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := f.call("POST", "/api/symphony/resume", `{"queue":"full"}`); a.status != 200 {
		t.Fatal(a.raw)
	}
	if a := f.call("POST", importPath, file.String(), "Content-Type", jsonl); a.status != 200 || words(a.body["imported"], a.body["duplicates"]) != "51 200" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// A body is longer than any other may be, and is never in memory as a whole.
func TestImportTakesBodiesOfAnyLength(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.MaxBodyBytes, o.MaxBatchBytes = 4096, 4096 })
	pr, pw := io.Pipe()
	go func() {
		for i := range 5000 {
			fmt.Fprintf(pw, `{"id":"%d","message":{"type":"T","payload":{"text":%q}}}`+"\n", i, strings.Repeat("y", 500))
		}
		fmt.Fprintf(pw, `{"id":"long","message":{"type":"T","payload":{"text":%q}}}`+"\n", strings.Repeat("y", 2<<20))
		pw.Close()
	}()
	req, err := http.NewRequest(http.MethodPost, f.server.URL+importPath, pr)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.keys["operate"])
	req.Header.Set("Content-Type", jsonl)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		Imported, Invalid int
		Problems          []struct{ Line int }
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Imported != 5000 || out.Invalid != 1 || out.Problems[0].Line != 5001 {
		t.Errorf("got %+v, %v", out, err)
	}
}

// A clock that was set back leaves messages of times to come, and one that was wrong ids that do not tell their
// messages' time.
func TestExport_is_complete_whatever_clocks_did(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now()
	want := map[string]bool{}
	for _, at := range []struct{ id, created time.Duration }{{0, 0}, {time.Hour, time.Hour}, {0, 2 * time.Hour}, {3 * time.Hour, 0}, {-time.Hour, 0}, {0, -time.Hour}} {
		e := &symphony.Envelope{ID: symphony.NewID(now.Add(at.id)), Type: "T", Payload: []byte(`{}`), Transport: f.tr.Name(), Queue: "q", Priority: 5, CreatedAt: now.Add(at.created)}
		if _, err := f.tr.Send(t.Context(), []*symphony.Envelope{e}); err != nil {
			t.Fatal(err)
		}
		want[e.ID] = true
	}
	for _, query := range []string{"", "?sort=-createdAt", "?format=csv"} {
		a := f.call("GET", exportPath+query, "")
		for id := range want {
			if a.status != 200 || !strings.Contains(a.raw, id) {
				t.Errorf("%q: %d without %s", query, a.status, id)
			}
		}
	}
}
