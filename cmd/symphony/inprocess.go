package main

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/symphony-messenger/symphony/local"
)

// inProcess is an http.RoundTripper that has a handler answer, in this process. An answer is handed over when it is complete
// or, if the handler flushes it before, as it is written.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(local.AsThisUser(r.Context()))
	served := r.Clone(ctx)
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.RequestURI = r.URL.RequestURI()
	w := &answer{header: http.Header{}, flushed: make(chan struct{})}
	w.moved.L = &w.mu
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.end()
		defer func() {
			// As a server does it: what is broken off is no whole answer.
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // is thrown as it is
				panic(v)
			} else if v != nil {
				w.abort()
			}
		}()
		p.ServeHTTP(w, served)
	}()
	// It is over when the caller closes the body, which every caller does.
	body := &answerBody{answer: w, close: func() { cancel(); <-done }}
	select {
	case <-w.flushed:
	case <-done:
	}
	return w.response(r, body), nil
}

// answer keeps what a handler writes until it is read.
type answer struct {
	mu      sync.Mutex
	moved   sync.Cond
	header  http.Header
	status  int
	unread  []byte
	whole   bool // the handler has returned
	aborted bool // without completing the answer
	closed  bool // nobody reads on
	once    sync.Once
	flushed chan struct{}
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == 0 {
		w.status = status
	}
}

// maxUnread is how much of an answer that is read while it is written may wait for its reader.
const maxUnread = 1 << 20

func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.isFlushed() && len(w.unread) > maxUnread && !w.closed {
		w.moved.Wait()
	}
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	w.unread = append(w.unread, b...)
	w.moved.Broadcast()
	return len(b), nil
}

// Flush is http.Flusher's.
func (w *answer) Flush() {
	w.WriteHeader(http.StatusOK)
	w.once.Do(func() { close(w.flushed) })
}

func (w *answer) isFlushed() bool {
	select {
	case <-w.flushed:
		return true
	default:
		return false
	}
}

func (w *answer) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aborted = true
}

func (w *answer) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole = true
	w.moved.Broadcast()
}

func (w *answer) response(r *http.Request, body io.ReadCloser) *http.Response {
	w.WriteHeader(http.StatusOK)
	w.mu.Lock()
	defer w.mu.Unlock()
	length := int64(-1)
	if w.whole {
		length = int64(len(w.unread))
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header.Clone(), Body: body, ContentLength: length, Request: r,
	}
}

// answerBody is what a caller reads.
type answerBody struct {
	*answer
	close func()
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.unread) == 0 {
		if b.aborted {
			return 0, io.ErrUnexpectedEOF
		}
		if b.whole || b.closed {
			return 0, io.EOF
		}
		b.moved.Wait()
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	b.moved.Broadcast()
	return n, nil
}

// Close ends the handler, if it still writes, and waits for it.
func (b *answerBody) Close() error {
	b.mu.Lock()
	b.closed = true
	b.moved.Broadcast()
	b.mu.Unlock()
	b.close()
	return nil
}
