package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/symphony-messenger/symphony/internal/scratch"
)

// OpenTemporary opens an empty database that forgets everything when it is closed: for tests, for development, and for
// what need not survive the process. It is the database that Open opens, in a folder of its own for temporary files
// (TMPDIR) that only this user can read and that Close deletes. What a killed process left there is deleted by the next
// one. It waits for no disk, so Capabilities.Durable is false.
func OpenTemporary(ctx context.Context, o Options) (*Transport, error) {
	scratch.Sweep("")
	folder, err := scratch.Make("")
	if err != nil {
		return nil, fmt.Errorf("sqlite: folder for a temporary database: %w", err)
	}
	t, err := open(ctx, filepath.Join(folder.Path(), "symphony.db"), o, folder)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return t, nil
}
