//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/handler"
)

// The endpoint knows the second of the two secrets: it is in the middle of a rotation.
const (
	newSecret = "whsec_bmV3LXNlY3JldC1vZi10aGUtcm90YXRpb24="
	oldSecret = "whsec_b2xkLXNlY3JldC1vZi10aGUtcm90YXRpb24="
)

// configuration has most types handled by the endpoint, some by a command that writes its input to a file, and labels
// by a command that fails until a file named "mended" is there.
func configuration(t *testing.T, r *receiver) (config, files string) {
	t.Helper()
	files = t.TempDir()
	// A server that is killed leaves its commands with an input that ends early. These bodies fit a pipe's buffer, so
	// they come whole or not at all. Each process has a file of its own until it is complete.
	save := fmt.Sprintf(`part="%s/$SYMPHONY_MESSAGE_ID.$$"
cat > "$part" && [ -s "$part" ] && mv "$part" "%s/$SYMPHONY_MESSAGE_ID.json"`, files, files)
	script := func(name, text string) string {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	saver := script("save.sh", save)
	failer := script("fail.sh", fmt.Sprintf(`if [ ! -e "%s/mended" ]; then echo "labels are broken" >&2; exit 3; fi
%s`, files, save))
	config = fmt.Sprintf(`
retry:
  max_retries: 2
  initial_delay: 10ms
server:
  access_log: false
handlers:
  - type: "*"
    http:
      url: %s
      secrets: [%s, %s]
`, r.url, newSecret, oldSecret)
	for _, typ := range []string{"release", "star", "fork"} {
		config += fmt.Sprintf("  - type: %s\n    command:\n      run: [%s]\n", typ, saver)
	}
	return config + fmt.Sprintf("  - type: label\n    command:\n      run: [%s]\n", failer), files
}

func TestStory(t *testing.T) { onEachStorage(t, story) }

func story(t *testing.T, database string) {
	r := startReceiver(t, oldSecret)
	config, files := configuration(t, r)
	s := newServer(t, database, config)
	list := webhooks(t)
	var labels int64
	for _, w := range list {
		if w.typ == "label" {
			labels++
		}
	}

	var mu sync.Mutex
	byID := make(map[string]webhook)
	parallel(list, func(_ int, w webhook) {
		status, first, err := s.dispatch(w)
		if err != nil || status != 201 || first.Duplicate {
			t.Errorf("%s: %d %+v, %v", w.key, status, first, err)
			return
		}
		status, second, err := s.dispatch(w)
		if err != nil || status != 200 || !second.Duplicate || second.MessageID != first.MessageID {
			t.Errorf("%s again: %d %+v, %v; want the first message %s", w.key, status, second, err, first.MessageID)
		}
		mu.Lock()
		defer mu.Unlock()
		byID[first.MessageID] = w
	})
	if len(byID) != len(list) {
		t.Fatalf("%d messages of %d webhooks", len(byID), len(list))
	}
	c := s.drained()
	if want := (counts{Completed: int64(len(list)) - labels, Failed: labels}); c != want {
		t.Errorf("status says %+v, want %+v", c, want)
	}
	checkArrived(t, byID, arrived(t, r, files), func(w webhook) bool { return w.typ != "label" })

	var failed struct {
		Messages []struct {
			ID, MessageID, Error, ErrorClass string
			RetryCount                       int
			Attempts                         []struct{ Error string }
		}
		Pagination struct{ Total int64 }
	}
	if status, err := s.call("GET", "/api/symphony/failed?limit=200&type=label", "", &failed); err != nil || status != 200 || failed.Pagination.Total != labels {
		t.Fatalf("failed: %d, %v, %d; want %d", status, err, failed.Pagination.Total, labels)
	}
	for _, f := range failed.Messages {
		if byID[f.MessageID].typ != "label" || !strings.Contains(f.Error, "labels are broken") || f.ErrorClass != "exit_3" || f.RetryCount != 2 || len(f.Attempts) != 3 {
			t.Errorf("failed message %+v", f)
		}
	}
	if out := s.run("failed", "list", "--json"); !strings.Contains(out, failed.Messages[0].ID) {
		t.Errorf("the command line does not list it: %s", out)
	}

	// The cause is mended, and everything retried.
	if err := os.WriteFile(filepath.Join(files, "mended"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var bulk struct{ Count, Failed int64 }
	if status, err := s.call("POST", "/api/symphony/failed/retry", `{"filter": {"errorClass": "exit_3"}}`, &bulk); err != nil || status != 200 || bulk.Count != labels {
		t.Fatalf("retry: %d, %v, %+v", status, err, bulk)
	}
	if c, want := s.drained(), (counts{Completed: int64(len(list))}); c != want {
		t.Errorf("after the retry status says %+v, want %+v", c, want)
	}
	var kept int64
	for _, b := range arrived(t, r, files) {
		if b.Type == "label" {
			kept++
		}
	}
	if kept != labels {
		t.Errorf("%d labels arrived after the retry, want %d", kept, labels)
	}
	if r.mu.Lock(); len(r.bad) > 0 {
		t.Errorf("the endpoint refused %d messages: %s", len(r.bad), r.bad[0])
	}
	r.mu.Unlock()
}

// checkArrived compares what was dispatched with what arrived.
func checkArrived(t *testing.T, sent map[string]webhook, got map[string]handler.Body, expected func(webhook) bool) {
	t.Helper()
	for id, w := range sent {
		b, ok := got[id]
		if ok != expected(w) {
			t.Errorf("%s arrived: %v, want %v", w.key, ok, expected(w))
		}
		if ok && (b.ID != id || b.Type != w.typ || b.IdempotencyKey != w.key || string(b.Payload) != string(w.payload)) {
			t.Errorf("%s arrived changed: %.200s", w.key, b.Payload)
		}
	}
	for id := range got {
		if _, ok := sent[id]; !ok {
			t.Errorf("message %s arrived and was never dispatched", id)
		}
	}
}
