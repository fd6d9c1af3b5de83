package sqlite

import (
	"slices"

	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// Metadata by which messages are looked up has marks, too. Which indexes there are stands in messenger_indexed, because
// messages keep the marks of earlier ones until they go: these are deleted with them, but not looked up by.

// metadataMarks are the marks that a message of a type has by its metadata, as it is stored. What cannot be read has
// none.
func metadataMarks(list []storage.Index, typ string, metadata []byte) []string {
	var decoded map[string]any
	if len(metadata) == 0 || decode("metadata", metadata, &decoded) != nil {
		return nil
	}
	return storage.MetadataMarks(list, typ, decoded)
}

// indexOp makes those indexes be that are configured. Where one is new, older messages are given their marks in the
// background, as after an upgrade.
type indexOp struct{}

func (indexOp) rows() int { return 0 }

func (indexOp) apply(w *writer) error {
	known := make(map[storage.Index]bool) // whether it is in use
	err := w.query("SELECT type, path, used FROM messenger_indexed", func(s *sqlite.Stmt) bool {
		known[storage.Index{Type: s.ColumnText(0), Path: s.ColumnText(1)}] = s.ColumnBool(2)
		return true
	})
	if err != nil {
		return err
	}
	added := false
	for _, x := range w.indexes {
		if known[x] {
			continue
		}
		added, known[x] = true, true
		err := w.exec("INSERT OR REPLACE INTO messenger_indexed (type, path, used) VALUES (?, ?, 1)", x.Type, x.Path)
		if err != nil {
			return err
		}
	}
	w.indexed = nil
	for x, used := range known {
		w.indexed = append(w.indexed, x)
		if used && !slices.Contains(w.indexes, x) {
			err := w.exec("UPDATE messenger_indexed SET used=0 WHERE type=? AND path=?", x.Type, x.Path)
			if err != nil {
				return err
			}
		}
	}
	if !added {
		return nil
	}
	err = w.exec(`UPDATE messenger_marked SET after=max(after, coalesce((SELECT max(id) FROM messenger_messages), ''),
		coalesce((SELECT max(message_id) FROM messenger_failed_messages), ''))`)
	if err != nil {
		return err
	}
	return w.loadMarks()
}
