package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Defaults and limits of a Hub.
const (
	DefaultMaxReaders = 1000
	// DefaultPoll is how often a hub looks for events of other processes while somebody reads. Those of its own process
	// it learns of at once.
	DefaultPoll = 500 * time.Millisecond
	// StatsInterval is the time between two Stats events.
	StatsInterval = 2 * time.Second
	// ringSize is how many of the newest events are held in memory, once for all readers. Readers that are further
	// behind read from the log.
	ringSize = 1024
	// pageSize is how many events a reader gets at a time.
	pageSize = 256
	// readTime bounds one look at the log or the counts.
	readTime = 10 * time.Second
)

// ErrTooManyReaders refuses a reader beyond HubOptions.MaxReaders.
var ErrTooManyReaders = errors.New("event: too many readers")

// HubOptions are the optional settings of a Hub.
type HubOptions struct {
	// Transports are counted for Stats. None: there are no such events.
	Transports []symphony.Transport
	// MaxReaders, default DefaultMaxReaders, and Poll, default DefaultPoll.
	MaxReaders int
	Poll       time.Duration
	// Singles tell of single messages. Nil: nobody does; see ReadMessages.
	Singles *Singles
	Clock   symphony.Clock
	Logger  *slog.Logger
}

// Hub hands events to readers. While there are any, one loop follows the log for all of them; without, it does nothing.
// Each reader has a place in the log and no memory of its own: the newest events are held once for all, and who is
// further behind reads the log. Safe for concurrent use.
type Hub struct {
	store storage.Log
	o     HubOptions
	wake  chan struct{}

	mu      sync.Mutex
	readers int
	singles int           // readers of single messages
	ring    []Frame       // consecutive, the oldest first
	end     int64         // Seq of the newest event that is known; ring ends with it
	stats   []byte        // the newest Stats, encoded
	told    int64         // counts these
	changed chan struct{} // closed at the next change of any of these
}

// MaxReaders is how many may read at one time.
func (h *Hub) MaxReaders() int { return h.o.MaxReaders }

// Frame is an event as it goes over the wire.
type Frame struct {
	Seq  int64
	Type string
	// By is who had the message dispatched that it is about, empty where it is about none or that is not known.
	By string
	// Bytes are the event in the format of server-sent events, shared by all readers.
	Bytes []byte
}

// NewHub makes a hub. Nothing happens before Run.
func NewHub(store storage.Log, o HubOptions) *Hub {
	if o.MaxReaders == 0 {
		o.MaxReaders = DefaultMaxReaders
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Clock == nil {
		o.Clock = symphony.SystemClock()
	}
	o.Clock = symphony.StoreClock(store, o.Clock)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Hub{store: store, o: o, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Nudge has the hub look at the log now: this process has written to it.
func (h *Hub) Nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run follows the log for readers until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	var counter counter
	statsAt := time.Time{}
	for {
		now := h.o.Clock.Now()
		reading := h.count() > 0
		if reading {
			if err := h.follow(ctx); err != nil && ctx.Err() == nil {
				h.o.Logger.Warn("events could not be read; it is tried again", "error", err)
			}
			if len(h.o.Transports) > 0 && !now.Before(statsAt) {
				statsAt = now.Add(StatsInterval)
				h.measure(ctx, &counter)
			}
		} else {
			counter.last = nil
			h.forget()
		}
		var poll symphony.Timer
		var again <-chan time.Time
		if reading {
			poll = h.o.Clock.NewTimer(h.o.Poll)
			again = poll.C()
		}
		select {
		case <-ctx.Done():
		case <-h.wake: // also when a first reader comes
		case <-again:
		}
		if poll != nil {
			poll.Stop()
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (h *Hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.readers
}

// forget lets go of what nobody reads.
func (h *Hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers == 0 {
		h.ring, h.stats = nil, nil
	}
}

// follow reads what is new in the log.
func (h *Hub) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	for {
		h.mu.Lock()
		after, fresh := h.end, h.ring == nil
		h.mu.Unlock()
		if fresh {
			// Whatever was written while nobody read is for those who ask for it.
			end, err := storage.LogEnd(ctx, h.store, LogName)
			if err != nil {
				return err
			}
			h.mu.Lock()
			h.ring, h.end = make([]Frame, 0, ringSize), end
			h.announce()
			h.mu.Unlock()
			continue
		}
		page, err := h.store.ReadLog(ctx, storage.LogQuery{Log: LogName, After: after, Limit: storage.MaxLogPage})
		entries := page.Entries
		if err != nil || len(entries) == 0 {
			return err
		}
		h.mu.Lock()
		if entries[0].Seq != h.end+1 {
			// Some were deleted before this node saw them; readers find that out for themselves. They may hold the
			// ring, which is only ever added to.
			h.ring = make([]Frame, 0, ringSize)
		}
		for _, e := range entries {
			f, err := frame(of(e))
			if err != nil {
				h.mu.Unlock()
				return err
			}
			if h.ring = append(h.ring, f); len(h.ring) > ringSize {
				h.ring = h.ring[1:] // what is before goes when the rest moves to a larger array
			}
		}
		h.end = entries[len(entries)-1].Seq
		h.announce()
		h.mu.Unlock()
	}
}

// announce wakes all readers. h.mu is held.
func (h *Hub) announce() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// message is the data of an event on the wire; see wire.Event.
type message struct {
	ID   int64           `json:"id,omitempty"`
	Type string          `json:"type"`
	At   time.Time       `json:"at"`
	Data json.RawMessage `json:"data"`
}

// frame encodes an event.
func frame(e Event) (Frame, error) {
	data, err := json.Marshal(message{e.Seq, e.Type, e.At.UTC(), e.Data})
	if err != nil {
		return Frame{}, fmt.Errorf("event: %d: %w", e.Seq, err)
	}
	var b bytes.Buffer
	if e.Seq > 0 {
		b.WriteString("id: " + strconv.FormatInt(e.Seq, 10) + "\n")
	}
	b.WriteString("event: " + e.Type + "\ndata: ")
	b.Write(data) // JSON of one line
	b.WriteString("\n\n")
	return Frame{e.Seq, e.Type, dispatchedBy(e), b.Bytes()}, nil
}

// dispatchedBy is who had the message dispatched that an event is about.
func dispatchedBy(e Event) string {
	if e.Type != MessageFailed && e.Type != MessageRetrying || !bytes.Contains(e.Data, []byte(`"dispatchedBy"`)) {
		return ""
	}
	var about attempt
	if json.Unmarshal(e.Data, &about) != nil {
		return ""
	}
	return about.DispatchedBy
}
