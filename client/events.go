package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// How Events follows a stream.
const (
	// reconnectDelay is the first pause before it connects again; each further one is twice as long, up to
	// reconnectMax.
	reconnectDelay = 500 * time.Millisecond
	reconnectMax   = 15 * time.Second
	// silence is how long a stream may say nothing, not even that it is alive. The server does so every 15 s.
	silence = 45 * time.Second
	// maxEvent bounds one event, in bytes.
	maxEvent = 1 << 20
)

// EventQuery says which events to follow.
type EventQuery struct {
	// Types are types or patterns such as message.*; none means all.
	Types []string
	// IDs, Queue, MessageType (or a pattern such as order.*), Tags (all of them) and Transport select messages: then
	// each event of those messages comes, from now on, and nothing else. A Transport alone selects none. What happens
	// while a connection is made anew is missed, and After must be nil.
	IDs                           []string
	Queue, MessageType, Transport string
	Tags                          []string
	// After begins behind the event with this number. Nil: with what happens from now on. 0: with the oldest that is
	// kept.
	After *int64
	// Lost, if not nil, is called when the connection was lost, before it is made anew after the pause.
	Lost func(err error, pause time.Duration)
}

// OfMessages reports whether the query selects messages, so that each event of those comes, and nothing else.
func (q *EventQuery) OfMessages() bool {
	return len(q.IDs)+len(q.Tags) > 0 || q.Queue != "" || q.MessageType != ""
}

// Events calls f with each event as it happens, until ctx ends, f returns an error, which is returned, or the server
// refuses the call (an *Error that is not 429 or 503). When the connection is lost it connects again and goes on behind
// the last event, so that each comes once. Where events are not kept any more there is one of type reset.
func (c *Client) Events(ctx context.Context, q EventQuery, f func(wire.Event) error) error {
	s := &eventStream{Client: c, query: q, handle: f}
	if q.After != nil && q.OfMessages() {
		return errors.New("client: events of single messages have no numbers to begin behind: After must be nil")
	}
	if q.After != nil {
		s.last = strconv.FormatInt(*q.After, 10)
	}
	pause := reconnectDelay
	for {
		alive, err := s.follow(ctx)
		var answer *Error
		var stopped *stoppedError
		switch {
		case errors.As(err, &stopped):
			return stopped.error
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &answer) && answer.Status != http.StatusTooManyRequests && answer.Status != http.StatusServiceUnavailable:
			return err
		}
		if alive {
			pause = reconnectDelay
		}
		if answer != nil {
			pause = max(pause, answer.RetryAfter)
		}
		if q.Lost != nil {
			q.Lost(err, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, reconnectMax)
	}
}

// stoppedError is what the caller's function returned.
type stoppedError struct{ error }

type eventStream struct {
	*Client
	query  EventQuery
	handle func(wire.Event) error
	last   string // the number of the last event, "" before the first
}

// follow reads one connection to its end. alive says that it brought anything.
func (s *eventStream) follow(ctx context.Context) (alive bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u := *s.base
	u.Path += wire.StreamEvents.Path
	values := url.Values{}
	if len(s.query.Types) > 0 {
		values.Set("types", strings.Join(s.query.Types, ","))
	}
	for name, list := range map[string][]string{
		"id": s.query.IDs, "tag": s.query.Tags, "queue": {s.query.Queue}, "type": {s.query.MessageType},
		"transport": {s.query.Transport},
	} {
		for _, value := range list {
			if value != "" {
				values.Add(name, value)
			}
		}
	}
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, fmt.Errorf("client: %w", err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("User-Agent", s.agent)
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last)
	}
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return false, fmt.Errorf("client: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxEvent))
		if err != nil {
			return false, fmt.Errorf("client: read answer: %w", err)
		}
		return false, answerError(resp, raw)
	}
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	var data []byte
	place := s.last // which counts when its event is complete
	for lines.Scan() {
		quiet.Reset(silence)
		alive = true
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(lines.Bytes()) == 0:
			if err := s.event(data); err != nil {
				return true, err
			}
			data, s.last = data[:0], place
		case string(name) == "id":
			place = string(value)
		case string(name) == "data":
			data = append(data, value...)
		}
	}
	if err := lines.Err(); err != nil {
		return alive, fmt.Errorf("client: read events: %w", err)
	}
	return alive, fmt.Errorf("client: read events: %w", io.ErrUnexpectedEOF)
}

// event hands over an event, if there is one.
func (s *eventStream) event(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var e wire.Event
	if err := json.Unmarshal(bytes.Clone(data), &e); err != nil {
		return fmt.Errorf("client: an event is not as expected: %w", err)
	}
	if err := s.handle(e); err != nil {
		return &stoppedError{err}
	}
	return nil
}
