package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/server"
)

// screen is a terminal view at work on an installation of its own.
type screen struct {
	*testing.T
	m   *top
	bus *symphony.Bus
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	ctx := t.Context()
	c, err := config.Load(config.Sources{Environ: []string{"SYMPHONY_DATABASE=" + filepath.Join(t.TempDir(), "top.db")}})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := server.New(ctx, c, server.Options{Mode: server.Command, NoHandlers: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	cl, err := client.New(localURL, "", client.Options{HTTPClient: &http.Client{Transport: inProcess{opened.LocalHandler()}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{T: t, bus: opened.Bus(), m: newTop(ctx, &reached{Client: cl, config: c, local: true}, time.Second, "true")}
	s.m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	return s
}

// fail makes a failed message of a type and returns its id in the dead letter queue.
func (s *screen) fail(typ, reason string) string {
	s.Helper()
	ctx := s.Context()
	if _, err := s.bus.Dispatch(ctx, typ, struct{ N int }{1}, symphony.DispatchOptions{}); err != nil {
		s.Fatal(err)
	}
	tr, err := s.bus.Transport("default")
	if err != nil {
		s.Fatal(err)
	}
	got, err := tr.Receive(ctx, symphony.ReceiveOptions{Max: 1, Worker: "w"})
	if err != nil || len(got) != 1 {
		s.Fatalf("received %d messages, %v", len(got), err)
	}
	if errs := tr.Settle(ctx, []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail, Error: reason, ErrorClass: "test"}}); errs != nil {
		s.Fatal(errors.Join(errs...))
	}
	dead, err := s.bus.Failed("default")
	if err != nil {
		s.Fatal(err)
	}
	page, err := dead.List(ctx, symphony.MessageQuery{Limit: 1})
	if err != nil || len(page.Messages) != 1 {
		s.Fatalf("failed messages: %+v, %v", page, err)
	}
	return page.Messages[0].FailedID
}

// look has the screen look once.
func (s *screen) look() { s.m.Update(onceMsg(s.m.r.watch(s.Context()))) }

// press types a key and carries out what it leads to.
func (s *screen) press(k tea.Key) {
	_, cmd := s.m.Update(tea.KeyPressMsg(k))
	s.run(cmd)
}

func (s *screen) typed(letters string) {
	for _, r := range letters {
		s.press(tea.Key{Code: r, Text: string(r)})
	}
}

// run carries out a command and those that follow from it, but waits for no time.
func (s *screen) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	_, next := s.m.Update(msg)
	if _, looked := msg.(lookMsg); !looked {
		s.run(next)
	}
}

// text is what the screen shows, without colours.
func (s *screen) text() string { return ansi.Strip(s.m.View().Content) }

func (s *screen) wantText(parts ...string) {
	s.Helper()
	for _, part := range parts {
		if !strings.Contains(s.text(), part) {
			s.Errorf("the screen does not show %q:\n%s", part, s.text())
		}
	}
}

func (s *screen) status() wire.StatusResponse {
	s.Helper()
	status, err := s.m.r.Status(s.Context(), "")
	if err != nil {
		s.Fatal(err)
	}
	return status
}

func TestTop_shows_queues_and_failures(t *testing.T) {
	s := newScreen(t)
	s.wantText("looking…")
	s.look()
	s.wantText("Nothing has failed.", "healthy")
	s.fail("mail.send", "no route to\x1b[31m host")
	if _, err := s.bus.Dispatch(s.Context(), "report", struct{}{}, symphony.DispatchOptions{Queue: "bulk"}); err != nil {
		t.Fatal(err)
	}
	s.look()
	s.wantText("1 pending", "1 failed", "bulk", "mail.send", "no route to [31m host", "live")
	if lines := strings.Split(s.text(), "\n"); len(lines) != 40 {
		t.Errorf("the screen has %d lines, want 40", len(lines))
	}
}

func TestTop_shows_who_is_busy_with_what(t *testing.T) {
	s := newScreen(t)
	sent, err := s.bus.Dispatch(t.Context(), "report.monthly", struct{}{}, symphony.DispatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.bus.Transport("default")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tr.Receive(t.Context(), symphony.ReceiveOptions{Worker: "laptop"}); err != nil || len(got) != 1 {
		t.Fatalf("received %d messages, %v", len(got), err)
	}
	s.look()
	s.wantText("laptop", "report.monthly "+sent.ID)
}

func TestTop_shows_what_is_wrong_with_a_worker(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	busy := []wire.AtWork{{MessageID: "m", Type: "report", Since: now, Lost: true}}
	for want, w := range map[string]wire.NodeWorker{
		"":                        {Running: true, AtWork: []wire.AtWork{{Since: now}}},
		"stopped: failure_limit":  {StopReason: "failure_limit"},
		"goes on without its":     {Running: true, AtWork: busy},
		"receive fails since 202": {Running: true, AtWork: busy, Outages: []wire.WorkerOutage{{Call: "receive", Since: now}}},
	} {
		if got := troubleOf(w); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTop_tells_rates_from_two_looks(t *testing.T) {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	seen := func(after time.Duration, completed int64) look {
		q := wire.Queue{Counts: wire.Counts{Completed: completed}}
		return look{at: at.Add(after), statuses: []wire.StatusResponse{{Transport: "default", Queue: q.Counts, Queues: map[string]wire.Queue{"a": q}}}}
	}
	m := newTop(t.Context(), &reached{}, time.Second, "")
	for _, step := range []struct {
		l    look
		want float64
	}{
		{seen(0, 100), 0},
		{seen(2*time.Second, 150), 25},
		{seen(2*time.Second, 150), 25}, // the same look again
		{seen(3*time.Second, 150), 0},
		{seen(4*time.Second, 10), 0}, // another database
	} {
		m.saw(step.l)
		if _, _, _, got := m.now.totals(m.before); got != step.want {
			t.Errorf("at %s: %v a second, want %v", step.l.at, got, step.want)
		}
		if got := m.now.queues(m.before)[0].perSecond; got != step.want {
			t.Errorf("at %s: the queue has %v a second, want %v", step.l.at, got, step.want)
		}
	}
}

func TestTop_retries_the_chosen_failure(t *testing.T) {
	s := newScreen(t)
	first := s.fail("first", "x")
	s.fail("second", "x")
	s.look()
	s.typed("j") // to the older one
	s.fail("third", "x")
	s.look()
	if got := s.m.failure().ID; got != first {
		t.Fatalf("a new failure moved the choice to %s", got)
	}
	s.typed("r")
	s.wantText("first "+first+" was dispatched again.", "2 failed", "1 pending")
	if status := s.status(); status.FailedMessages != 2 || status.Queue.Pending != 1 {
		t.Errorf("status %+v", status.Queue)
	}
}

func TestTop_inspects_a_failure(t *testing.T) {
	s := newScreen(t)
	id := s.fail("mail.send", "refused")
	s.look()
	s.press(tea.Key{Code: tea.KeyEnter})
	s.wantText("Failed message "+id, "refused", `"N": 1`, "1 attempt")
	s.press(tea.Key{Code: tea.KeyEscape})
	s.wantText("LATEST FAILURES")
}

func TestTop_deletes_after_a_yes_only(t *testing.T) {
	s := newScreen(t)
	s.fail("mail.send", "refused")
	s.look()
	s.typed("d")
	s.wantText("Delete mail.send", "y/N")
	s.typed("x")
	s.wantText("Nothing was done.")
	if n := s.status().FailedMessages; n != 1 {
		t.Fatalf("%d failed messages, want 1", n)
	}
	s.typed("dy")
	s.wantText("was deleted.", "Nothing has failed.")
}

func TestTop_retries_with_a_corrected_payload(t *testing.T) {
	for name, test := range map[string]struct {
		payload string
		pending int64
		note    string
	}{
		"another payload":   {"{\n  \"N\": 2\n}\n", 1, "with the corrected payload"},
		"the same payload":  {"{\n  \"N\": 1\n}\n", 0, "the payload is as it was"},
		"no JSON":           {"{", 0, "is not JSON"},
		"not an object":     {"[1]", 0, "Error: "},
		"nothing was saved": {"", 0, "is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(t)
			s.fail("mail.send", "refused")
			s.look()
			_, cmd := s.m.Update(editedMsg{of: *s.m.failure(), payload: []byte(test.payload)})
			s.run(cmd)
			s.wantText(test.note)
			if got := s.status().Queue; got.Pending != test.pending || got.Failed != 1-test.pending {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTop_gives_the_editor_a_file_of_its_owner_only(t *testing.T) {
	folder, path, err := payloadFile([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{\n\t\"a\": 1\n}\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestTop_pauses_and_resumes_a_queue(t *testing.T) {
	s := newScreen(t)
	if _, err := s.bus.Dispatch(s.Context(), "report", struct{}{}, symphony.DispatchOptions{Queue: "bulk"}); err != nil {
		t.Fatal(err)
	}
	s.look()
	s.typed("p")
	s.wantText("Choose a queue first")
	s.press(tea.Key{Code: tea.KeyTab})
	s.typed("p")
	s.wantText("Queue bulk of default is paused.", "paused")
	if holds := s.status().Holds; len(holds) != 1 || holds[0].Queue != "bulk" {
		t.Fatalf("holds %+v", holds)
	}
	s.typed("p")
	s.wantText("Queue bulk of default goes on.")
	if holds := s.status().Holds; len(holds) != 0 {
		t.Errorf("holds %+v", holds)
	}
}

func TestTop_keeps_what_it_saw_while_nothing_answers(t *testing.T) {
	s := newScreen(t)
	s.fail("mail.send", "refused")
	s.look()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.m.Update(onceMsg(s.m.r.watch(ctx)))
	s.wantText("no answer", "mail.send")
	s.look()
	s.wantText("live")
}

func TestTop_fits_any_screen(t *testing.T) {
	s := newScreen(t)
	for i := range 30 {
		s.fail(strings.Repeat("wide", 20), fmt.Sprint("reason ", i))
	}
	s.look()
	for _, size := range [][2]int{{200, 60}, {80, 24}, {40, 12}, {20, 5}, {1, 1}} {
		s.m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, line := range strings.Split(s.text(), "\n") {
			if w := ansi.StringWidth(line); w > size[0] && size[0] > 20 {
				t.Errorf("%dx%d: a line is %d wide: %q", size[0], size[1], w, line)
			}
		}
		if n := strings.Count(s.text(), "\n") + 1; n > max(size[1], 3) {
			t.Errorf("%dx%d: %d lines", size[0], size[1], n)
		}
	}
}
