package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/alert"
)

func loadText(t *testing.T, text string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "symphony.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Sources{File: file})
}

func TestAlerts(t *testing.T) {
	c, err := loadText(t, `alerts:
  for: 0s
  reminder: 0s
  dead_letters:
    count: 1
  error_rate:
    enabled: false
  oldest_message:
    age: 1h
  webhooks:
    - url: https://hooks.example.com/a
      secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]
      headers:
        Authorization: Bearer x
    - url: https://hooks.example.com/b
`)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Alerts
	if !a.Enabled || len(a.Webhooks) != 2 || a.Webhooks[0].Headers["Authorization"] != "Bearer x" || len(a.Webhooks[0].Secrets) != 1 || a.Reminder != 0 {
		t.Errorf("got %+v", a)
	}
	want := alert.Rules{DeadLetters: 1, Oldest: time.Hour, ErrorRate: alert.Off, ErrorSample: 20,
		NoWorkers: 2 * time.Minute, StorageBytes: 10 << 30, Regressions: 1, Window: 5 * time.Minute,
		For: alert.Off, ClearRatio: 0.5}
	if diff := cmp.Diff(want, a.Rules()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c, err := loadText(t, "log:\n  level: info\n"); err != nil || c.Alerts.Enabled {
		t.Errorf("got %v, %v", c.Alerts.Enabled, err)
	}
}

func TestAlerts_mistakes(t *testing.T) {
	_, err := loadText(t, `alerts:
  intervall: 5s
  window: 2h
  no_workers:
    afetr: 5m
  webhooks:
    - url: ftp://x
    - secrets: [abc]
    - url: https://a
    - url: https://a
`)
	var mistakes *Error
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, p := range mistakes.Problems {
		_, at, _ := strings.Cut(p.Source, "symphony.yaml:")
		got = append(got, at+" "+p.Key)
	}
	want := []string{"2:3 alerts.intervall", "3:11 alerts.window", "5:5 alerts.no_workers.afetr", "7:12 alerts.webhooks[0].url", "8:7 alerts.webhooks[1]", "8:16 alerts.webhooks[1].secrets", "10:7 alerts.webhooks[3]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
	if !strings.Contains(err.Error(), `did you mean`) {
		t.Errorf("no suggestion: %v", err)
	}
}
