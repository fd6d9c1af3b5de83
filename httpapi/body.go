package httpapi

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
)

// What is set aside for a body before any of it has arrived is what it claims to have, within these bounds.
const (
	leastBytes = 1 << 10
	firstBytes = 64 << 10
)

// body reads the request's body, at most limit bytes after decoding. The buffer goes back to its pool with free.
func (c *call) body(limit int64) (*buffer, error) {
	if c.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	in, done, err := decoded(c.Request, c.Body)
	if err != nil {
		return nil, err
	}
	defer done()
	want, first := limit+1, int64(leastBytes) // one more than may be, to see that it is too much
	if c.ContentLength >= 0 && in == io.Reader(c.Body) {
		want = c.ContentLength + 1
		first = min(max(want, leastBytes), firstBytes)
	}
	buf := buffers.Get().(*buffer)
	buf.flight = &c.api.flight
	if err := buf.reserve(first); err != nil {
		buf.free()
		return nil, err
	}
	for {
		if len(buf.b) == cap(buf.b) {
			size := min(max(want, int64(len(buf.b))+1), 4*int64(cap(buf.b)))
			if size > largeBody && c.turn == 0 {
				if err := c.awaitTurn(want); err != nil {
					buf.free()
					return nil, err
				}
			}
			if err := buf.reserve(size); err != nil {
				buf.free()
				return nil, err
			}
		}
		n, err := in.Read(buf.b[len(buf.b):cap(buf.b)])
		buf.b = buf.b[:len(buf.b)+n]
		switch {
		case int64(len(buf.b)) > limit:
			buf.free()
			return nil, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			buf.free()
			return nil, unreadableBody(err)
		}
	}
}

func tooLarge(limit int64) error {
	return say(errBodyTooLarge, "the body must have at most %d bytes", limit)
}

// unreadableBody is the error of a body that cannot be read to its end.
func unreadableBody(err error) error {
	kind := errBodyUnreadable
	switch {
	case errors.Is(err, errBodyTooSlow), errors.Is(err, os.ErrDeadlineExceeded):
		kind = errBodyTooSlow
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		kind = errBodyMisencoded
	}
	return fmt.Errorf("%w: %w", kind, err)
}

var gunzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

// decoded undoes the Content-Encoding of a body. done is to be called when it was read.
func decoded(r *http.Request, body io.Reader) (in io.Reader, done func(), err error) {
	switch encoding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ", ")); encoding {
	case "", "identity":
		return body, func() {}, nil
	case "gzip", "x-gzip":
		z := gunzips.Get().(*gzip.Reader)
		return &gunzip{from: body, z: z}, func() { gunzips.Put(z) }, nil
	default:
		return nil, nil, say(errMediaType, "the body must be sent without Content-Encoding or with gzip, not with %q", shortened(encoding, maxPathTold))
	}
}

// gunzip decodes a body from its first byte on; one that is empty stays so.
type gunzip struct {
	from  io.Reader
	z     *gzip.Reader
	begun bool
}

func (g *gunzip) Read(b []byte) (int, error) {
	if !g.begun {
		if err := g.z.Reset(g.from); err != nil {
			return 0, err
		}
		g.begun = true
	}
	return g.z.Read(b)
}

// A body of any length may come as slowly as this, all its pieces together; beside that no piece may take longer than
// stallTime.
const (
	slowest   = 1 << 10 // bytes a second
	slowGrace = time.Minute
)

// patient is a body of any length, whose caller may take its time for each piece, but not for ever for all of them.
type patient struct {
	*call
	waited time.Duration // for the caller, not for what is done with what came
	read   int64
}

// Read reads a piece, and none once the call is over: nor does the server then wait for the rest before it answers.
func (p *patient) Read(b []byte) (int, error) {
	left := slowGrace + time.Duration(p.read)*time.Second/slowest - p.waited
	over := p.Context().Err()
	if over == nil && left <= 0 {
		over = errBodyTooSlow
	}
	clock := p.api.o.Clock
	until, begin := clock.Read()
	if over == nil {
		until = until.Add(min(left, stallTime))
	}
	err := http.NewResponseController(p.w).SetReadDeadline(until)
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	if over != nil {
		return 0, over
	}
	n, err := p.Body.Read(b)
	p.read += int64(n)
	p.waited += symphony.Elapsed(clock) - begin
	return n, err
}
