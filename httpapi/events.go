package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Timing of streams of events.
const (
	// heartbeat is how long a stream may be silent: proxies and clients take a longer silence for an end.
	heartbeat = 15 * time.Second
	// stallTime is how long a connection may take nothing before the stream is ended.
	stallTime = 30 * time.Second
	// reconnectDelay is what browsers are told to wait before they connect again.
	reconnectDelay = 2 * time.Second
)

var errNoEvents = unsupported("keeps no events: no transport can, or the API was made without Options.Events")

// events streams events until the caller is gone or no longer let in, the connection takes nothing, or the server shuts
// down. In the latter two the caller connects again, with the number of the last event it has, and goes on.
func events(c *call) error {
	hub := c.api.o.Events
	if hub == nil {
		return errNoEvents
	}
	after, filter, messages, err := c.eventQuery()
	if err != nil {
		return err
	}
	ctx, stop, err := c.whileServing()
	if err != nil {
		return err
	}
	defer stop()
	s := stream{call: c, control: http.NewResponseController(c.w)}
	if c.Method == http.MethodHead { // reads no events, so it takes no reader's place
		_ = s.open() // fails where the caller is gone
		return nil
	}
	who := callerOf(c.principal)
	if err := c.api.streams.take(who); err != nil {
		return err
	}
	defer c.api.streams.leave(who)
	reader, err := c.eventReader(hub, after, filter, messages)
	if err != nil {
		return err
	}
	defer reader.Close()
	ctx, done := c.whileAllowed(ctx)
	defer done()
	if err := s.open(); err != nil {
		return nil // the caller is gone
	}
	for {
		frames, err := reader.Next(ctx, heartbeat)
		if err == nil && ctx.Err() == nil {
			err = s.send(frames, reader.After())
		}
		if err != nil || ctx.Err() != nil {
			// Half an answer is out, so there is nobody to tell but the log.
			if c.w.cause = err; err == nil && errors.As(context.Cause(ctx), new(*refusal)) {
				c.w.cause = context.Cause(ctx)
			}
			return nil
		}
	}
}

// eventReader is a place in the events, or with messages in all of those messages.
type eventReader interface {
	Next(ctx context.Context, wait time.Duration) ([]event.Frame, error)
	After() int64
	Close()
}

func (c *call) eventReader(
	hub *event.Hub, after int64, f event.Filter, messages *event.MessageFilter,
) (eventReader, error) {
	if messages != nil {
		return hub.ReadMessages(c.Context(), *messages)
	}
	return hub.Read(c.Context(), after, f)
}

// eventQuery reads where to begin and what is wanted: of all that happens, or with messages of those alone. Browsers
// connect again by the URL they have and tell the last event they saw in a header, which therefore counts.
func (c *call) eventQuery() (after int64, f event.Filter, messages *event.MessageFilter, err error) {
	var list []symphony.Problem
	after = event.FromNow
	place := func(path, text string) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			list = append(list, symphony.Problem{Path: path, Message: "must be the number of an event, or 0 for the oldest there is"})
		}
		after = n
	}
	text, given := c.query["after"]
	if given {
		place("after", text)
	}
	if text := c.Header.Get("Last-Event-ID"); text != "" {
		place("Last-Event-ID", text)
	}
	if f, err = event.ParseFilter(c.query["types"]); err != nil {
		list = append(list, symphony.Problem{Path: "types", Message: err.Error()})
	}
	messages = c.messageEvents(&list)
	switch {
	case err != nil:
	case messages != nil:
		if given {
			list = append(list, symphony.Problem{Path: "after", Message: "cannot be combined with a filter of " +
				"messages: their events have no numbers, and begin with what happens from now on"})
		}
		if !f.SelectsAny(event.MessageTypes()...) {
			list = append(list, symphony.Problem{Path: "types", Message: "must select events of messages where there " +
				"is a filter of messages: " + strings.Join(event.MessageTypes(), ", ")})
		}
		messages.Types = f.Patterns()
	case c.query["types"] != "" && !f.SelectsAny(event.LogTypes()...):
		list = append(list, symphony.Problem{Path: "types", Message: "selects only what is told with a filter of " +
			"messages: give id, queue, type or tag"})
	}
	if len(list) > 0 {
		return 0, f, nil, invalid(list...)
	}
	if owner := c.owner(); owner != "" {
		if f = f.Of(owner); messages != nil {
			messages.By = owner
		}
	}
	return after, f, messages, nil
}

// messageEvents is the filter of messages in the query, nil without any.
func (c *call) messageEvents(list *[]symphony.Problem) *event.MessageFilter {
	f := event.MessageFilter{
		IDs: c.several["id"], Tags: c.several["tag"],
		Transport: c.query["transport"], Queue: c.query["queue"], Type: c.query["type"],
	}
	bad := func(path, message string) { *list = append(*list, symphony.Problem{Path: path, Message: message}) }
	if len(f.IDs) > wire.MaxEventIDs {
		bad("id", fmt.Sprintf("must be given at most %d times, is given %d times", wire.MaxEventIDs, len(f.IDs)))
	}
	for _, id := range f.IDs {
		if !symphony.ValidID(id) {
			bad("id", "must be ids of messages, as dispatch answers them")
			break
		}
	}
	if len(f.Tags) > symphony.MaxTags {
		bad("tag", fmt.Sprintf("must be given at most %d times", symphony.MaxTags))
	}
	for _, tag := range f.Tags {
		if n := utf8.RuneCountInString(tag); n > symphony.MaxTagLength {
			bad("tag", fmt.Sprintf("must have 1 to %d characters, has %d", symphony.MaxTagLength, n))
			break
		}
	}
	if f.Queue != "" && symphony.ValidateName(f.Queue) != nil {
		bad("queue", symphony.ValidateName(f.Queue).Error())
	}
	if f.Type != "" && symphony.ValidatePattern(f.Type) != nil {
		bad("type", symphony.ValidatePattern(f.Type).Error())
	}
	if f.Transport != "" {
		if _, err := c.api.o.Bus.Transport(f.Transport); err != nil {
			bad("transport", err.Error())
		}
	}
	if f.Selective() {
		return &f
	}
	if f.Transport != "" {
		bad("transport", "narrows down a filter of messages: give id, queue, type or tag as well")
	}
	return nil
}

// stream writes server-sent events.
type stream struct {
	*call
	control *http.ResponseController
	place   int64 // the last number that the caller was told
}

// open begins the answer. The server's deadlines are for requests that are answered at once: the one for reading would
// end the stream, and the one for writing is set anew for each event.
func (s *stream) open() error {
	if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would gather events
	s.w.WriteHeader(http.StatusOK)
	return s.flush([]byte(fmt.Sprintf("retry: %d\n\n", reconnectDelay.Milliseconds())))
}

// send writes events. Where there are none it tells the place that the reader has come to, so that a caller who selects
// few events does not begin far behind when it connects again; a number without data is no event.
func (s *stream) send(frames []event.Frame, place int64) error {
	if len(frames) == 0 {
		if place == s.place {
			return s.flush([]byte(":\n\n"))
		}
		s.place = place
		return s.flush(fmt.Appendf(nil, "id: %d\n\n", place))
	}
	for _, f := range frames {
		if f.Seq > 0 {
			s.place = f.Seq
		}
		if err := s.write(s.maskedEvent(f)); err != nil {
			return err
		}
	}
	return s.flush(nil)
}

func (s *stream) write(b []byte) error {
	if err := s.control.SetWriteDeadline(s.api.o.Clock.Now().Add(stallTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(b)
	return err
}

func (s *stream) flush(b []byte) error {
	if err := s.write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
