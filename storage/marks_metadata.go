package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// Metadata that the configuration names is looked up by marks, too, as what few messages carry is: see package
// symphony, marks.go. Storages note of which types and members all messages behind an id have theirs, since these are
// settled anew with each start.

// Index is a member of metadata by which messages of some types are looked up.
type Index struct {
	Type string // a pattern
	Path string // names with dots between them
}

// MaxIndexPath and MaxIndexedValue limit, in bytes, the path of an index, and the values that have marks. Longer values
// are looked for in one message after the other.
const (
	MaxIndexPath    = 255
	MaxIndexedValue = 1000
)

// CheckIndexPath returns an error if a path cannot be that of an index.
func CheckIndexPath(path string) error {
	switch {
	case len(path) > MaxIndexPath:
		return fmt.Errorf("must have at most %d bytes, has %d", MaxIndexPath, len(path))
	case !symphony.ValidText(path) || slices.Contains(strings.Split(path, "."), ""):
		return fmt.Errorf("must be names with dots between them, like customer.id, is %q", path)
	}
	return nil
}

func (x Index) mark(value string) string { return "metadata." + x.Path + ":" + value }

// MetadataMarks are the marks that a message of a type has by its metadata, each once.
func MetadataMarks(list []Index, typ string, metadata map[string]any) (marks []string) {
	for _, x := range list {
		if !symphony.PatternMatches(x.Type, typ) {
			continue
		}
		value, ok := symphony.MetadataAt(metadata, x.Path)
		if mark := x.mark(value); ok && len(value) <= MaxIndexedValue && !slices.Contains(marks, mark) {
			marks = append(marks, mark)
		}
	}
	return marks
}

// MetadataMark is a mark that all messages have which a filter selects, where all messages of the filter's type have
// theirs by the list. Empty: there is none.
func MetadataMark(list []Index, f *symphony.MessageFilter) string {
	for _, path := range slices.Sorted(maps.Keys(f.Metadata)) {
		for _, x := range list {
			value := f.Metadata[path]
			if x.Path == path && len(value) <= MaxIndexedValue && symphony.PatternMatches(x.Type, f.Type) {
				return x.mark(value)
			}
		}
	}
	return ""
}
