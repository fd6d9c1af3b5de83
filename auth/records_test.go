package auth_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/auth/keystoretest"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestRecordKeys(t *testing.T) {
	keystoretest.Run(t, func(t *testing.T) auth.KeyStore {
		tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "keys.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
		return auth.NewRecordKeys(tr)
	})
}

// Where there was no scope operate, consume included what it opens: keys that were made then keep it, whoever made
// them. Keys that are made now have what they say.
func TestRecordKeys_of_older_releases_may_operate_if_they_may_consume(t *testing.T) {
	tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "keys.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	store := auth.NewRecordKeys(tr)
	for older, want := range map[string]string{
		"consume": "consume,operate", "dispatch,consume,read": "dispatch,consume,read,operate",
		"dispatch,read": "dispatch,read", "admin": "admin",
	} {
		record := `{"id":"aaaaaaaaaaaaaaaa","name":"old","hash":"AAAA","scopes":"` + older + `","createdAt":"2026-01-01T00:00:00Z"}`
		if err := storage.Put(t.Context(), tr, "api_key", "aaaaaaaaaaaaaaaa", []byte(record)); err != nil {
			t.Fatal(err)
		}
		if key, err := store.Lookup(t.Context(), "aaaaaaaaaaaaaaaa"); err != nil || key.Scopes.String() != want {
			t.Errorf("an older key of %s has %s, %v, want %s", older, key.Scopes, err, want)
		}
	}
	for _, scopes := range []string{"consume", "operate", "consume,operate", "read,admin"} {
		set, err := auth.ParseScopes(scopes)
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := auth.GenerateKey("new", set, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CreateKey(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Lookup(t.Context(), key.ID); err != nil || got.Scopes != set {
			t.Errorf("a new key of %s has %s, %v", set, got.Scopes, err)
		}
		// An older release, which runs beside this one while they are replaced, must be able to read the record.
		raw, err := storage.Get(t.Context(), tr, "api_key", key.ID)
		var stored struct{ Scopes string }
		if err != nil || json.Unmarshal(raw, &stored) != nil || strings.Contains(stored.Scopes, "operate") {
			t.Errorf("the record of %s is %s, %v", set, raw, err)
		}
	}
}
