package operation

import (
	"testing"
	"time"
)

func TestTotalIsNeverLessThanWhatWasDealtWith(t *testing.T) {
	total := func(n int64) *int64 { return &n }
	for name, test := range map[string]struct {
		before Operation
		change func(*Operation)
		want   *int64
	}{
		"more than were counted":         {Operation{Total: total(3), Done: 2}, func(op *Operation) { op.Done += 2; op.Skipped++ }, total(5)},
		"fewer than were counted":        {Operation{Total: total(9)}, func(op *Operation) { op.Done = 4 }, total(9)},
		"counted while it was worked on": {Operation{Done: 4}, func(op *Operation) { op.Total = total(1) }, total(4)},
		"not counted yet":                {Operation{}, func(op *Operation) { op.Done = 4 }, nil},
	} {
		w := &work{Operations: &Operations{}, op: test.before}
		op, _ := w.next(time.Now(), test.change)
		if (op.Total == nil) != (test.want == nil) || op.Total != nil && *op.Total != *test.want {
			t.Errorf("%s: the total of %d done and %d skipped is wrong: %v", name, op.Done, op.Skipped, op.Total)
		}
	}
}
