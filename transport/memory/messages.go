package memory

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Completed messages are kept for inspection as long as Options.Retention says, the newest MaxKept of them at most, and no
// more than MaxKeptBytes of payloads. The garbage collector looks at them in each of its cycles: a thousand would cost a
// quarter of the speed of a program that does nothing else.
const (
	MaxKept      = 200
	MaxKeptBytes = 16 << 20
)

// completion is what is known of a message that was handled, times in microseconds.
type completion struct {
	started, finished int64
	worker            string
}

// failure is an entry of the dead letter queue.
type failure struct {
	symphony.FailedMessage
	message *message
}

// archive holds the completed messages that are kept, the oldest first.
type archive struct {
	list  []*message
	first int // those before it were dropped
	bytes int
}

// index lists all messages, some of them gone. Those that came last are sorted in when somebody looks.
type index struct {
	list   []*message
	sorted int // so many are in the order of their ids
	gone   int
}

// add adds a message.
func (x *index) add(m *message) { x.list = append(x.list, m) }

// sort brings all messages into the order of their ids.
func (x *index) sort() {
	byID := func(a, b *message) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(x.list[x.sorted:], byID)
	if x.sorted > 0 && x.sorted < len(x.list) && byID(x.list[x.sorted-1], x.list[x.sorted]) > 0 {
		at, _ := slices.BinarySearchFunc(x.list[:x.sorted], x.list[x.sorted], byID) // nothing before it has to move
		slices.SortFunc(x.list[at:], byID)
	}
	x.sorted = len(x.list)
}

// find returns the place of the first message with an id that is not less.
func (x *index) find(id string) (at int, found bool) {
	return slices.BinarySearchFunc(x.list, id, func(m *message, id string) int { return strings.Compare(m.ID, id) })
}

// drop forgets a message but for what orders it among others.
func (s *store) drop(m *message) {
	m.gone = true
	m.Payload, m.Headers, m.Metadata, m.attempts, m.done, m.failed = nil, nil, nil, nil, nil, nil
	x := &s.index
	if x.gone++; x.gone > 100 && x.gone > len(x.list)/4 {
		there := x.list[:0]
		for i, m := range x.list {
			if !m.gone {
				there = append(there, m)
			}
			if i+1 == x.sorted {
				x.sorted = len(there)
			}
		}
		clear(x.list[len(there):])
		x.list, x.gone = there, 0
	}
}

// complete keeps a message that was handled, and drops those kept before that are too many.
func (s *store) complete(m *message, worker string, started, now time.Time) {
	m.lane.counts.Completed++
	if s.retention == 0 {
		s.drop(m)
		return
	}
	m.completed = completion{started: started.UnixMicro(), finished: now.UnixMicro(), worker: worker}
	a := &s.archive
	a.list = append(a.list, m)
	a.bytes += len(m.Payload)
	s.purge(now)
}

// purge drops completed messages that need not be kept any more.
func (s *store) purge(now time.Time) {
	a, since := &s.archive, now.Add(-s.retention).UnixMicro()
	for a.first < len(a.list) {
		m := a.list[a.first]
		if len(a.list)-a.first <= MaxKept && a.bytes <= MaxKeptBytes && m.completed.finished >= since {
			break
		}
		a.bytes -= len(m.Payload)
		a.list[a.first] = nil
		a.first++
		s.drop(m)
	}
	if a.first > len(a.list)/2 {
		a.list = slices.Delete(a.list, 0, a.first)
		a.first = 0
	}
}

// status is where a message is, empty when it is gone.
func (m *message) status() symphony.Status {
	switch {
	case m.gone:
		return ""
	case m.failed != nil:
		return symphony.Failed
	case m.completed.finished != 0:
		return symphony.Completed
	case m.item != nil:
		return symphony.Processing
	}
	return symphony.Pending
}

// info tells all about a message. It shares with the store what never changes.
func (s *store) info(m *message) symphony.MessageInfo {
	i := symphony.MessageInfo{Envelope: m.Envelope, Status: m.status(), Deliveries: m.attempt, Attempts: m.attempts}
	switch i.Status {
	case symphony.Pending:
		i.AvailableAt = s.shown(m.available)
	case symphony.Processing:
		i.Worker, i.StartedAt, i.LeasedUntil = m.item.lease.worker, m.item.lease.claimed, s.shown(m.item.expires)
	case symphony.Completed:
		c := &m.completed
		i.Worker, i.StartedAt, i.FinishedAt = c.worker, time.UnixMicro(c.started).UTC(), time.UnixMicro(c.finished).UTC()
	case symphony.Failed:
		f := m.failed
		i.FinishedAt, i.FailedID, i.Error, i.ErrorClass = f.FailedAt, f.ID, f.Error, f.ErrorClass
	}
	return i
}

// shown makes an info the caller's own.
func shown(i symphony.MessageInfo) symphony.MessageInfo {
	i.Envelope, i.Attempts = stored(&i.Envelope), slices.Clone(i.Attempts)
	return i
}

// catchUp brings to pass what time alone has brought.
func (s *store) catchUp() {
	now := s.now()
	s.expire(now)
	s.flow(now)
	s.purge(s.shown(now))
	for _, l := range s.lanes {
		l.due(s.shown(now))
	}
	s.index.sort()
}

