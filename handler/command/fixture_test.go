//go:build unix

package command_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

// shell is a handler whose program is a shell script.
func shell(t *testing.T, o command.Options, script string, args ...string) *command.Handler {
	t.Helper()
	return open(t, append([]string{"sh", "-c", script, "sh"}, args...), o)
}

func open(t *testing.T, argv []string, o command.Options) *command.Handler {
	t.Helper()
	h, err := command.New(argv, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func delivery() *symphony.Delivery {
	return &symphony.Delivery{
		Envelope: symphony.Envelope{
			ID: "01980a3e-8f4c-7d21-9c63-0f5f2a7f1f10", Type: "order.paid", Payload: json.RawMessage("{ \"b\": 1.0,\n\"a\": \"$(exit 3)\\u00e9\" }"),
			Headers: map[string]any{"Traceparent": "00-aa-bb-01"}, Transport: "email", Queue: "bulk", Priority: 5,
			CreatedAt: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC),
		},
		Attempt: 2,
	}
}

// life is a named pipe that processes hold open as long as they live: opening it to read waits for the first of them,
// and the end of the file comes when the last is dead.
func life(t *testing.T) (path string, opened func() (end func())) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "life")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() func() {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return func() {}
		}
		return func() {
			defer f.Close()
			if _, err := io.ReadAll(f); err != nil {
				t.Error(err)
			}
		}
	}
}
