package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	stdjson "encoding/json"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/operation"
)

// failedQuery reads what selects failed messages.
func (c *call) failedQuery(list *[]symphony.Problem) symphony.MessageQuery {
	return symphony.MessageQuery{ByFailure: true, MessageFilter: c.queryFilter(list)}
}

func failedList(c *call) error {
	var list []symphony.Problem
	q := c.failedQuery(&list)
	q.Limit, q.Offset = c.queryInt("limit", symphony.DefaultMessagePage, &list), c.queryInt("offset", 0, &list)
	q.After, q.Total = c.query["cursor"], true
	counted := int64(-1)
	if id, total, ok := strings.Cut(q.After, "."); ok && c.walks(&q) {
		n, err := strconv.ParseInt(total, 10, 64)
		if err != nil || n < 0 {
			list = append(list, symphony.Problem{Path: "cursor", Message: "must be one that this route has made"})
		}
		// What was counted for the first page is not counted again, which would mean to look at every message.
		q.After, q.Total, counted = id, false, n
	}
	if q.Limit == 0 {
		q.Limit = -1 // to the domain 0 means the default; here it was asked for, and is out of range
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	dead, err := c.deadLetters(c.query["transport"])
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
	out := failedPage(&page, &q)
	if c.walks(&q) && page.Next != "" {
		out.Pagination.NextCursor += "." + strconv.FormatInt(page.Total, 10)
	}
	return c.answer(http.StatusOK, out)
}

// walks reports whether a list of failed messages looks at one after the other, so that a total is not counted again
// for each page.
func (c *call) walks(q *symphony.MessageQuery) bool { return q.Text != "" || q.Rare() }

// failedPage is a page of failed messages as the API tells it.
func failedPage(page *symphony.MessagePage, q *symphony.MessageQuery) wire.FailedListResponse {
	out := wire.FailedListResponse{Success: true, Messages: make([]wire.FailedMessage, len(page.Messages)),
		Pagination: wire.Pagination{Total: page.Total, Limit: q.Limit, Offset: q.Offset,
			HasMore: page.Next != "", NextCursor: page.Next}}
	for i := range page.Messages {
		out.Messages[i] = failedMessage(&page.Messages[i])
	}
	return out
}

// failedMessage is a failed message as the API tells it.
func failedMessage(f *symphony.MessageInfo) wire.FailedMessage {
	out := wire.FailedMessage{
		ID: f.FailedID, MessageID: f.ID, Transport: f.Transport, Queue: f.Queue,
		Message: body(f), Headers: headers(f.Headers),
		Priority: f.Priority, IdempotencyKey: f.IdempotencyKey, Error: f.Error,
		ErrorClass: f.ErrorClass, FailureGroup: f.FailureGroup,
		RetryCount: f.Retries(),
		MaxRetries: f.MaxRetries, FailedAt: f.FinishedAt.UTC(), CreatedAt: f.CreatedAt.UTC(), ScheduledAt: optional(f.ScheduledAt),
		Attempts: wireAttempts(f.Attempts), Flow: flowOf(&f.Envelope), Unreadable: f.DecodeErr != nil, Omitted: omitted(f.Omitted),
	}
	return out
}

// omitted is what a page has left out of a row, nil for nothing.
func omitted(o *symphony.Omitted) *wire.Omitted {
	if o == nil {
		return nil
	}
	out := wire.Omitted(*o)
	return &out
}

// flow is what few messages have, and what relates them.
func flowOf(e *symphony.Envelope) wire.Flow {
	out := wire.Flow{CorrelationID: e.Correlation(), CausationID: e.CausationID, DispatchedBy: e.DispatchedBy}
	if e.Flow != nil {
		toldFlow.tell(e.Flow, &out)
	}
	if e.Terms != nil {
		toldTerms.tell(e.Terms, &out.Terms)
	}
	return out
}

func failedShow(c *call) error {
	dead, err := c.deadLetters(c.query["transport"])
	if err != nil {
		return err
	}
	f, err := dead.Get(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.FailedResponse{Success: true, FailedMessage: failedMessage(&f)})
}

func failedRetry(c *call) error {
	var req wire.RetryRequest
	if err := c.accept(&req, nil); err != nil {
		return err
	}
	dead, err := c.deadLetters(c.query["transport"])
	if err != nil {
		return err
	}
	id := c.PathValue("id") // or the message's; the answer has the failed message's own
	if c.principal.Binding != nil {
		if id, err = c.boundFailed(dead, id); err != nil {
			return err
		}
	}
	switch f, err := dead.Get(c.Context(), id); {
	case err == nil:
		id = f.FailedID
	case !errors.Is(err, symphony.ErrNotFound): // that comes after what is wrong with the payload
		return err
	}
	newID, err := dead.Retry(c.Context(), id, stdjson.RawMessage(req.Payload))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.RetryResponse{Success: true, Message: "The message was dispatched again.",
		NewMessageID: newID, OriginalFailedMessageID: id})
}

