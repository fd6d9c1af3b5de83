package httpapi_test

import (
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony/transport/sqlite"
	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// A message of which a part cannot be read is no worker's to guess at: it fails, with its reason.
func TestReceive_keeps_what_cannot_be_decoded_from_workers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	open := func() (*sqlite.Transport, *fixture) {
		t.Helper()
		tr, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		return tr, over(t, tr)
	}
	tr, f := open()
	broken, whole := f.dispatch("Broken", `{}`), f.dispatch("Whole", `{}`)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := zombie.OpenConn(path, zombie.OpenReadWrite|zombie.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.Execute(conn, "UPDATE messenger_messages SET metadata='{broken' WHERE id=?", &sqlitex.ExecOptions{Args: []any{broken}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	_, f = open()
	if got := f.receive(`{"max":10}`); len(got) != 1 || got[0]["id"] != whole {
		t.Errorf("received %v", got)
	}
	a := f.call("GET", "/api/symphony/failed", "")
	list, _ := a.body["messages"].([]any)
	if len(list) != 1 {
		t.Fatalf("failed: %s", a.raw)
	}
	if m := list[0].(map[string]any); m["messageId"] != broken || m["errorClass"] != "undecodable" {
		t.Errorf("failed: %v", m)
	}
}
