package metrics

import (
	"fmt"
	"math"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// maxBins bounds a sketch. With an accuracy of 2% that many bins reach from a microsecond to ten years, so none is ever
// collapsed.
const maxBins = 1024

// durations are how long something took, in milliseconds. The zero value has none.
type durations struct {
	sum, max float64
	sketch   *ddsketch.DDSketch // nil for none
}

// add adds one duration; a negative one, of clocks that differ, counts as none.
func (d *durations) add(took time.Duration) {
	ms := max(float64(took)/float64(time.Millisecond), 0)
	if d.sketch == nil {
		d.sketch = newSketch()
	}
	d.sum += ms
	d.max = max(d.max, ms)
	_ = d.sketch.Add(ms) // only what is not a number, or beyond all time, is refused
}

// merge adds those of o, which stays as it is.
func (d *durations) merge(o *durations) {
	if o.sketch == nil {
		return
	}
	d.sum += o.sum
	d.max = max(d.max, o.max)
	if d.sketch == nil {
		d.sketch = newSketch()
	}
	_ = d.sketch.MergeWith(o.sketch) // of the same mapping, so it can be
}

// count is how many there are.
func (d *durations) count() float64 {
	if d.sketch == nil {
		return 0
	}
	return d.sketch.GetCount()
}

func (d *durations) copy() durations {
	c := *d
	if d.sketch != nil {
		c.sketch = d.sketch.Copy()
	}
	return c
}

// encode is what decode reads; nil for none.
func (d *durations) encode() []byte {
	if d.sketch == nil {
		return nil
	}
	var b []byte
	d.sketch.Encode(&b, false) // with its mapping, so that one of another release with another accuracy is not misread
	return b
}

func (d *durations) decode(b []byte, sum, maximum float64) error {
	if len(b) == 0 {
		return nil
	}
	sketch := newSketch()
	if err := sketch.DecodeAndMergeWith(b); err != nil {
		return fmt.Errorf("metrics: decode a sketch: %w", err)
	}
	d.sum, d.max, d.sketch = sum, maximum, sketch
	return nil
}

// Distribution describes durations, in milliseconds. All is 0 where there are none.
type Distribution struct {
	Count                       int64
	Average, P50, P95, P99, Max float64
}

// distribution computes it. A percentile is never above the maximum, which is exact.
func (d *durations) distribution() Distribution {
	if d.sketch == nil || d.sketch.IsEmpty() {
		return Distribution{}
	}
	n := d.sketch.GetCount()
	out := Distribution{Count: int64(math.Round(n)), Average: d.sum / n, Max: d.max}
	out.P50, out.P95, out.P99 = d.percentile(n, 0.5), d.percentile(n, 0.95), d.percentile(n, 0.99)
	return out
}

// percentile is the smallest value that the share q of all n are not above: the nearest rank.
func (d *durations) percentile(n, q float64) float64 {
	rank := math.Ceil(q * n) // the first is 1
	// The sketch counts from 0 and takes the value at, or next below, the rank; half a rank keeps clear of rounding.
	value, err := d.sketch.GetValueAtQuantile(min((rank-0.5)/max(n-1, 1), 1))
	if err != nil {
		return 0 // there are values, and the quantile is between 0 and 1
	}
	return min(value, d.max)
}

func newSketch() *ddsketch.DDSketch {
	m, err := mapping.NewCubicallyInterpolatedMapping(RelativeAccuracy)
	if err != nil {
		panic(err) // the accuracy is between 0 and 1
	}
	return ddsketch.NewDDSketch(m, store.NewCollapsingLowestDenseStore(maxBins), store.NewSparseStore())
}
