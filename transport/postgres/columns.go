package postgres

import (
	"strings"
	"time"
)

// columns are what a statement returns: the text of each column, and beside it where its value goes. So a column is
// added in one place, and none is known by its number.
type columns[T any] []column[T]

type column[T any] struct {
	text string
	read func(to *T, v cell)
}

// cell is one value of a row, in PostgreSQL's binary form. It is nil for NULL, which the methods take for the zero
// value.
type cell []byte

func (c cell) text() string { return string(c) }
func (c cell) bool() bool   { return c != nil && boolColumn(c) }
func (c cell) id() string   { return c.uuid().String() }

func (c cell) time() time.Time { return fromMicros(timeColumn(c)) }

func (c cell) uuid() (id uuid) {
	if c != nil {
		id = uuidColumn(c)
	}
	return id
}

func (c cell) int2() int {
	if c == nil {
		return 0
	}
	return int2Column(c)
}

func (c cell) int4() int {
	if c == nil {
		return 0
	}
	return int4Column(c)
}

// String is what a statement selects.
func (c columns[T]) String() string {
	texts := make([]string, len(c))
	for i := range c {
		texts[i] = c[i].text
	}
	return strings.Join(texts, ", ")
}

// read reads a row that begins with these columns, and returns the columns behind them.
func (c columns[T]) read(to *T, row [][]byte) (rest [][]byte) {
	for i := range c {
		c[i].read(to, row[i])
	}
	return row[len(c):]
}
