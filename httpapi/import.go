package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	stdjson "encoding/json"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/archive"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// An import dispatches the messages of a file as new ones, some at a time while it is read, so that a file may be as
// long as it likes. Each message has an idempotency key: its own, or importKey and the id that it was exported with. So
// a file may be imported again, whole or in part, within the window for which keys are known: after an import that
// broke off, what is there already counts as duplicate.
const (
	importKey      = "import:"
	importMessages = 200
	importBytes    = 4 << 20
	// maxProblems bounds the problems that an import tells; the others are counted.
	maxProblems = 1000
)

// importStatuses are imported unless told otherwise: what was completed, or cancelled, is not to be done by mistake.
var importStatuses = []string{string(symphony.Pending), string(symphony.Processing), string(symphony.Failed)}

// importing is one import on its way.
type importing struct {
	*call
	statuses  []string
	transport string // "" for that of each message
	dry       bool
	answer    wire.ImportResponse
	batches   map[string]*importBatch // by transport
	line      int64
}

// importBatch are messages that are dispatched together.
type importBatch struct {
	messages []symphony.Outgoing
	lines    []int64
	size     int
}

func messagesImport(c *call) error {
	var list []symphony.Problem
	im := &importing{call: c, statuses: importStatuses, transport: c.query["transport"], batches: make(map[string]*importBatch)}
	if given, ok := c.query["status"]; ok {
		im.statuses = strings.Split(given, ",")
		known := []string{"all", string(symphony.Pending), string(symphony.Processing), string(symphony.Completed),
			string(symphony.Failed), string(symphony.Cancelled)}
		const must = "must be all, or some of pending, processing, completed, failed and cancelled, with commas between"
		if slices.ContainsFunc(im.statuses, func(s string) bool { return !slices.Contains(known, s) }) {
			list = append(list, symphony.Problem{Path: "status", Message: must})
		}
	}
	im.dry = c.queryBool("dryRun", &list)
	if im.transport != "" {
		if _, err := c.api.o.Bus.Transport(im.transport); err != nil {
			list = append(list, symphony.Problem{Path: "transport", Message: err.Error()})
		}
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	format, err := importFormat(c.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	in, done, err := decoded(c.Request, &patient{call: c})
	if err != nil {
		return err
	}
	defer done()
	if err := c.api.flight.take(importBytes); err != nil {
		return err
	}
	defer c.api.flight.give(importBytes)
	c.deadline(time.Time{})
	im.answer = wire.ImportResponse{Success: true, DryRun: im.dry, Problems: []wire.ImportProblem{}}
	// JSON in JSON, and in CSV, may double each quote.
	reader := archive.NewReader(in, format, 2*int(c.api.o.MaxBodyBytes)+1<<20)
	if err := im.run(c.Context(), reader); err != nil {
		return &importError{err, im.line, im.answer}
	}
	return c.answer(http.StatusOK, im.answer)
}

// importFormat is that of a body.
func importFormat(contentType string) (archive.Format, error) {
	media, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	if err == nil && (!given || strings.EqualFold(charset, "utf-8")) {
		switch media {
		case "application/x-ndjson", "application/jsonl", "application/x-jsonlines":
			return archive.JSONL, nil
		case "text/csv":
			return archive.CSV, nil
		}
	}
	return "", say(errMediaType, "the body must be sent as Content-Type: application/x-ndjson (JSON lines) or text/csv, in UTF-8")
}

func (im *importing) run(ctx context.Context, reader archive.Reader) error {
	for {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return im.dispatchAll(ctx)
		}
		var file *archive.FileError
		if err != nil && !errors.As(err, &file) {
			// What was read before is good; and of what follows nothing is known.
			return errors.Join(unreadableBody(err), im.dispatchAll(ctx))
		}
		if file != nil {
			if im.answer.Imported+im.answer.Duplicates+im.answer.Skipped == 0 && len(im.batches) == 0 && file.Line == 1 {
				return fileProblems(file)
			}
			im.refuse(file.Line, file.Problems)
			return im.dispatchAll(ctx)
		}
		im.line = e.Line
		if err := im.take(ctx, &e); err != nil {
			return err
		}
	}
}

// fileProblems are those of a file that cannot be read at all.
func fileProblems(file *archive.FileError) error {
	list := make([]symphony.Problem, len(file.Problems))
	for i, p := range file.Problems {
		list[i] = symphony.Problem{Path: p.Path, Message: p.Message}
	}
	return invalid(list...)
}

// importError says how far an import came that cannot be completed. It may be repeated.
type importError struct {
	error
	line   int64
	answer wire.ImportResponse
}

func (e *importError) Unwrap() error { return e.error }

func (e *importError) tell(f *failure) {
	if f.status == http.StatusBadRequest && f.details != nil {
		return // nothing was stored
	}
	f.message += fmt.Sprintf(" %d messages were imported. The import can be repeated: they would count as duplicates.", e.answer.Imported)
	f.details = map[string]int64{
		"line": e.line, "imported": e.answer.Imported, "duplicates": e.answer.Duplicates, "skipped": e.answer.Skipped, "invalid": e.answer.Invalid,
	}
}

// refuse notes the problems of a line.
func (im *importing) refuse(line int64, problems []archive.Problem) {
	im.answer.Invalid++
	for _, p := range problems {
		if len(im.answer.Problems) == maxProblems {
			im.answer.ProblemsOmitted++
			continue
		}
		im.answer.Problems = append(im.answer.Problems, wire.ImportProblem{Line: line, Path: p.Path, Message: p.Message})
	}
}

// take checks a message and dispatches it, later and with others.
func (im *importing) take(ctx context.Context, e *archive.Entry) error {
	if len(e.Problems) > 0 {
		im.refuse(e.Line, e.Problems)
		return nil
	}
	m := &e.Message
	status := m.Status
	if status == "" && m.MessageID != "" {
		status = string(symphony.Failed) // as an export of failed messages has them
	}
	if status != "" && !slices.Contains(im.statuses, status) && !slices.Contains(im.statuses, "all") {
		im.answer.Skipped++
		return nil
	}
	if m.Unreadable {
		im.refuse(e.Line, []archive.Problem{{Path: "unreadable", Message: "is true: the export could not show all of the message"}})
		return nil
	}
	if m.Masked {
		im.refuse(e.Line, []archive.Problem{{Path: "masked",
			Message: "is true: the export left out what is hidden from its caller; export with unmask=true"}})
		return nil
	}
	out, problems := imported(m, im.transport)
	out.Options.DispatchedBy = cmp.Or(out.Options.DispatchedBy, im.dispatcher())
	for _, p := range im.api.o.Bus.Check(out, "") {
		problems = append(problems, archive.Problem{Path: strings.TrimPrefix(p.Path, "options."), Message: p.Message})
	}
	if len(problems) > 0 {
		im.refuse(e.Line, problems)
		return nil
	}
	if im.dry {
		im.answer.Imported++
		return nil
	}
	b := im.batches[out.Options.Transport]
	if b == nil {
		b = &importBatch{}
		im.batches[out.Options.Transport] = b
	}
	b.messages, b.lines, b.size = append(b.messages, out), append(b.lines, e.Line), b.size+e.Size
	if len(b.messages) >= importMessages || b.size >= importBytes {
		return im.dispatch(ctx, b)
	}
	return nil
}

// imported is the message as it is dispatched.
func imported(m *archive.Message, transport string) (symphony.Outgoing, []archive.Problem) {
	var list []symphony.Problem
	out := symphony.Outgoing{
		Message: symphony.Message{Type: m.Message.Type, Payload: stdjson.RawMessage(m.Message.Payload), Metadata: object(m.Message.Metadata, "message.metadata", &list)},
	}
	importedOptions.ask(m, &out.Options, "", &list)
	if m.MessageID != "" {
		out.Options.MaxRetries = nil // a failed message tells what was allowed, and not whether it had asked for that
	}
	if transport != "" {
		out.Options.Transport = transport
	}
	if origin := m.Origin(); out.Options.IdempotencyKey == "" && origin != "" {
		out.Options.IdempotencyKey = importKey + origin
	}
	problems := make([]archive.Problem, 0, len(list))
	for _, p := range list {
		problems = append(problems, archive.Problem{Path: p.Path, Message: p.Message})
	}
	return out, problems
}

// dispatchAll dispatches what is left.
func (im *importing) dispatchAll(ctx context.Context) error {
	for _, b := range im.batches {
		if err := im.dispatch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// dispatch dispatches a batch. Where one of its messages is refused because of its key, each is dispatched by itself.
func (im *importing) dispatch(ctx context.Context, b *importBatch) error {
	if len(b.messages) == 0 {
		return nil
	}
	receipts, err := im.api.o.Bus.DispatchBatch(ctx, b.messages)
	var conflict *symphony.IdempotencyConflictError
	if errors.As(err, &conflict) {
		receipts, err = nil, nil
		for i, m := range b.messages {
			r, err := im.api.o.Bus.DispatchMessage(ctx, m.Message, m.Options)
			if errors.As(err, &conflict) {
				im.refuse(b.lines[i], []archive.Problem{{Path: "idempotencyKey", Message: fmt.Sprintf("%q was used within its window by message %s, of another type or payload", conflict.Key, conflict.MessageID)}})
				continue
			}
			if err != nil {
				return err
			}
			receipts = append(receipts, r)
		}
	}
	if err != nil {
		return err
	}
	for i := range receipts {
		if receipts[i].Duplicate {
			im.answer.Duplicates++
		} else {
			im.answer.Imported++
		}
	}
	b.messages, b.lines, b.size = b.messages[:0], b.lines[:0], 0
	return nil
}