// look calls visit for the messages that match all of a query but its text, until that says false, and for at most q.Scan
// messages in all. It returns where the query goes on, empty at the end.
func (t *Transport) look(q *symphony.MessageQuery, visit func(*message) bool) (next string) {
	t.catchUp()
	from, to := symphony.IDRange(q.Since, q.Until)
	if q.After != "" && q.Oldest {
		from = max(from, q.After+"\x00") // the least that is greater
	} else if q.After != "" && (to == "" || q.After < to) {
		to = q.After
	}
	list := t.index.list
	if to != "" {
		end, _ := t.index.find(to)
		list = list[:end]
	}
	begin, _ := t.index.find(from)
	list = list[min(begin, len(list)):]
	looked, more := 0, true
	for i := range list {
		m := list[i]
		if !q.Oldest {
			m = list[len(list)-1-i]
		}
		if m.gone {
			continue
		}
		if looked == q.Scan || !more {
			return next
		}
		looked++
		next = m.ID
		if t.selects(&q.MessageFilter, m) {
			more = visit(m)
		}
	}
	return ""
}

// selects reports whether a message matches all of a filter but its text.
func (t *Transport) selects(f *symphony.MessageFilter, m *message) bool {
	return m.Transport == t.name && (f.Status == "" || m.status() == f.Status) && (f.Queue == "" || m.Queue == f.Queue) &&
		(f.Type == "" || m.Type == f.Type) && (f.Priority == 0 || m.Priority == f.Priority) &&
		(f.DispatchedBy == "" || m.DispatchedBy == f.DispatchedBy) && (f.ScheduledAfter.IsZero() || m.ScheduledAt.After(f.ScheduledAfter)) &&
		!m.CreatedAt.Before(f.Since) && (f.Until.IsZero() || m.CreatedAt.Before(f.Until))
}

// contains reports whether one of the texts that storages keep of a message has text, which is in lower case, in it.
func contains(e *symphony.Envelope, text string) bool {
	if strings.Contains(lower(e.Type), text) || strings.Contains(lower(string(e.Payload)), text) {
		return true
	}
	in := func(entries int, v any) bool {
		if entries == 0 {
			return false
		}
		raw, err := json.Marshal(v)
		return err == nil && strings.Contains(lower(string(raw)), text)
	}
	return in(len(e.Metadata), e.Metadata) || in(len(e.Headers), e.Headers)
}

// ListMessages returns a page of messages. Their texts are searched without the lock: what they are made of never changes.
func (t *Transport) ListMessages(ctx context.Context, q symphony.MessageQuery) (page symphony.MessagePage, err error) {
	q = q.WithDefaults()
	if err := t.enter(ctx); err != nil {
		return page, err
	}
	text := lower(q.Text)
	var list []symphony.MessageInfo
	page.Next = t.look(&q, func(m *message) bool {
		list = append(list, t.info(m))
		return text != "" || len(list) < q.Limit
	})
	t.mu.Unlock()
	bytes := storage.NewPageBytes(q.Bytes)
	for i := range list {
		if text != "" && !contains(&list[i].Envelope, text) {
			continue
		}
		if len(page.Messages) == q.Limit {
			page.Next = page.Messages[q.Limit-1].ID
			break
		}
		m := list[i]
		if bytes.Left() == 0 {
			m.Omitted = storage.Bare(&m.Envelope, &m.Attempts)
		} else {
			bytes.Message(&m.Envelope, m.Attempts)
		}
		page.Messages = append(page.Messages, shown(m))
	}
	return page, ctx.Err()
}

// CountMessages counts messages.
func (t *Transport) CountMessages(ctx context.Context, q symphony.MessageQuery) (c symphony.MessageCount, err error) {
	q = q.WithDefaults()
	if err := t.enter(ctx); err != nil {
		return c, err
	}
	text := lower(q.Text)
	var list []symphony.Envelope
	c.Next = t.look(&q, func(m *message) bool {
		if c.Count++; text != "" {
			list = append(list, m.Envelope)
		}
		return true
	})
	t.mu.Unlock()
	for i := range list {
		if !contains(&list[i], text) {
			c.Count--
		}
	}
	return c, ctx.Err()
}

// message returns the message of an id, if it is this transport's.
func (t *Transport) message(id string) (*message, error) {
	t.catchUp()
	at, _ := t.index.find(id)
	for ; at < len(t.index.list) && t.index.list[at].ID == id; at++ {
		if m := t.index.list[at]; !m.gone && m.Transport == t.name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("message %s: %w", id, symphony.ErrNotFound)
}

// pending returns a message that is waiting.
func (t *Transport) pending(id string) (*message, error) {
	m, err := t.message(id)
	if err == nil && m.status() != symphony.Pending {
		return nil, &symphony.MessageStatusError{ID: id, Status: m.status()}
	}
	return m, err
}

// GetMessage returns one message.
func (t *Transport) GetMessage(ctx context.Context, id string) (symphony.MessageInfo, error) {
	if err := t.enter(ctx); err != nil {
		return symphony.MessageInfo{}, err
	}
	defer t.mu.Unlock()
	m, err := t.message(id)
	if err != nil {
		return symphony.MessageInfo{}, err
	}
	return shown(t.info(m)), nil
}

// DeleteMessage deletes a message that is waiting.
func (t *Transport) DeleteMessage(ctx context.Context, id string) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.mu.Unlock()
	m, err := t.pending(id)
	if err != nil {
		return err
	}
	t.withdraw(m)
	t.drop(m)
	t.wake() // others may move up
	return nil
}

// RunMessageNow ends the wait of a message for its time.
func (t *Transport) RunMessageNow(ctx context.Context, id string) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.mu.Unlock()
	m, err := t.pending(id)
	now := t.now()
	if err != nil || !m.available.After(now) {
		return err
	}
	t.unschedule(m)
	m.available = now
	if m.gate != nil {
		heap.Fix(&m.gate.parked, m.place)
	} else {
		heap.Fix(&m.lane.ready[m.Priority], m.place)
	}
	t.wake()
	return nil
}
