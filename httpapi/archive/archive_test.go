package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony/httpapi/archive"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

const maxLine = 1 << 20

// nasty are payloads that are easily damaged.
var nasty = []string{
	`{}`,
	`{"n":12345678901234567890.123456789012345678901234567890,"e":1e400,"z":-0.0,"one":1.0}`,
	`{"text":"quotes \" and \\ and \n and \r\n and \u0000 and \ud83d\ude00 and 😀 and é"}`,
	`{"=cmd|' /C calc'!A0":"@SUM(1)","+":"-","'":"''","a,b":"c;d\te"}`,
	`{"nested":[{"a":[[],{},null,true,false]}],"html":"<script>&amp;</script>","line":"\u2028\u2029"}`,
}

var at = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

func stored(i int, payload string) wire.StoredMessage {
	m := wire.StoredMessage{ID: fmt.Sprint("id-", i), Status: "pending", Transport: "default", Queue: "-queue", Priority: 1 + i%10, CreatedAt: at, AvailableAt: &at,
		Message: wire.Message{Type: "=Type", Payload: jsontext.Value(payload), Metadata: jsontext.Value(`{"m":1.50}`)}, Headers: map[string]jsontext.Value{"h": jsontext.Value(`"a \"b\", 'c'"`), "n": jsontext.Value(`1.50`), "o": jsontext.Value(`{"a":[null,true]}`)}}
	m.CorrelationID = "'quoted"
	if i%2 == 1 {
		m.IdempotencyKey, m.CausationID, m.GroupKey, m.Ordered, m.ScheduledAt, m.ExpiresAt, m.ConcurrencyKey = "+key", "@cause", "group\u00e9", true, &at, &at, "''"
	}
	return m
}

// read reads a file to its end.
func read(t *testing.T, file string, format archive.Format) (list []archive.Entry) {
	t.Helper()
	r := archive.NewReader(strings.NewReader(file), format, maxLine)
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		list = append(list, e)
	}
}

func TestArchive_reads_what_it_has_written(t *testing.T) {
	for _, format := range []archive.Format{archive.JSONL, archive.CSV} {
		t.Run(string(format), func(t *testing.T) {
			var file bytes.Buffer
			w := archive.NewWriter(&file, format, false)
			if err := w.Begin(); err != nil {
				t.Fatal(err)
			}
			var want []archive.Message
			for i, payload := range nasty {
				m := stored(i, payload)
				if err := w.Stored(&m); err != nil {
					t.Fatal(err)
				}
				want = append(want, archive.Stored(&m))
			}
			var got []archive.Message
			for _, e := range read(t, file.String(), format) {
				if e.Problems != nil {
					t.Errorf("line %d: %v", e.Line, e.Problems)
				}
				got = append(got, e.Message)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-written +read)\n%s\n%s", diff, file.String())
			}
		})
	}
}

func TestArchive_reads_failed_messages(t *testing.T) {
	m := wire.FailedMessage{ID: "f", MessageID: "m", Transport: "default", Queue: "q", Priority: 5, Message: wire.Message{Type: "T", Payload: jsontext.Value(`{"a":1}`)},
		Headers: map[string]jsontext.Value{}, Error: "=boom\nand more", ErrorClass: "test", RetryCount: 2, MaxRetries: 3, FailedAt: at, CreatedAt: at,
		Attempts: []wire.Attempt{{Attempt: 1, StartedAt: at, FinishedAt: at, Error: "e"}}}
	for _, format := range []archive.Format{archive.JSONL, archive.CSV} {
		var file bytes.Buffer
		w := archive.NewWriter(&file, format, true)
		if err := errors.Join(w.Begin(), w.Failed(&m)); err != nil {
			t.Fatal(err)
		}
		list := read(t, file.String(), format)
		if len(list) != 1 || list[0].Problems != nil || list[0].Message.Origin() != "m" || list[0].Message.Error != m.Error || list[0].Message.RetryCount != 2 ||
			!strings.Contains(string(list[0].Message.Attempts), `"error":"e"`) {
			t.Errorf("%s: %+v of\n%s", format, list, file.String())
		}
	}
}

// No cell of a file is a formula to a spreadsheet.
func TestArchive_writes_no_formulas(t *testing.T) {
	var file bytes.Buffer
	w := archive.NewWriter(&file, archive.CSV, false)
	m := stored(1, nasty[3])
	if err := w.Stored(&m); err != nil {
		t.Fatal(err)
	}
	for _, cell := range []string{",'-queue,", ",'=Type,", ",'+key,", ",'@cause,", ",'''", ",''quoted,"} {
		if !strings.Contains(file.String(), cell) {
			t.Errorf("no %s in %s", cell, file.String())
		}
	}
}

