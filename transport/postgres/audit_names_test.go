package postgres

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/audit"
	"github.com/symphony-messenger/symphony/storage"
)

// TestAuditNamesOfOlderReleases brings a database up to date whose audit trail calls the deletion of a message a
// cancellation.
func TestAuditNamesOfOlderReleases(t *testing.T) {
	t.Parallel()
	b := openBorder(t, Options{})
	trail := audit.New(b.Transport, audit.Options{})
	for _, action := range []string{"message.cancel", "message.run_now"} {
		a, err := trail.Begin(t.Context(), audit.Entry{Action: action, Target: json.RawMessage(`{"id":"x"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.End(t.Context(), audit.OK, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.AppendLog(t.Context(), "events", []storage.Entry{{Kind: "message.cancel", Data: json.RawMessage("{}")}}); err != nil {
		t.Fatal(err)
	}
	for _, m := range b.migrations() {
		if m.Name == "message_delete" {
			execute(t, b.url, m.SQL)
		}
	}
	got := make(map[string][]string)
	for _, asked := range []string{"message.delete", "message.cancel", "message.*"} {
		page, err := trail.List(t.Context(), audit.Query{Action: asked})
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
	other, err := b.ReadLog(t.Context(), storage.LogQuery{Log: "events", Limit: 1})
	if err != nil || len(other.Entries) != 1 || other.Entries[0].Kind != "message.cancel" {
		t.Errorf("another log has %v, %v; want it left alone", other, err)
	}
}
