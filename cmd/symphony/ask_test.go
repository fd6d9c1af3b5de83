//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// On a terminal, commands that stop or delete much ask first, and do nothing unless the answer is yes.
func TestCommandsAskOnATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	run := func(answer string, args ...string) (code int, out, asked string) {
		t.Helper()
		terminal, other, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer terminal.Close()
		defer other.Close()
		if _, err := io.WriteString(terminal, answer+"\n"); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		a := &app{in: other, out: &stdout, err: &stderr, environ: []string{"SYMPHONY_DATABASE=" + path}}
		code = a.main(args)
		return code, stdout.String(), stderr.String()
	}
	if code, _, errs := run("", "migrate"); code != exitOK {
		t.Fatal(errs)
	}
	fail(t, path)
	if code, _, errs := run("", "schedules", "create", "--name", "report", "--every", "1h", "demo.report", "{}"); code != exitOK {
		t.Fatal(errs)
	}
	for _, test := range []struct {
		args     []string
		question string
		yes      string // what is printed once it is done
	}{
		{[]string{"pause"}, "Hand out no more messages of transport default, 0 of which wait? [y/N]", "paused"},
		{[]string{"drain"}, "Refuse all messages for transport default, where 0 wait? [y/N]", "draining"},
		{[]string{"stop-workers"}, "Stop all workers of all processes, until they are started again? [y/N]", "do not come back by themselves"},
		{[]string{"failed", "retry", "--all"}, "Dispatch 1 failed message again? [y/N]", "Retried 1 failed message"},
		{[]string{"schedules", "delete", "report"}, "Delete the schedule report with its history? [y/N]", "deleted"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			for _, answer := range []string{"", "n", "no way"} {
				if code, out, asked := run(answer, test.args...); code != exitFailure || out != "" || !strings.Contains(asked, test.question) || !strings.Contains(asked, "nothing was done") {
					t.Errorf("answered %q, it ended with %d, printed %q and asked %q", answer, code, out, asked)
				}
			}
			if code, out, asked := run("y", test.args...); code != exitOK || !strings.Contains(out, test.yes) {
				t.Errorf("answered y, it ended with %d, printed %q and asked %q", code, out, asked)
			}
		})
	}
	_, before, _ := run("", "keys", "create", "shop", "--scopes", "dispatch")
	if code, _, asked := run("n", "keys", "revoke", strings.TrimSpace(before)); code != exitFailure || !strings.Contains(asked, "Revoke the key") {
		t.Errorf("revoke ended with %d and asked %q", code, asked)
	}
	if code, out, _ := run("y", "keys", "revoke", strings.TrimSpace(before)); code != exitOK || !strings.Contains(out, "is revoked") {
		t.Errorf("revoke ended with %d and printed %q", code, out)
	}
}

// fail puts a message into the dead letter queue.
func fail(t *testing.T, path string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{Name: "default"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	bus, err := symphony.NewBus([]symphony.Transport{db.Named("default")}, symphony.BusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Dispatch(t.Context(), "order", struct{}{}, symphony.DispatchOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := db.Named("default").Receive(context.WithoutCancel(t.Context()), symphony.ReceiveOptions{})
	if err != nil || len(got) != 1 {
		t.Fatalf("received %d, %v", len(got), err)
	}
	if errs := db.Named("default").Settle(t.Context(), []symphony.Settlement{{Lease: got[0].Lease, Outcome: symphony.Fail, Error: "down"}}); errs != nil {
		t.Fatal(errs)
	}
}
