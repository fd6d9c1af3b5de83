package archive

import (
	"bytes"
	"encoding/csv"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Writer writes messages to a file. It writes to w often, in small pieces. For one goroutine.
type Writer struct {
	w       io.Writer
	buf     bytes.Buffer
	format  Format
	columns []column
	csv     *csv.Writer
	cells   []string
}

// NewWriter makes a writer of stored, or of failed, messages.
func NewWriter(w io.Writer, format Format, failed bool) *Writer {
	out := &Writer{w: w, format: format}
	if format == CSV {
		out.csv, out.columns = csv.NewWriter(w), columnsOf(failed)
		out.cells = make([]string, len(out.columns))
	}
	return out
}

// Begin writes the header, where the format has one.
func (w *Writer) Begin() error {
	if w.format != CSV {
		return nil
	}
	for i, c := range w.columns {
		w.cells[i] = c.name
	}
	return w.row()
}

func (w *Writer) row() error {
	if err := w.csv.Write(w.cells); err != nil {
		return err
	}
	w.csv.Flush()
	return w.csv.Error()
}

// Stored writes a stored message.
func (w *Writer) Stored(m *wire.StoredMessage) error {
	if w.format == JSONL {
		return w.line(m)
	}
	return w.message(Stored(m))
}

// Failed writes a failed message.
func (w *Writer) Failed(m *wire.FailedMessage) error {
	if w.format == JSONL {
		return w.line(m)
	}
	attempts, err := json.Marshal(m.Attempts, wire.AsGiven())
	row := Failed(m, attempts)
	row.Unreadable = row.Unreadable || err != nil
	return w.message(row)
}

// line writes a value on one line. Its strings and numbers stay as they are.
func (w *Writer) line(v any) error {
	w.buf.Reset()
	if _, err := wire.Encode(&w.buf, v); err != nil {
		return err
	}
	w.buf.WriteByte('\n')
	_, err := w.w.Write(w.buf.Bytes())
	return err
}

func (w *Writer) message(m Message) error {
	for i, c := range w.columns {
		cell, err := c.get(&m)
		if err != nil { // is left out, as Encode does it
			cell, m.Unreadable = "", true
		}
		w.cells[i] = guard(cell)
	}
	return w.row()
}
