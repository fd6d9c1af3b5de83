//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/handler"
)

// TestWorkedExamples goes through what the documentation shows of cancelling, results, back-pressure and triage.
func TestWorkedExamples(t *testing.T) {
	onEachStorage(t, func(t *testing.T, database string) {
		a := startApp(t)
		s := newServer(t, database, fmt.Sprintf(`
worker:
  continuous: {concurrency: 20}
types:
  crm.update: {rate: 20/s}
handlers:
  - type: report.make
    http: {url: %[1]s/report}
  - type: report.print
    command: {run: [sh, print.sh]}
  - type: export.orders
    http: {url: %[1]s/export}
    keep_output: true
  - type: crm.update
    http: {url: %[1]s/crm}
  - type: report.monthly
    command: {run: ["true"]}
  - type: login.link
    command: {run: ["true"]}
  - type: invoice.send
    http: {url: %[1]s/invoice}
`, a.URL), file{"print.sh", `trap "touch stopped; exit 0" TERM
touch started
for i in $(seq 1200); do sleep 0.05; done
`})
		a.extend = s.url + "/api/symphony/extend"
		for name, story := range map[string]func(*testing.T, *server, *app){
			"a report that is cancelled":                              cancelledReport,
			"a program that is cancelled":                             cancelledProgram,
			"an export whose progress and result are waited for":      waitedExport,
			"an API that takes less than is asked of it":              slowedAPI,
			"messages that say how long they are kept":                keptMessages,
			"300 dead letters that are corrected by a patch, at 50/s": correctedInvoices,
		} {
			t.Run(name, func(t *testing.T) {
				own := *s
				own.T = t
				story(t, &own, a)
			})
		}
	})
}

// app is the application whose endpoints are pushed to.
type app struct {
	*httptest.Server
	extend string // where progress is told

	begun, closed chan struct{} // a report
	seen          chan struct{} // the progress of an export

	mu       sync.Mutex
	calls    []time.Time // of the CRM, answered by 200
	refused  int
	invoices map[string]bool // by name: whether it had a VAT
}

