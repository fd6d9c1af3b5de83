package httpapi

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	stdjson "encoding/json"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// messageQuery reads what selects and orders messages. oldest is the order that is not asked for.
func (c *call) messageQuery(oldest bool, list *[]symphony.Problem) symphony.MessageQuery {
	q := symphony.MessageQuery{MessageFilter: c.queryFilter(list),
		Limit: c.number("limit", 1, symphony.MaxMessagePage, list), After: c.query["cursor"], Oldest: oldest}
	switch sort := c.query["sort"]; sort {
	case "":
	case "createdAt", "-createdAt":
		q.Oldest = sort == "createdAt"
	default:
		*list = append(*list, symphony.Problem{Path: "sort", Message: "must be createdAt or -createdAt"})
	}
	return q.WithDefaults()
}

func messagesList(c *call) error {
	var list []symphony.Problem
	q := c.messageQuery(false, &list)
	if len(list) > 0 {
		return invalid(list...)
	}
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	page, err := messages.List(c.Context(), q)
	if err != nil {
		return err
	}
	answer := wire.MessagesResponse{Success: true, Messages: make([]wire.StoredMessage, len(page.Messages)),
		Pagination: wire.MessagePages{Limit: q.Limit, HasMore: page.Next != "", NextCursor: page.Next}}
	if at, ok := symphony.IDTime(page.Next); ok {
		answer.Pagination.Through = optional(at)
	}
	for i := range page.Messages {
		answer.Messages[i] = storedMessage(&page.Messages[i])
	}
	return c.answer(http.StatusOK, answer)
}

// findMessage finds a message in whatever transport it is.
func findMessage(c *call) error {
	id := c.query["id"]
	if id == "" {
		return invalid(symphony.Problem{Path: "id", Message: "is required"})
	}
	messages, err := c.messages("")
	if err != nil {
		return err
	}
	m, err := messages.Get(c.Context(), id)
	if errors.Is(err, symphony.ErrNotFound) {
		var dead *symphony.DeadLetters
		if dead, err = c.deadLetters(""); err == nil {
			m, err = dead.Get(c.Context(), id)
		}
	}
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.SearchResponse{Success: true, MessageID: m.ID, Transport: m.Transport, Queue: m.Queue,
		Type: m.Type, Status: string(m.Status), FailedID: m.FailedID})
}

func messagesCounts(c *call) error {
	var list []symphony.Problem
	f, exact := c.queryFilter(&list), c.queryBool("exact", &list)
	if len(list) > 0 {
		return invalid(list...)
	}
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	page, err := messages.Counts(c.Context(), f, exact)
	if err != nil {
		return err
	}
	n := page.Counts
	return c.answer(http.StatusOK, wire.CountsResponse{Success: true, Total: page.Total, AtLeast: page.Next != "",
		Counts: wire.MessageCounts{Pending: n[symphony.Pending], Processing: n[symphony.Processing],
			Completed: n[symphony.Completed], Failed: n[symphony.Failed], Cancelled: n[symphony.Cancelled]}})
}

// storedMessage is a message as the API tells it.
func storedMessage(m *symphony.MessageInfo) wire.StoredMessage {
	out := wire.StoredMessage{
		ID: m.ID, Status: string(m.Status), Transport: m.Transport, Queue: m.Queue,
		Message: body(m), Headers: headers(m.Headers),
		Priority: m.Priority, IdempotencyKey: m.IdempotencyKey, CreatedAt: m.CreatedAt.UTC(),
		ScheduledAt: optional(m.ScheduledAt),
		AvailableAt: optional(m.AvailableAt), StartedAt: optional(m.StartedAt), LeasedUntil: optional(m.LeasedUntil), FinishedAt: optional(m.FinishedAt),
		Worker: m.Worker, Attempt: m.Deliveries, FailedID: m.FailedID, Error: m.Error, ErrorClass: m.ErrorClass,
		Output: jsontext.Value(m.Output), OutputError: m.OutputError,
		Flow: flowOf(&m.Envelope), Unreadable: m.DecodeErr != nil,
		Omitted: omitted(m.Omitted), Cancel: cancelOf(m.Cancel),
	}
	return out
}

// progress is how far a message has come, nil where nothing is known.
func progress(p *symphony.ProgressState) *wire.Progress {
	if p == nil {
		return nil
	}
	out := wire.Progress{Done: p.Done, Text: p.Text, At: optional(p.At)}
	if p.Total > 0 {
		out.Total = &p.Total
	}
	return &out
}

// body is what a message carries, without its payload where a page has left it out.
func body(m *symphony.MessageInfo) wire.Message {
	if m.Omitted != nil {
		return wire.Message{Type: m.Type, Payload: jsontext.Value("{}"), Metadata: metadata(m.Metadata)}
	}
	return wire.Message{Type: m.Type, Payload: payload(m.Payload), Metadata: metadata(m.Metadata)}
}

// wireAttempts are attempts as the API tells them.
func wireAttempts(list []symphony.Attempt) []wire.Attempt {
	out := make([]wire.Attempt, len(list))
	for i, a := range list {
		out[i] = wire.Attempt{Attempt: a.Number, StartedAt: a.StartedAt.UTC(), FinishedAt: a.FinishedAt.UTC(),
			Worker: a.Worker,
			Error:  a.Error, ErrorClass: a.ErrorClass, RetryAt: optional(a.RetryAt), Log: a.Log}
	}
	return out
}

func messagesShow(c *call) error {
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	m, err := c.look(messages, c.PathValue("id"))
	if err != nil {
		return err
	}
	whole := wholeMessage(&m)
	if whole.Waiting, err = c.waiting(&m); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.MessageResponse{Success: true, Message: whole})
}

// wholeMessage is a message with its story.
func wholeMessage(m *symphony.MessageInfo) wire.WholeMessage {
	timeline := m.Timeline()
	out := wire.WholeMessage{StoredMessage: storedMessage(m), Progress: progress(m.Progress), Log: m.Log,
		Attempts: wireAttempts(m.Attempts), Timeline: make([]wire.TimelineEntry, len(timeline))}
	for i, e := range timeline {
		out.Timeline[i] = wire.TimelineEntry{At: e.At.UTC(), Kind: string(e.Kind), Attempt: e.Attempt, Worker: e.Worker, Error: e.Error, ErrorClass: e.ErrorClass}
	}
	return out
}

func messagesDelete(c *call) error {
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	if err := messages.Delete(c.Context(), c.PathValue("id")); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The message was deleted."})
}

func messagesRunNow(c *call) error {
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	if err := messages.RunNow(c.Context(), c.PathValue("id")); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The message is ready now."})
}

func messagesReplay(c *call) error {
	var req wire.ReplayRequest
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		if req.IdempotencyKey != nil && *req.IdempotencyKey == "" {
			list = append(list, symphony.Problem{Path: "idempotencyKey", Message: "must not be empty"})
		}
		return list
	})
	if err != nil {
		return err
	}
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	id := c.PathValue("id")
	receipt, err := messages.Replay(c.Context(), id, symphony.ReplayOptions{Payload: stdjson.RawMessage(req.Payload), IdempotencyKey: value(req.IdempotencyKey)})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ReplayResponse{Success: true, Message: "The message was dispatched again.", NewMessageID: receipt.ID,
		OriginalMessageID: id, Duplicate: receipt.Duplicate})
}
