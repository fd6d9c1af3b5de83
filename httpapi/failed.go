package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	stdjson "encoding/json"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

// failedFilter reads what selects failed messages.
func (c *call) failedFilter(list *[]symphony.Problem) symphony.FailedFilter {
	return symphony.FailedFilter{
		Queue: c.query["queue"], Type: c.query["type"], ErrorClass: c.query["errorClass"], Text: c.query["q"],
		Since: c.queryTime("since", list), Until: c.queryTime("until", list),
	}
}

func failedList(c *call) error {
	var list []symphony.Problem
	q := symphony.FailedQuery{
		FailedFilter: c.failedFilter(&list),
		Limit:        c.queryInt("limit", symphony.DefaultFailedPage, &list), Offset: c.queryInt("offset", 0, &list), After: c.query["cursor"],
	}
	counted := int64(-1)
	if id, total, ok := strings.Cut(q.After, "."); ok && q.Text != "" {
		n, err := strconv.ParseInt(total, 10, 64)
		if err != nil || n < 0 {
			list = append(list, symphony.Problem{Path: "cursor", Message: "must be one that this route has made"})
		}
		// What was counted for the first page is not counted again, which would mean to look at every message.
		q.After, q.NoTotal, q.Scan, counted = id, true, symphony.MaxMessageScan, n
	}
	if q.Limit == 0 {
		q.Limit = -1 // to the domain 0 means the default; here it was asked for, and is out of range
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	dead, err := c.deadLetters(c.transport())
	if err != nil {
		return err
	}
	page, err := dead.List(c.Context(), q)
	if err != nil {
		return err
	}
	if counted >= 0 {
		page.Total = counted
	}
	out := FailedPage(page, q)
	if q.Text != "" && page.HasMore {
		out.Pagination.NextCursor += "." + strconv.FormatInt(page.Total, 10)
	}
	return c.answer(http.StatusOK, out)
}

// FailedPage is a page of failed messages as the API tells it.
func FailedPage(page symphony.FailedPage, q symphony.FailedQuery) wire.FailedListResponse {
	out := wire.FailedListResponse{Success: true, Messages: make([]wire.FailedMessage, len(page.Messages)),
		Pagination: wire.Pagination{Total: page.Total, Limit: q.Limit, Offset: q.Offset, HasMore: page.HasMore}}
	for i := range page.Messages {
		out.Messages[i] = Failed(&page.Messages[i])
	}
	if page.HasMore {
		out.Pagination.NextCursor = page.Next
	}
	return out
}

// Failed is a failed message as the API tells it.
func Failed(f *symphony.FailedMessage) wire.FailedMessage {
	out := wire.FailedMessage{
		ID: f.ID, MessageID: f.Envelope.ID, Transport: f.Transport, Queue: f.Queue,
		Message: wire.Message{Type: f.Type, Payload: payload(f.Payload), Metadata: metadata(f.Metadata)}, Headers: headers(f.Headers),
		Priority: f.Priority, IdempotencyKey: f.IdempotencyKey, Error: f.Error, ErrorClass: f.ErrorClass, RetryCount: f.RetryCount,
		MaxRetries: f.MaxRetries, FailedAt: f.FailedAt.UTC(), CreatedAt: f.CreatedAt.UTC(), ScheduledAt: optional(f.ScheduledAt),
		Attempts: wireAttempts(f.Attempts), Flow: flowOf(&f.Envelope), Unreadable: f.DecodeErr != nil,
	}
	if f.Omitted != nil {
		out.Message.Payload, out.Omitted = jsontext.Value("{}"), omitted(f.Omitted)
	}
	return out
}

// omitted is what a page has left out of a row.
func omitted(o *symphony.Omitted) *wire.Omitted {
	out := wire.Omitted(*o)
	return &out
}

// flow is what few messages have, and what relates them.
func flowOf(e *symphony.Envelope) wire.Flow {
	out := wire.Flow{CorrelationID: e.Correlation(), CausationID: e.CausationID, DispatchedBy: e.DispatchedBy}
	if f := e.Flow; f != nil {
		out.ExpiresAt, out.ConcurrencyKey, out.GroupKey, out.Ordered = optional(f.ExpiresAt), f.ConcurrencyKey, f.GroupKey, f.Ordered
	}
	return out
}

func failedShow(c *call) error {
	dead, err := c.deadLetters(c.transport())
	if err != nil {
		return err
	}
	f, err := dead.Get(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.FailedResponse{Success: true, FailedMessage: Failed(&f)})
}

func failedRetry(c *call) error {
	var req wire.RetryRequest
	if err := c.accept(&req, nil); err != nil {
		return err
	}
	dead, err := c.deadLetters(c.transport())
	if err != nil {
		return err
	}
	id := c.PathValue("id") // or the message's; the answer has the failed message's own
	switch f, err := dead.Get(c.Context(), id); {
	case err == nil:
		id = f.ID
	case !errors.Is(err, symphony.ErrNotFound): // that comes after what is wrong with the payload
		return err
	}
	newID, err := dead.Retry(c.Context(), id, stdjson.RawMessage(req.Payload))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.RetryResponse{Success: true, Message: "The message was dispatched again.", NewMessageID: newID, OriginalFailedMessageID: id})
}

