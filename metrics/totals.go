package metrics

import (
	"maps"
	"slices"
	"time"
)

// totalKey tells totals apart.
type totalKey struct{ transport, queue, typ string }

// total are the figures of a type in a queue since the process began, as Prometheus wants them.
type total struct {
	Counts
	run, wait histogram
}

// Bounds of the histograms, in seconds: upper ends of their buckets, which include them.
var (
	runBounds  = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	waitBounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
)

// maxBounds is how many buckets a histogram has, beside the last.
const maxBounds = 16

// histogram counts durations in buckets. Its bounds are those of its kind.
type histogram struct {
	counts [maxBounds + 1]uint64 // the one behind the last bound has all that is longer
	sum    float64               // seconds
}

func (h *histogram) observe(bounds []float64, took time.Duration) {
	seconds := max(took.Seconds(), 0)
	i, _ := slices.BinarySearch(bounds, seconds)
	h.counts[i]++
	h.sum += seconds
}

// totalLocked returns the total of a type in a queue. Beyond MaxSeries types, or queues, it is that of Other; beyond
// maxCells of both together, the queue is Other in what comes new.
func (r *Recorder) totalLocked(k totalKey) *total {
	k.typ = bounded(r.typeNames, key{k.transport, k.typ})
	k.queue = bounded(r.queueNames, key{k.transport, k.queue})
	if t := r.totals[k]; t != nil {
		return t
	}
	if len(r.totals) >= maxCells {
		k.queue = Other
		if t := r.totals[k]; t != nil {
			return t
		}
	}
	t := &total{}
	r.totals[k] = t
	return t
}

// bounded returns a name, Other where too many are known, which this one then is.
func bounded(known map[key]bool, k key) string {
	if !known[k] && len(known) >= MaxSeries {
		return Other
	}
	known[k] = true
	return k.name
}

// Total is what a process counted of one type in one queue of a transport since it began.
type Total struct {
	Transport, Queue, Type string
	Counts
	Run, Wait Histogram
}

// Histogram has durations in seconds.
type Histogram struct {
	Count   uint64
	Sum     float64
	Buckets map[float64]uint64 // how many were up to that long
}

func (h *histogram) export(bounds []float64) Histogram {
	out := Histogram{Sum: h.sum, Buckets: make(map[float64]uint64, len(bounds))}
	for i, bound := range bounds {
		out.Count += h.counts[i]
		out.Buckets[bound] = out.Count
	}
	out.Count += h.counts[len(bounds)]
	return out
}

// Totals returns what this process counted since it began, in no order. There are at most MaxSeries types, and as many
// queues, and for each transport one of each named Other.
func (r *Recorder) Totals() []Total {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Total, 0, len(r.totals))
	for k, t := range r.totals {
		run, wait := t.run.export(runBounds), t.wait.export(waitBounds)
		list = append(list, Total{k.transport, k.queue, k.typ, t.Counts, run, wait})
	}
	return list
}

// Plus adds two figures.
func (c Counts) Plus(o Counts) Counts {
	c.add(o)
	return c
}

// Plus adds two histograms of the same buckets.
func (h Histogram) Plus(o Histogram) Histogram {
	sum := Histogram{Count: h.Count + o.Count, Sum: h.Sum + o.Sum, Buckets: maps.Clone(o.Buckets)}
	for bound, n := range h.Buckets {
		sum.Buckets[bound] += n
	}
	return sum
}