func startApp(t *testing.T) *app {
	t.Helper()
	a := &app{begun: make(chan struct{}, 1), closed: make(chan struct{}, 1), seen: make(chan struct{}, 1),
		invoices: make(map[string]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then is it noticed that the connection is closed
		a.begun <- struct{}{}
		<-r.Context().Done()
		a.closed <- struct{}{}
	})
	mux.HandleFunc("POST /export", a.export)
	mux.HandleFunc("POST /crm", a.crm)
	mux.HandleFunc("POST /invoice", a.invoice)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

// export tells its progress, and has its result when that was seen.
func (a *app) export(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	body, _ := json.Marshal(map[string]any{"receipts": []string{r.Header.Get("Symphony-Receipt")},
		"progress": map[string]any{"done": 2, "total": 3, "text": "month 2 is written"}})
	resp, err := http.Post(a.extend, "application/json", bytes.NewReader(body))
	if err != nil || resp.StatusCode != http.StatusOK {
		http.Error(w, "progress was refused", http.StatusInternalServerError)
		return
	}
	resp.Body.Close()
	select {
	case <-a.seen:
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"rows":4711}`)
}

// crm takes five calls a second.
func (a *app) crm(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.calls); n >= 5 && time.Since(a.calls[n-5]) < time.Second {
		a.refused++
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	a.calls = append(a.calls, time.Now())
}

// invoice refuses an invoice without VAT for good.
func (a *app) invoice(w http.ResponseWriter, r *http.Request) {
	var b handler.Body
	var payload struct {
		Name string
		VAT  *int
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || json.Unmarshal(b.Payload, &payload) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.invoices[payload.Name] = payload.VAT != nil; payload.VAT == nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `{"error":"invoice %s has no VAT","errorClass":"no_vat","permanent":true}`, payload.Name)
	}
}

// remote runs a command of the program on the server.
func (s *server) remote(args ...string) string {
	s.Helper()
	return s.run(append(args, "--server", s.url, "--api-key", s.key)...)
}

// remoteDispatch dispatches a message by the program, and returns its id.
func (s *server) remoteDispatch(typ string) string {
	s.Helper()
	var r receipt
	if err := json.Unmarshal([]byte(s.remote("dispatch", typ, "{}", "--json")), &r); err != nil || r.MessageID == "" {
		s.Fatalf("dispatch: %+v, %v", r, err)
	}
	return r.MessageID
}

// shownMessage is what is shown of a message.
type shownMessage struct {
	Status   string
	Progress *struct {
		Done int
		Text string
	}
	Output   json.RawMessage
	Attempts []struct{}
	Cancel   *struct{ Reason string }
}

func (s *server) message(id, query string) (m shownMessage) {
	s.Helper()
	var answer struct{ Message shownMessage }
	if status, err := s.call("GET", "/api/symphony/messages/"+id+query, "", &answer); err != nil || status != 200 {
		s.Fatalf("message %s: %d, %v", id, status, err)
	}
	return answer.Message
}

// cancelled waits until a message is, for a reason.
func (s *server) cancelled(id, reason string) {
	s.Helper()
	m := s.message(id, "?wait=30000")
	if m.Status != "cancelled" || m.Cancel == nil || m.Cancel.Reason != reason || len(m.Attempts) != 0 {
		s.Errorf("got %+v", m)
	}
}

func cancelledReport(t *testing.T, s *server, a *app) {
	id := s.remoteDispatch("report.make")
	<-a.begun
	out := s.remote("messages", "cancel", id, "--reason", "ordered twice")
	if !strings.Contains(out, "Told the workers of 1 message") {
		t.Errorf("the command says %q", out)
	}
	<-a.closed
	s.cancelled(id, "ordered twice")
	var answer struct{ Code string }
	status, err := s.call("POST", "/api/symphony/messages/"+id+"/cancel", "", &answer)
	if err != nil || status != 409 || answer.Code != "message_final" {
		t.Errorf("again: %d %s, %v", status, answer.Code, err)
	}
}

// keptMessages are those of docs/retention.md.
func keptMessages(t *testing.T, s *server, _ *app) {
	dispatch := func(args ...string) string {
		t.Helper()
		var r receipt
		out := s.remote(append([]string{"dispatch", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.MessageID == "" {
			t.Fatalf("dispatch: %+v, %v", r, err)
		}
		return r.MessageID
	}
	kept := dispatch("report.monthly", `{"month": "2026-11"}`, "--retention", "720h")
	forgotten := dispatch("login.link", `{"to": "ada@example.com"}`, "--retention", "0s")
	for _, id := range []string{kept, forgotten} {
		if m := s.message(id, "?wait=30000"); m.Status != "completed" {
			t.Errorf("message %s is %s", id, m.Status)
		}
	}
	for typ, want := range map[string]int{"report.monthly": 1, "login.link": 0} {
		var list struct{ Messages []struct{ ID string } }
		if status, err := s.call("GET", "/api/symphony/messages?type="+typ, "", &list); err != nil || status != 200 {
			t.Fatalf("list: %d, %v", status, err)
		}
		if len(list.Messages) != want {
			t.Errorf("%d messages of type %s, want %d", len(list.Messages), typ, want)
		}
	}
}

func cancelledProgram(t *testing.T, s *server, _ *app) {
	is := func(name string) bool {
		_, err := os.Stat(filepath.Join(s.folder, name))
		return err == nil
	}
	id := s.remoteDispatch("report.print")
	until(t, "the program to begin", func() bool { return is("started") })
	s.remote("messages", "cancel", id)
	until(t, "the program to be told", func() bool { return is("stopped") })
	s.cancelled(id, "")
}

func waitedExport(t *testing.T, s *server, a *app) {
	id := s.remoteDispatch("export.orders")
	until(t, "progress", func() bool {
		m := s.message(id, "")
		return m.Status == "processing" && m.Progress != nil && m.Progress.Done == 2 &&
			m.Progress.Text == "month 2 is written"
	})
	a.seen <- struct{}{}
	if m := s.message(id, "?wait=30000"); m.Status != "completed" || string(m.Output) != `{"rows":4711}` {
		t.Errorf("got %+v", m)
	}
	a.seen <- struct{}{}
	out := s.remote("dispatch", "export.orders", "{}", "--wait")
	if strings.Join(strings.Fields(out), "") != `{"rows":4711}` {
		t.Errorf("the command says %q", out)
	}
}

func slowedAPI(t *testing.T, s *server, a *app) {
	const messages = 15
	var ids []string
	for range messages {
		ids = append(ids, s.remoteDispatch("crm.update"))
	}
	for _, id := range ids {
		var m shownMessage
		until(t, "the API to have taken it", func() bool {
			m = s.message(id, "?wait=30000")
			return m.Status != "pending" && m.Status != "processing"
		})
		if m.Status != "completed" || len(m.Attempts) > 0 {
			t.Errorf("message %s is %s after %d failed attempts", id, m.Status, len(m.Attempts))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.calls) != messages || a.refused == 0 || a.refused > messages {
		t.Errorf("%d calls were taken and %d refused", len(a.calls), a.refused)
	}
	for i := 5; i < len(a.calls); i++ {
		if a.calls[i].Sub(a.calls[i-5]) < time.Second {
			t.Error("it was asked too often, and took it")
		}
	}
}

func correctedInvoices(t *testing.T, s *server, a *app) {
	const messages = 300
	var batch []string
	for i := range messages {
		batch = append(batch, fmt.Sprintf(`{"message":{"type":"invoice.send","payload":{"name":"%d"}}}`, i))
	}
	var out struct{ Error string }
	body := `{"messages":[` + strings.Join(batch, ",") + `]}`
	status, err := s.call("POST", "/api/symphony/dispatch/batch", body, &out)
	if err != nil || status != 201 {
		t.Fatalf("dispatch: %d %s, %v", status, out.Error, err)
	}
	until(t, "the invoices to fail", func() bool { return s.status().Queue.Failed == messages })
	var groups struct {
		Groups []struct {
			Group, ErrorClass string
			Count             int
		}
	}
	status, err = s.call("GET", "/api/symphony/failed/groups", "", &groups)
	if err != nil || status != 200 || len(groups.Groups) != 1 ||
		groups.Groups[0].Count != messages || groups.Groups[0].ErrorClass != "no_vat" {
		t.Fatalf("groups: %d %+v, %v", status, groups, err)
	}
	retry := "/api/symphony/failed/groups/" + groups.Groups[0].Group + "/retry"
	var preview struct {
		Count    int
		Examples []struct{ Before, After json.RawMessage }
	}
	status, err = s.call("POST", retry, `{"patch":{"vat":20},"rate":50,"dryRun":true}`, &preview)
	if err != nil || status != 200 || preview.Count != messages || len(preview.Examples) != 3 {
		t.Fatalf("preview: %d %+v, %v", status, preview, err)
	}
	for _, e := range preview.Examples {
		if bytes.Contains(e.Before, []byte("vat")) || !bytes.Contains(e.After, []byte(`"vat":20`)) {
			t.Errorf("preview: %s becomes %s", e.Before, e.After)
		}
	}
	begun := time.Now()
	if status, err = s.call("POST", retry, `{"patch":{"vat":20},"rate":50}`, &out); err != nil || status != 202 {
		t.Fatalf("retry: %d %s, %v", status, out.Error, err)
	}
	until(t, "the invoices to be sent", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		sent := 0
		for _, vat := range a.invoices {
			if vat {
				sent++
			}
		}
		return sent == messages
	})
	if took := time.Since(begun); took < 4*time.Second {
		t.Errorf("%d messages took %s at 50/s", messages, took)
	}
	until(t, "no dead letter to be left", func() bool { return s.status().Queue.Failed == 0 })
}
