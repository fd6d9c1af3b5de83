package event

import (
	"context"
	"encoding/json"
	"time"

	"github.com/symphony-messenger/symphony"
)

// TransportStats is what a Stats event tells of one transport.
type TransportStats struct {
	Transport  string `json:"transport"`
	Depth      int64  `json:"depth"`
	Pending    int64  `json:"pending"`
	Processing int64  `json:"processing"`
	Completed  int64  `json:"completed"`
	Failed     int64  `json:"failed"`
	Cancelled  int64  `json:"cancelled"`
	Scheduled  int64  `json:"scheduled"`
	// OldestPendingAge is in milliseconds.
	OldestPendingAge int64 `json:"oldestPendingAge"`
	// CompletedPerSecond is since the event before, 0 in the first one.
	CompletedPerSecond float64 `json:"completedPerSecond"`
}

// counter makes rates of counts.
type counter struct {
	last map[string]int64 // completed, by transport; nil before the first count
	at   time.Time
}

// measure counts the messages for all readers. What cannot be counted now is left out.
func (h *Hub) measure(ctx context.Context, c *counter) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var list []TransportStats
	now, completed := h.o.Clock.Now(), make(map[string]int64)
	for _, t := range h.o.Transports {
		if !t.Capabilities().Receive {
			continue
		}
		s, err := t.Stats(ctx)
		if err != nil {
			h.o.Logger.Debug("no counts for readers of events", "transport", t.Name(), "error", err)
			continue
		}
		one := TransportStats{Transport: t.Name(), Depth: s.Depth(), Pending: s.Pending, Processing: s.Processing, Completed: s.Completed, Failed: s.Failed, Cancelled: s.Cancelled,
			Scheduled: s.Scheduled, OldestPendingAge: s.OldestPendingAge.Milliseconds()}
		completed[t.Name()] = s.Completed
		if before, ok := c.last[t.Name()]; ok && now.After(c.at) {
			one.CompletedPerSecond = rate(s.Completed-before, now.Sub(c.at))
		}
		list = append(list, one)
	}
	c.last, c.at = completed, now
	if list == nil {
		return
	}
	raw, err := json.Marshal(map[string][]TransportStats{"transports": list})
	if err != nil {
		return // it has texts and numbers only
	}
	f, err := frame(Event{At: now, Type: Stats, Data: raw})
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats = f.Bytes
	h.told++
	h.announce()
}

// rate is in events per second, with a digit behind the point.
func rate(n int64, d time.Duration) float64 {
	return float64(int64(float64(max(n, 0))/d.Seconds()*10+0.5)) / 10
}

var _ symphony.Observer = (*Recorder)(nil)
