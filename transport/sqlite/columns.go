package sqlite

import (
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// columns are what statements read of a table: the text of each column, and beside it where its value goes. So a
// column is added in one place, and none is known by its number.
type columns[T any] []column[T]

type column[T any] struct {
	text string
	read func(to *T, v cell)
}

// cell is one value of the row at which a statement stands.
type cell struct {
	stmt *sqlite.Stmt
	at   int
}

func (c cell) text() string    { return c.stmt.ColumnText(c.at) }
func (c cell) int() int        { return c.stmt.ColumnInt(c.at) }
func (c cell) int64() int64    { return c.stmt.ColumnInt64(c.at) }
func (c cell) time() time.Time { return fromMicros(c.int64()) }
func (c cell) bool() bool      { return c.stmt.ColumnBool(c.at) }
func (c cell) bytes() []byte   { return columnBytes(c.stmt, c.at) }

// String is what a statement selects.
func (c columns[T]) String() string {
	texts := make([]string, len(c))
	for i := range c {
		texts[i] = c[i].text
	}
	return strings.Join(texts, ", ")
}

// read reads a row, of which these are the columns from number at on.
func (c columns[T]) read(to *T, s *sqlite.Stmt, at int) {
	for i := range c {
		c[i].read(to, cell{s, at + i})
	}
}
