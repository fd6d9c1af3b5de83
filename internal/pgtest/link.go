//go:build unix

package pgtest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection of a client through a proxy to the server.
//
// Each direction has two goroutines: one reads messages as they come and notes when they are due, the other passes
// them on when they are due and the proxy lets them pass. So a delay holds up each message for as long, however many
// there are.
type link struct {
	p      *Proxy
	n      int64           // among the proxy's connections, from 1
	ctx    context.Context // ends when the link is reset
	end    context.CancelFunc
	client *net.TCPConn
	phase  phase
	port   atomic.Int32 // of the connection to the server, on this side; 0 before there is one
}

// parcel is what one direction has read at once; at its end, instead, why there is no more.
type parcel struct {
	messages []Message
	err      error
	due      <-chan time.Time
}

// newLink makes the link of a client's connection.
func newLink(p *Proxy, client *net.TCPConn) *link {
	ctx, end := context.WithCancel(p.ctx)
	return &link{p: p, ctx: ctx, end: end, client: client}
}

// reset makes the link end, with everything that is under way lost.
func (l *link) reset() { l.end() }

// run passes bytes both ways until both directions have ended or the link is reset.
func (l *link) run() {
	defer l.p.forget(l)
	defer l.end()
	defer l.hold(l.client)()
	if !l.pass() {
		return
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(l.ctx, "tcp", l.p.target)
	if err != nil {
		l.reset() // the client learns that there is nobody
		return
	}
	server := conn.(*net.TCPConn)
	l.port.Store(int32(server.LocalAddr().(*net.TCPAddr).Port))
	defer l.hold(server)()

	var directions sync.WaitGroup
	directions.Go(func() { l.forward(ToServer, l.client, server) })
	directions.Go(func() { l.forward(ToClient, server, l.client) })
	directions.Wait()
}

// hold aborts conn as soon as the link is reset. The function it returns closes conn in good order if it was not.
func (l *link) hold(conn *net.TCPConn) (release func()) {
	aborted := make(chan struct{})
	stop := context.AfterFunc(l.ctx, func() {
		abort(conn)
		close(aborted)
	})
	return func() {
		if !stop() {
			<-aborted
			return
		}
		_ = conn.Close()
	}
}

// abort closes a connection by a reset: the other end gets an error, not an orderly end.
func abort(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // fails only on a connection that has ended already
	_ = conn.Close()
}

// pass waits until the proxy lets bytes pass. It is false when the link was reset meanwhile.
func (l *link) pass() bool {
	for l.ctx.Err() == nil {
		gate := l.p.gate()
		select {
		case <-gate:
			if gate == l.p.gate() {
				return true
			}
		case <-l.ctx.Done():
		}
	}
	return false
}

// forward passes on what from sends until it ends its side, then ends that side of to.
func (l *link) forward(d Direction, from, to *net.TCPConn) {
	// What is under way in a delayed direction is bounded, as on a real line.
	parcels := make(chan parcel, 64)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(parcels)
		messages := newReader(d, from, &l.phase)
		for {
			var next parcel
			next.messages, next.err = messages.read()
			next.due = l.p.due()
			select {
			case parcels <- next:
			case <-l.ctx.Done():
				return
			}
			if next.err != nil {
				return
			}
		}
	})
	if !l.deliver(d, parcels, to) {
		l.reset()
	}
	reading.Wait()
}

// deliver writes what is due to a connection and, after the last of it, ends its side of it. It is false when the
// link cannot go on.
func (l *link) deliver(d Direction, parcels <-chan parcel, to *net.TCPConn) bool {
	for next := range parcels {
		select {
		case <-next.due:
		case <-l.ctx.Done():
			return false
		}
		if !l.pass() {
			return false
		}
		var passing []byte
		killed := false
		for _, m := range next.messages {
			m.Conn = l.n
			if killed = l.p.killed(d, m); killed {
				break
			}
			passing = append(passing, m.raw...)
		}
		if _, err := to.Write(passing); err != nil || killed {
			return false
		}
		switch {
		case errors.Is(next.err, io.EOF):
			return to.CloseWrite() == nil
		case next.err != nil:
			return false
		}
	}
	return true
}
