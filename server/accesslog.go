package server

import (
	"io"
	"sync"
	"time"
)

// accessLogDelay is how long lines of the access log may wait for others; accessLogBytes is how much of them may wait.
// A write for each request would cost a third of what the server can dispatch. Lines that wait are lost if the process
// is killed; everything else is logged at once.
const (
	accessLogDelay = 100 * time.Millisecond
	accessLogBytes = 64 << 10
)

// delayedWriter writes what has gathered once in a while. Safe for concurrent use.
type delayedWriter struct {
	to io.Writer

	mu      sync.Mutex
	waiting []byte
	timer   *time.Timer // running while lines wait
}

// Write takes a line.
func (w *delayedWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, line...)
	switch {
	case len(w.waiting) >= accessLogBytes:
		w.write()
	case w.timer == nil:
		w.timer = time.AfterFunc(accessLogDelay, w.flush)
	}
	return len(line), nil
}

func (w *delayedWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write()
}

// write writes what waits. A log that cannot be written is no reason to stop serving. w.mu is held.
func (w *delayedWriter) write() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	_, _ = w.to.Write(w.waiting)
	w.waiting = w.waiting[:0]
}
