package sqlite_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// TestAuditNamesOfOlderReleases brings a file up to date whose audit trail calls the deletion of a message a cancellation.
func TestAuditNamesOfOlderReleases(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "queue.db")
	tr := open(t, path, sqlite.Options{})
	trail := audit.New(tr, audit.Options{})
	for _, action := range []string{"message.cancel", "message.run_now"} {
		a, err := trail.Begin(ctx, audit.Entry{Action: action, Target: json.RawMessage(`{"id":"x"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.End(ctx, audit.OK, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tr.AppendLog(ctx, "events", []storage.Entry{{Kind: "message.cancel", Data: json.RawMessage("{}")}}); err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	migration, err := os.ReadFile("migrations/008_message_delete.sql")
	if err != nil {
		t.Fatal(err)
	}
	script(t, path, string(migration))

	tr = open(t, path, sqlite.Options{})
	trail = audit.New(tr, audit.Options{})
	got := make(map[string][]string)
	for _, asked := range []string{"message.delete", "message.cancel", "message.*"} {
		page, err := trail.List(ctx, audit.Query{Action: asked})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			got[asked] = append(got[asked], e.Action+" "+string(e.Target)+" "+string(e.Outcome))
		}
	}
	want := map[string][]string{
		"message.delete": {`message.delete {"id":"x"} ok`},
		"message.*":      {`message.run_now {"id":"x"} ok`, `message.delete {"id":"x"} ok`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	other, err := tr.ReadLog(ctx, storage.LogQuery{Log: "events", Limit: 1})
	if err != nil || len(other.Entries) != 1 || other.Entries[0].Kind != "message.cancel" {
		t.Errorf("another log has %v, %v; want it left alone", other, err)
	}
}
