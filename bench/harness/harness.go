// Package harness starts and ends the servers of tests in programs that measure.
package harness

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// Harness takes the place of a test. The zero value is ready to use. What a test would fail for is a panic.
type Harness struct {
	testing.TB
	cleanups []func()
}

// Helper does nothing.
func (*Harness) Helper() {}

// Context never ends.
func (*Harness) Context() context.Context { return context.Background() }

// Cleanup has f called by End.
func (h *Harness) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Fatalf panics.
func (*Harness) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Errorf panics.
func (*Harness) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// End ends what was started, the last first.
func (h *Harness) End() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
}
