package sqlite

import (
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

// SQLite's allocator, in its Go translation, returns a block of pages to the system as soon as its last allocation is
// freed. Binding one text at a time therefore maps and unmaps memory for each: about a tenth of the writer's time.
// pinMemory keeps one allocation of each size class alive, as the bindings of a statement that is never run, until the
// connection closes. The allocator's classes are powers of two up to maxSlot; larger blocks are never shared.
func pinMemory(conn *sqlite.Conn) error {
	const minSlot, maxSlot = 16, 16 << 10
	var sizes []int
	for size := minSlot; size <= maxSlot; size *= 2 {
		sizes = append(sizes, size)
	}
	s, err := conn.Prepare("SELECT ?" + strings.Repeat(", ?", len(sizes)-1))
	if err != nil {
		return fmt.Errorf("pin memory: %w", err)
	}
	for i, size := range sizes {
		s.BindText(i+1, strings.Repeat(" ", size))
	}
	return nil
}