func TestArchive_tells_what_is_wrong_with_each_line(t *testing.T) {
	good := `{"id":"a","message":{"type":"T","payload":{}}}`
	for _, c := range []struct {
		name   string
		format archive.Format
		file   string
		want   string // line:path of each problem
	}{
		{"JSON", archive.JSONL, good + "\n\n" + `{"message":}` + "\n" + good, "3:message"},
		{"unknown field", archive.JSONL, `{"message":{"type":"T","payload":{}},"color":1}`, "1:color"},
		{"twice", archive.JSONL, `{"id":"a","id":"b","message":{"type":"T","payload":{}}}`, "1:id"},
		{"wrong kinds", archive.JSONL, `{"priority":"high"}` + "\n" + `{"createdAt":"now"}` + "\n" + `{"message":[]}` + "\n" + `7`, "1:priority 2:createdAt 3:message 4:"},
		{"two values", archive.JSONL, good + good + "\r\n" + good, "1:"},
		{"not UTF-8", archive.JSONL, "{\"id\":\"\xff\"}", "1:id"},
		{"too long", archive.JSONL, `{"id":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + good + "\n{", "1: 3:"},
		{"byte order mark", archive.JSONL, "\ufeff" + good, ""},
		{"cells", archive.CSV, "type,payload,priority\nT,{},x\nT,{\nT,{},5,6\n\"a\nb\",\"{\"\"n\"\":1}\",1\nT,{},1\"\nT,nope,\n", "2:priority 3: 4: 7: 8:payload"},
		{"a quote that is not closed", archive.CSV, "type,payload\nT,{}\nT,\"{}\nT,{}\n", "3:"},
		{"byte order mark in CSV", archive.CSV, "\ufefftype,payload\nT,{}\n", ""},
	} {
		var got []string
		for _, e := range read(t, c.file, c.format) {
			for _, p := range e.Problems {
				got = append(got, fmt.Sprintf("%d:%s", e.Line, p.Path))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, strings.Join(got, " "), c.want)
		}
	}
}

func TestArchive_refuses_files_that_it_cannot_read(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		line int64
		path string
	}{
		"unknown columns":      {"type,payload,colour\n", 1, "colour"},
		"the same twice":       {"type,payload,type\n", 1, "type"},
		"no payload":           {"type,id\n", 1, "payload"},
		"a row without an end": {"type,payload\nT,{}\nT,\"" + strings.Repeat("x\n", maxLine), 3, ""},
	} {
		r := archive.NewReader(strings.NewReader(c.file), archive.CSV, maxLine)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		var file *archive.FileError
		if !errors.As(err, &file) || file.Line != c.line || file.Problems[0].Path != c.path {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fuzzed reads a file, and what can be read it writes and reads again.
func fuzzed(t *testing.T, file []byte, format archive.Format) {
	r := archive.NewReader(bytes.NewReader(file), format, 1<<16)
	for range 1000 {
		e, err := r.Next()
		if err != nil {
			return
		}
		if e.Problems != nil || e.Message.Message.Payload == nil || e.Message.CreatedAt == nil {
			continue
		}
		m := e.Message
		again := wire.StoredMessage{ID: m.ID, Status: m.Status, Transport: m.Transport, Queue: m.Queue, Message: m.Message, Headers: m.Headers, Priority: m.Priority,
			IdempotencyKey: m.IdempotencyKey, CreatedAt: *m.CreatedAt, Attempt: m.Attempt, Error: m.Error, ErrorClass: m.ErrorClass, Output: m.Output, OutputError: m.OutputError}
		again.CorrelationID, again.GroupKey, again.Ordered = m.CorrelationID, m.GroupKey, m.Ordered
		for _, format := range []archive.Format{archive.JSONL, archive.CSV} {
			var out bytes.Buffer
			w := archive.NewWriter(&out, format, false)
			if err := errors.Join(w.Begin(), w.Stored(&again)); err != nil {
				continue // a time before the year 0, text that is not UTF-8
			}
			got, err := archive.NewReader(bytes.NewReader(out.Bytes()), format, 1<<20).Next()
			if err != nil || got.Problems != nil {
				t.Fatalf("%s: %v %v of\n%s", format, err, got.Problems, out.String())
			}
			want := m.Message.Payload.Clone()
			if err := want.Compact(); err != nil {
				t.Fatal(err)
			}
			lines := strings.NewReplacer("\r\n", "\n") // in CSV they are one
			if string(got.Message.Message.Payload) != string(want) || got.Message.ID != lines.Replace(m.ID) && format == archive.CSV || got.Message.ID != m.ID && format == archive.JSONL {
				t.Fatalf("%s: %q became %q", format, m.Message.Payload, got.Message.Message.Payload)
			}
		}
	}
}

func FuzzReadJSONL(f *testing.F) {
	for i, payload := range nasty {
		m := stored(i, payload)
		var out bytes.Buffer
		if err := archive.NewWriter(&out, archive.JSONL, false).Stored(&m); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Add([]byte("\n{}\n{\"message\":{}}\n[1]\n\xff"))
	f.Fuzz(func(t *testing.T, file []byte) { fuzzed(t, file, archive.JSONL) })
}

func FuzzReadCSV(f *testing.F) {
	var out bytes.Buffer
	w := archive.NewWriter(&out, archive.CSV, false)
	if err := w.Begin(); err != nil {
		f.Fatal(err)
	}
	for i, payload := range nasty {
		m := stored(i, payload)
		if err := w.Stored(&m); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(out.Bytes())
	f.Add([]byte("type,payload,headers,ordered\nT,{},{},\n'=T,\"{\"\"a\"\":1}\",,true\nT,\"{\n"))
	f.Fuzz(func(t *testing.T, file []byte) { fuzzed(t, file, archive.CSV) })
}
