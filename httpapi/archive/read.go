package archive

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Entry is one message of a file, or what is wrong with its line.
type Entry struct {
	Line    int64 // 1 is the first; of a row with several lines, the first
	Message Message
	Size    int // of the line, in bytes
	// Problems are what is wrong; then the message is not complete.
	Problems []Problem
}

// Problem is one mistake in a line.
type Problem struct{ Path, Message string }

// FileError says that nothing can be read from a line on.
type FileError struct {
	Line     int64
	Problems []Problem
}

func (e *FileError) Error() string {
	return fmt.Sprintf("line %d: %s %s", e.Line, e.Problems[0].Path, e.Problems[0].Message)
}

// Reader reads messages from a file, one after the other. For one goroutine.
type Reader interface {
	// Next returns the next entry, or io.EOF. A *FileError means that the rest cannot be read; other errors are those
	// of the file.
	Next() (Entry, error)
}

// NewReader makes a reader of a file whose lines have at most maxLine bytes.
func NewReader(r io.Reader, format Format, maxLine int) Reader {
	if format == CSV {
		b := &bounded{r: r, most: maxLine}
		rows := csv.NewReader(b)
		rows.FieldsPerRecord = -1 // is checked, with its line, below
		rows.ReuseRecord = true
		return &rowReader{bounded: b, rows: rows}
	}
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), most: maxLine}
}

// lineReader reads JSON lines. Empty lines count and are nothing.
type lineReader struct {
	r    *bufio.Reader
	most int
	line int64
	buf  []byte
}

func (r *lineReader) Next() (Entry, error) {
	for {
		long, err := r.read()
		if err != nil {
			return Entry{}, err
		}
		r.line++
		e := Entry{Line: r.line, Size: len(r.buf)}
		if long {
			e.Problems = []Problem{{"", fmt.Sprintf("must have at most %d bytes", r.most)}}
			return e, nil
		}
		line := bytes.TrimSpace(r.buf)
		if r.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(line) == 0 {
			continue
		}
		e.Problems = decode(bytes.Clone(line), &e.Message)
		return e, nil
	}
}

// read reads a line into buf. One that is too long is read to its end, and its beginning kept.
func (r *lineReader) read() (long bool, err error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.r.ReadSlice('\n')
		if long = long || len(r.buf)+len(part) > r.most; !long {
			r.buf = append(r.buf, part...)
		}
		switch {
		case err == nil:
			return long, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (long || len(r.buf) > 0):
			return long, nil
		default:
			return long, err
		}
	}
}

// decode reads a message from one line.
func decode(line []byte, m *Message) []Problem {
	err := json.Unmarshal(line, m, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var (
		syntax   *jsontext.SyntacticError
		semantic *json.SemanticError
	)
	switch {
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return []Problem{{path(syntax.JSONPointer), "is given twice"}}
	case errors.As(err, &syntax):
		return []Problem{{path(syntax.JSONPointer), fmt.Sprintf("must be one valid JSON object in UTF-8 (byte %d)", syntax.ByteOffset)}}
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return []Problem{{path(semantic.JSONPointer), "is not a known field of a message"}}
	case errors.As(err, &semantic):
		return []Problem{{path(semantic.JSONPointer), fmt.Sprintf("must be %s", expected(semantic))}}
	}
	return []Problem{{"", "must be a message as an export has it"}}
}

// expected says of what kind a value should be.
func expected(e *json.SemanticError) string {
	if e.GoType == nil {
		return "as an export has it"
	}
	switch name := e.GoType.String(); {
	case strings.HasSuffix(name, "time.Time"):
		return "a time in RFC 3339, such as 2026-12-01T09:00:00Z"
	case name == "int":
		return "an integer"
	case name == "bool":
		return "true or false"
	case name == "string":
		return "a string"
	}
	return "an object"
}

func path(p jsontext.Pointer) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(p), "/"), "/", ".")
}

// errLong is what a bounded reader says when a row does not end.
var errLong = errors.New("the row is too long")

// bounded lets a csv.Reader read so much for one row, for which it would otherwise fill the memory.
type bounded struct {
	r          io.Reader
	most, left int
}

// Read reads a piece.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// rowReader reads CSV. The first row names the columns.
type rowReader struct {
	*bounded
	rows    *csv.Reader
	columns []column
	last    int64 // line of the row before
}

func (r *rowReader) Next() (Entry, error) {
	if r.columns == nil {
		if err := r.header(); err != nil {
			return Entry{}, err
		}
	}
	before := r.rows.InputOffset()
	cells, line, err := r.read()
	e := Entry{Line: line, Size: int(r.rows.InputOffset() - before)}
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, csv.ErrBareQuote), errors.As(err, &syntax) && errors.Is(err, csv.ErrQuote):
		e.Line = int64(syntax.StartLine)
		e.Problems = []Problem{{"", fmt.Sprintf("has a quote in the wrong place (column %d)", syntax.Column)}}
		return e, nil
	case err != nil:
		return e, err
	case len(cells) != len(r.columns):
		e.Problems = []Problem{{"", fmt.Sprintf("must have %d cells, as the header, has %d", len(r.columns), len(cells))}}
		return e, nil
	}
	for i, c := range r.columns {
		cell := unguard(cells[i])
		if cell == "" {
			continue
		}
		if err := c.set(&e.Message, cell); err != nil {
			e.Problems = append(e.Problems, Problem{c.name, err.Error()})
		}
	}
	return e, nil
}

// read reads a row.
func (r *rowReader) read() (cells []string, line int64, err error) {
	r.left = r.most
	cells, err = r.rows.Read()
	if errors.Is(err, errLong) {
		return nil, 0, &FileError{r.last + 1, []Problem{{"", fmt.Sprintf("must have at most %d bytes in a row; is a quote not closed?", r.most)}}}
	}
	if err == nil {
		n, _ := r.rows.FieldPos(0)
		line, r.last = int64(n), int64(n)
	}
	return cells, line, err
}

// header reads the names of the columns.
func (r *rowReader) header() error {
	names, _, err := r.read()
	if err != nil {
		return err
	}
	var problems []Problem
	known := columns()
	for i, name := range names {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		at := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		switch {
		case at < 0:
			problems = append(problems, Problem{name, "is not a known column"})
		case slices.ContainsFunc(r.columns, func(c column) bool { return c.name == name }):
			problems = append(problems, Problem{name, "is given twice"})
		default:
			r.columns = append(r.columns, known[at])
		}
	}
	for _, name := range []string{"type", "payload"} {
		if !slices.ContainsFunc(r.columns, func(c column) bool { return c.name == name }) {
			problems = append(problems, Problem{name, "is a column that must be there; the first row names the columns"})
		}
	}
	if len(problems) > 0 {
		return &FileError{1, problems}
	}
	return nil
}
