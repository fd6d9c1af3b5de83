package server

import (
	"context"
	"net/http"
	"sync"
)

// requests counts those that a handler is at, so that they can be waited for where somebody else's server has them.
type requests struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n falls to 0; nil unless somebody waits
}

// count has h serve, and counts.
func (q *requests) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.begin()
		defer q.end()
		h.ServeHTTP(w, r)
	})
}

func (q *requests) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
}

func (q *requests) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n--; q.n == 0 && q.none != nil {
		close(q.none)
		q.none = nil
	}
}

// wait waits until none is in progress, or ctx ends. One caller at a time waits.
func (q *requests) wait(ctx context.Context) error {
	q.mu.Lock()
	if q.n == 0 {
		q.mu.Unlock()
		return nil
	}
	none := make(chan struct{})
	q.none = none
	q.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
