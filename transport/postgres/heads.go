package postgres

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// A stream is one rank of one lane. Its ready rows are claimed from its head on, and PostgreSQL keeps the claimed ones
// in the index until vacuum has removed them, which an old snapshot can put off for hours. So each process remembers
// below which time nothing is left in a stream, and looks from there on. It learns of what appears below that time from
// its own transactions, from announcements of other processes, and from looks of its own (sweeps): often at the last
// moments before each head, and more rarely at all streams from their very beginning.

type stream struct {
	lane int
	rank int
}

type head struct {
	low   int64 // nothing is ready in the stream before this time, µs on the store's clock
	floor int64 // what low was, or when the stream was found empty: where a sweep of the last moments begins
	gen   uint64
	marks []*mark
}

// mark follows what is added to a stream while somebody looks at it.
type mark struct{ low int64 }

// heads are the streams in which something was seen. Safe for concurrent use.
type heads struct {
	mu      sync.Mutex
	streams map[stream]*head
	gen     uint64        // counts additions
	rearm   chan struct{} // something became due earlier

	sweeping  sync.Mutex
	nextSweep int64 // of this process's clock
	asked     int   // counts calls of sweepSoon
	wanted    bool  // a claim would have the watch sweep
	wholeAt   int64 // when a sweep from the beginning ended, 0 for none yet
	wholeCost int64 // how long it took
	known     bool  // there was a sweep since the process began
}

const never = math.MaxInt64

const (
	// A sweep from the beginning may take at most one part in sweepShare of the time, however long it takes: where an
	// old snapshot makes the indexes long, they are looked at more rarely.
	sweepShare = 25
	// busySweep is how often there is one while claims find enough to do.
	busySweep = 15_000_000
	// lastMoments is how far before its head a stream is looked at by the other sweeps: longer than nearly all
	// transactions take.
	lastMoments = 1_000_000
)

func (h *heads) init() {
	h.streams = make(map[stream]*head)
	h.rearm = make(chan struct{}, 1)
}

// add says that something is available in a stream from a time on.
func (h *heads) add(st stream, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gen++
	hd := h.streams[st]
	if hd == nil {
		hd = &head{low: never, floor: at}
		h.streams[st] = hd
	}
	hd.gen = h.gen
	hd.low = min(hd.low, at)
	for _, m := range hd.marks {
		m.low = min(m.low, at)
	}
}

// lower is add for what a look found, which is known in most cases.
func (h *heads) lower(st stream, at int64) {
	h.mu.Lock()
	hd := h.streams[st]
	known := at == never || hd != nil && hd.low <= at
	h.mu.Unlock()
	if !known {
		h.add(st, at)
	}
}

// poke makes the watch look again at what is due next.
func (h *heads) poke() {
	select {
	case h.rearm <- struct{}{}:
	default:
	}
}

// sweepSoon makes the next sweep due at once, from the beginning. A sweep that is under way does not count: it may have
// looked already where there is something to be found now.
func (h *heads) sweepSoon() {
	h.mu.Lock()
	h.nextSweep, h.wholeAt, h.wholeCost = 0, 0, 0
	h.asked++
	h.mu.Unlock()
	h.poke()
}

// wantSweep has the watch sweep, if that is due.
func (h *heads) wantSweep(now int64) {
	h.mu.Lock()
	due := now >= h.nextSweep && !h.wanted
	h.wanted = h.wanted || due
	h.mu.Unlock()
	if due {
		h.poke()
	}
}

// watched is when the watch should sweep next, never if nobody is there for whom to do it.
func (h *heads) watched(waiting bool) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !waiting && !h.wanted {
		return never
	}
	return h.nextSweep
}

// sweepAsked is to be asked for before a sweep.
func (h *heads) sweepAsked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// swept notes the end of a sweep, before which sweepAsked was asked.
func (h *heads) swept(asked int, began, ended int64, whole bool, interval int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if asked != h.asked {
		return
	}
	h.wanted = false
	h.nextSweep = ended + interval
	if whole {
		h.wholeAt, h.wholeCost = ended, ended-began
	}
}

// wholeDue reports whether the next sweep is to be one from the beginning.
func (h *heads) wholeDue(now int64, idle bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	pause := sweepShare * h.wholeCost
	if !idle {
		pause = max(pause, busySweep)
	}
	return h.wholeAt == 0 || now >= h.wholeAt+pause
}

// probe is a stream that somebody looks at, from low on. done must follow.
type probe struct {
	stream
	low  int64
	mark *mark
}

// clockSlack is by how many microseconds this process may be wrong about the server's clock without missing a message
// whose time has come.
const clockSlack = 20_000

// ready returns the streams of the wanted lanes that may have something by a time, the highest priority first.
func (h *heads) ready(wanted func(lane int) bool, by int64) []probe {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []probe
	for st, hd := range h.streams {
		if hd.low <= by && wanted(st.lane) {
			m := &mark{never}
			hd.marks = append(hd.marks, m)
			list = append(list, probe{st, hd.low, m})
		}
	}
	slices.SortFunc(list, func(a, b probe) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.lane, b.lane)) })
	return list
}

// done ends the looks.
func (h *heads) done(probes []probe) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range probes {
		if hd := h.streams[p.stream]; hd != nil {
			hd.marks = slices.DeleteFunc(hd.marks, func(m *mark) bool { return m == p.mark })
		}
	}
}

// raise says what a look found: nothing is left in the stream before low, or nothing at all for never. What was added
// since the look began counts beside it. Where a sweep found something before the look began to look, the look says
// nothing about that. now is when the look was made, on the store's clock.
func (h *heads) raise(p probe, low, now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hd := h.streams[p.stream]
	if hd == nil || hd.low < p.low {
		return
	}
	hd.low = max(hd.low, min(low, p.mark.low))
	hd.floor = max(hd.floor, min(hd.low, now))
}

// recent returns the streams with the time from which a sweep of the last moments looks at them.
func (h *heads) recent() []probe {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []probe
	for st, hd := range h.streams {
		if from := hd.floor - lastMoments; from < hd.low {
			list = append(list, probe{stream: st, low: from})
		}
	}
	return list
}

// unknown reports whether there was no sweep yet since the process began.
func (h *heads) unknown() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.known
}

// looked says that there was one, or that one was tried.
func (h *heads) looked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = true
}

// generation is to be asked for before a sweep from the beginning.
func (h *heads) generation() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gen
}

// replace takes over what a sweep from the beginning found that was made at a time, from a generation on.
func (h *heads) replace(found map[stream]int64, gen uint64, now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for st, hd := range h.streams {
		low, ok := found[st]
		switch {
		case hd.gen > gen:
			if ok {
				hd.low = min(hd.low, low)
			}
		case ok:
			hd.low = low
		default:
			hd.low, hd.floor = never, max(hd.floor, now)
		}
		delete(found, st)
	}
	for st, low := range found {
		h.streams[st] = &head{low: low, floor: low, gen: gen}
	}
}

// due returns the streams that may have something by a time, and when the next one gets something after it.
func (h *heads) due(by int64) (list []stream, next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next = never
	for st, hd := range h.streams {
		if hd.low <= by {
			list = append(list, st)
		} else {
			next = min(next, hd.low)
		}
	}
	return list, next
}
