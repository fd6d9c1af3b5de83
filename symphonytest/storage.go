package symphonytest

import (
	"context"

	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// T is what Storage needs of a test: *testing.T, *testing.B, *testing.F and *rapid.T have it.
type T interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Storage opens an empty storage that is closed, and forgotten, when the test ends: an SQLite database among the
// system's temporary files. It fails the test if that does not work.
func Storage(t T, o sqlite.Options) *sqlite.Transport {
	t.Helper()
	tr, err := sqlite.OpenTemporary(context.Background(), o)
	if err != nil {
		t.Fatalf("symphonytest: %v", err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Errorf("symphonytest: %v", err)
		}
	})
	return tr
}