func failedDelete(c *call) error {
	dead, err := c.deadLetters(c.transport())
	if err != nil {
		return err
	}
	if err := dead.Delete(c.Context(), c.PathValue("id")); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The failed message was deleted."})
}

func failedRetryBulk(c *call) error {
	return c.bulk(operation.FailedRetry, func(dead *symphony.DeadLetters, s symphony.FailedSelection) (int, error) {
		return dead.RetryAll(c.Context(), s, nil)
	})
}

func failedDeleteBulk(c *call) error {
	return c.bulk(operation.FailedDelete, func(dead *symphony.DeadLetters, s symphony.FailedSelection) (int, error) {
		return dead.DeleteAll(c.Context(), s, nil)
	})
}

// bulkProblems are those of what a request selects.
func bulkProblems(req *wire.BulkRequest) (list []symphony.Problem) {
	switch {
	case req.IDs != nil && req.Filter != nil:
		list = append(list, symphony.Problem{Path: "filter", Message: "must not be given with ids"})
	case req.IDs == nil && req.Filter == nil:
		list = append(list, symphony.Problem{Path: "ids", Message: "ids or filter is required; an empty filter selects everything"})
	case req.Filter == nil && (len(req.IDs) == 0 || len(req.IDs) > operation.MaxIDs):
		list = append(list, symphony.Problem{Path: "ids", Message: fmt.Sprintf("must have 1 to %d entries", operation.MaxIDs)})
	}
	if value(req.All) && (req.Filter == nil || *req.Filter != (wire.FailedFilter{})) {
		list = append(list, symphony.Problem{Path: "all", Message: "is for an empty filter, which selects everything"})
	}
	if req.Rate != nil && !value(req.Background) {
		list = append(list, symphony.Problem{Path: "rate", Message: "is for work in the background; add background"})
	}
	return list
}

// bulk moves failed messages: in this request, or in the background.
func (c *call) bulk(kind operation.Kind, do func(*symphony.DeadLetters, symphony.FailedSelection) (int, error)) error {
	var req wire.BulkRequest
	var since, until time.Time
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		if f := req.Filter; f != nil {
			since, until = instant(f.Since, "filter.since", &list), instant(f.Until, "filter.until", &list)
		}
		return append(bulkProblems(&req), list...)
	})
	if err != nil {
		return err
	}
	name := c.transportOr(value(req.Transport))
	if value(req.Background) {
		r := operation.Request{Kind: kind, Transport: name, IDs: distinct(req.IDs), All: value(req.All), Rate: rate(req.Rate)}
		if f := req.Filter; f != nil {
			r.Filter = &operation.Filter{Queue: f.Queue, Type: f.Type, ErrorClass: f.ErrorClass, Since: since, Until: until, Text: f.Q}
		}
		return c.startOperation(r)
	}
	dead, err := c.deadLetters(name)
	if err != nil {
		return err
	}
	s := symphony.FailedSelection{All: value(req.All)}
	if f := req.Filter; f != nil {
		s.Filter = symphony.FailedFilter{Queue: f.Queue, Type: f.Type, ErrorClass: f.ErrorClass, Since: since, Until: until, Text: f.Q}
	} else {
		s.IDs = distinct(req.IDs)
	}
	// However many there are: the server's deadline is for answers that are made at once, and a caller that is gone
	// ends the work by its context.
	c.deadline(time.Time{})
	n, err := do(dead, s)
	if err != nil && n > 0 {
		return partly(err)
	}
	if err != nil {
		return err
	}
	t, err := c.api.o.Bus.Transport(name)
	if err != nil {
		return err
	}
	stats, err := t.Stats(c.Context())
	if err != nil {
		return partly(err)
	}
	out := wire.BulkResponse{Success: true, Count: n, Failed: stats.Failed}
	if s.IDs != nil {
		out.NotFound = len(s.IDs) - n
	}
	return c.answer(http.StatusOK, out)
}
