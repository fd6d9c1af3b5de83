package auth_test

import (
	"path/filepath"
	"testing"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/auth/keystoretest"
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
