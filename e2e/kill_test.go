//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// kills is how often the server dies.
const kills = 20

// TestKill dispatches everything while the server is killed at random moments. The client does what a client must: it
// tries again, with the same key, until it is answered.
func TestKill(t *testing.T) { onEachStorage(t, killed) }

func killed(t *testing.T, database string) {
	r := startReceiver(t, oldSecret)
	config, files := configuration(t, r)
	if err := os.WriteFile(filepath.Join(files, "mended"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, database, config)
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	base := webhooks(t)

	var (
		mu       sync.Mutex
		byID     = make(map[string]webhook)
		byKey    = make(map[string]string)
		finished = make(chan struct{})
		stop     = make(chan struct{})
		sending  sync.WaitGroup
	)
	// Rounds of all webhooks, each with keys of its own, until the last kill.
	sending.Go(func() {
		for round := 0; ; round++ {
			list := make([]webhook, len(base))
			for i, w := range base {
				w.key = fmt.Sprintf("%d/%s", round, w.key)
				list[i] = w
			}
			parallel(list, func(_ int, w webhook) {
				pause := time.NewTicker(5 * time.Millisecond)
				defer pause.Stop()
				for end := time.Now().Add(deadline); time.Now().Before(end); <-pause.C {
					status, receipt, err := s.dispatch(w)
					if err != nil || status == 503 {
						continue // the server is dead or about to be
					}
					if status != 201 && status != 200 {
						t.Errorf("%s: %d %s", w.key, status, receipt.Error)
						return
					}
					mu.Lock()
					if known := byKey[w.key]; known != "" && known != receipt.MessageID {
						t.Errorf("key %s made messages %s and %s", w.key, known, receipt.MessageID)
					}
					byKey[w.key], byID[receipt.MessageID] = receipt.MessageID, w
					mu.Unlock()
					return
				}
				t.Errorf("%s was never answered", w.key)
			})
			select {
			case <-stop:
				close(finished)
				return
			default:
			}
		}
	})
	for range kills {
		timer := time.NewTimer(time.Duration(20+rand.IntN(400)) * time.Millisecond)
		<-timer.C
		s.kill()
		s.start(address.Host)
	}
	close(stop)
	<-finished
	sending.Wait()
	c := s.drained()

	// A message that was in hand at several deaths may have used up its attempts: it is in the dead letter queue then,
	// not lost.
	failed := make(map[string]bool)
	for cursor := ""; ; {
		var page struct {
			Messages   []struct{ MessageID, ErrorClass string }
			Pagination struct{ NextCursor string }
		}
		query := "?limit=200"
		if cursor != "" {
			query += "&cursor=" + cursor
		}
		if status, err := s.call("GET", "/api/symphony/failed"+query, "", &page); err != nil || status != 200 {
			t.Fatalf("failed: %d, %v", status, err)
		}
		for _, m := range page.Messages {
			if m.ErrorClass != "worker_lost" {
				t.Errorf("message %s failed as %s", m.MessageID, m.ErrorClass)
			}
			failed[m.MessageID] = true
		}
		if cursor = page.Pagination.NextCursor; cursor == "" {
			break
		}
	}
	got := arrived(t, r, files)
	checkArrived(t, byID, got, func(w webhook) bool {
		id := byKey[w.key]
		_, ok := got[id]
		return ok || !failed[id] // one in the dead letters may have arrived before its worker died, too
	})
	if want := int64(len(byKey)); c.Completed+c.Failed != want || c.Failed != int64(len(failed)) || len(byID) != len(byKey) {
		t.Errorf("status says %+v; %d keys made %d messages, of which %d failed", c, len(byKey), len(byID), len(failed))
	}
	if len(r.bad) > 0 {
		t.Errorf("the endpoint refused %d messages: %s", len(r.bad), r.bad[0])
	}
	t.Logf("%d messages through %d kills, %d of them used up their attempts", len(byKey), kills, len(failed))
}