func failedDelete(c *call) error {
	dead, err := c.deadLetters(c.query["transport"])
	if err != nil {
		return err
	}
	id := c.PathValue("id")
	if c.principal.Binding != nil {
		if id, err = c.boundFailed(dead, id); err != nil {
			return err
		}
	}
	if err := dead.Delete(c.Context(), id); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The failed message was deleted."})
}

func failedRetryBulk(c *call) error { return c.bulk(operation.FailedRetry) }

func failedDeleteBulk(c *call) error { return c.bulk(operation.FailedDelete) }

// bulkRequest is what a bulk call asks for, and what is wrong with it. wrong says that something is already.
func (c *call) bulkRequest(
	kind operation.Kind, req *wire.BulkRequest, wrong bool,
) (r operation.Request, list []symphony.Problem) {
	list = allProblems(req.All, req.Filter)
	if req.Rate != nil && req.Background != nil && !*req.Background {
		list = append(list, symphony.Problem{Path: "rate", Message: "is for work in the background"})
	}
	r = operation.Request{Kind: kind, All: value(req.All), Patch: stdjson.RawMessage(req.Patch)}
	list = append(list, c.selected(&r, req.Transport, req.IDs, req.Filter, req.Rate)...)
	return r, checked(&r, list, wrong)
}

// bulkPreview counts the failed messages that a request selects, and shows what its patch makes of some.
func (c *call) bulkPreview(dead *symphony.DeadLetters, r operation.Request) error {
	if list := r.Problems(); len(list) > 0 {
		return invalid(list...)
	}
	n, err := operation.Count(c.Context(), dead, r)
	if err != nil {
		return err
	}
	t, err := c.api.o.Bus.Transport(r.Transport)
	if err != nil {
		return err
	}
	stats, err := t.Stats(c.Context())
	if err != nil {
		return err
	}
	out := wire.BulkResponse{Success: true, DryRun: true, Count: int(n), Failed: stats.Failed}
	if r.IDs != nil {
		out.NotFound = len(r.IDs) - out.Count
	}
	if r.Patch != nil {
		if out.Examples, err = c.examples(dead, r); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, out)
}

// atOnce reports whether failed messages are moved within the request, as up to wire.MaxAtOnce are unless it says
// otherwise.
func (c *call) atOnce(dead *symphony.DeadLetters, req *wire.BulkRequest, r operation.Request) (bool, error) {
	switch {
	case value(req.Background) || req.Rate != nil:
		return false, nil
	case r.IDs != nil || c.api.o.Operations == nil || req.Background != nil:
		return true, nil
	}
	if list := r.Problems(); len(list) > 0 {
		return false, invalid(list...)
	}
	n, err := operation.Count(c.Context(), dead, r)
	return n <= wire.MaxAtOnce, err
}

// bulk moves failed messages: in this request, or in the background.
func (c *call) bulk(kind operation.Kind) error {
	var (
		req wire.BulkRequest
		r   operation.Request
	)
	err := c.accept(&req, func(wrong bool) (list []symphony.Problem) {
		r, list = c.bulkRequest(kind, &req, wrong)
		return list
	})
	if err != nil {
		return err
	}
	dead, err := c.deadLetters(r.Transport)
	if err != nil {
		return err
	}
	if value(req.DryRun) {
		return c.bulkPreview(dead, r)
	}
	switch at, err := c.atOnce(dead, &req, r); {
	case err != nil:
		return err
	case !at:
		return c.startOperation(r)
	}
	// However many there are: the server's deadline is for answers that are made at once, and a caller that is gone
	// ends the work by its context.
	c.deadline(time.Time{})
	var known int64
	if r.IDs != nil && r.Patch != nil { // those that the patch would spoil stay where they are, and so are found
		if known, err = operation.Count(c.Context(), dead, r); err != nil {
			return err
		}
	}
	n, err := operation.Do(c.Context(), dead, r, nil)
	if err != nil && n > 0 {
		return partly(err)
	}
	if err != nil {
		return err
	}
	t, err := c.api.o.Bus.Transport(r.Transport)
	if err != nil {
		return err
	}
	stats, err := t.Stats(c.Context())
	if err != nil {
		return partly(err)
	}
	out := wire.BulkResponse{Success: true, Count: n, Failed: stats.Failed}
	if r.IDs != nil {
		out.NotFound = len(r.IDs) - max(n, int(known))
	}
	return c.answer(http.StatusOK, out)
}
