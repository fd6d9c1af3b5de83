//go:build unix

package pgtest

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP proxy in front of a server of PostgreSQL or PgBouncer, and the faults of a network on demand. Faults
// add up until Restore. Its methods are safe for concurrent use.
type Proxy struct {
	t      testing.TB
	target string
	addr   string

	ctx     context.Context // ends with the test
	running sync.WaitGroup  // everything that the proxy has started

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	links    map[*link]struct{}
	open     chan struct{} // closed while bytes may pass
	delay    time.Duration
	hooks    [2]*hook // by direction; nil is none
	accepted int64
}

// Direction is a way through the proxy.
type Direction int

const (
	// ToServer is the way of requests.
	ToServer Direction = iota
	// ToClient is the way of answers.
	ToClient
)

// hook decides where a connection is reset.
type hook struct {
	at    func(Message) bool
	count int64
	hit   chan struct{}
}

// NewProxy starts a proxy to target, a host:port or the URL of a database, that ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	if strings.Contains(target, "://") {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatalf("pgtest: %v", err)
		}
		if target = u.Host; u.Port() == "" {
			target = net.JoinHostPort(u.Hostname(), "5432")
		}
	}
	listener, err := listenLocal()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		t: t, target: target, addr: listener.Addr().String(), ctx: ctx,
		listener: listener, links: make(map[*link]struct{}), open: make(chan struct{}),
	}
	close(p.open)
	p.running.Go(func() { p.accept(listener) })
	t.Cleanup(func() {
		p.Refuse()
		cancel() // resets all connections
		p.running.Wait()
	})
	return p
}

// Addr is the host:port that the proxy listens on. It stays the same through all faults.
func (p *Proxy) Addr() string { return p.addr }

// URL returns the URL base, with its host and port replaced by the proxy's.
func (p *Proxy) URL(base string) string {
	p.t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		p.t.Fatalf("pgtest: %v", err)
	}
	u.Host = p.addr
	return u.String()
}

// Cut stops all bytes and all ends of connections, both ways, like a network that is torn apart: whoever waits for an
// answer hangs. New connections are accepted and stay silent. After Restore everything held up arrives.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		p.open = make(chan struct{})
	default:
	}
}

// Ports returns the local ports of the proxy's connections to the server, by which the server knows them. Those that
// were cut or have ended are not among them, although the server may still be busy with what it got over them.
func (p *Proxy) Ports() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ports []int
	for l := range p.links {
		if port := l.port.Load(); port != 0 && l.ctx.Err() == nil {
			ports = append(ports, int(port))
		}
	}
	return ports
}

// Reset resets all connections at once, on both sides. What is held up by Cut or Delay is lost. New connections work.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Refuse makes the proxy refuse new connections. Those that exist go on.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close() // all that matters is that nobody listens any more
		p.listener = nil
	}
}

// Delay makes everything take d longer in each direction, so a round trip takes 2 d longer. It does not narrow the
// way: what is sent together arrives together. It applies to what comes in from now on; 0 ends it.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// KillAt resets a connection in place of passing on a message. at is called with each message of that direction
// before it is passed on, one at a time, and says at which; it must not call methods of the proxy. What came before
// the message has been passed on:
//
//   - ToServer: the server never gets the message, nor what the client sends after it.
//   - ToClient: the server has done what it answers, and the client never learns of it.
//
// It happens once: then, or with Restore or another KillAt for the direction, the hook is gone. The channel that is
// returned is closed when it has happened.
func (p *Proxy) KillAt(d Direction, at func(Message) bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &hook{at: at, hit: make(chan struct{})}
	p.hooks[d] = h
	return h.hit
}

// Restore ends all faults: bytes pass at once, connections are accepted, hooks are gone.
func (p *Proxy) Restore() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
	default:
		close(p.open)
	}
	p.delay = 0
	p.hooks = [2]*hook{}
	if p.listener != nil {
		return
	}
	var config net.ListenConfig
	listener, err := config.Listen(p.ctx, "tcp", p.addr)
	if err != nil {
		p.t.Fatalf("pgtest: listen again: %v", err)
	}
	p.listener = listener
	p.running.Go(func() { p.accept(listener) })
}

// accept serves the connections of a listener until it is closed.
func (p *Proxy) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.t.Errorf("pgtest: accept: %v", err)
			return
		}
		l := newLink(p, conn.(*net.TCPConn))
		p.mu.Lock()
		p.accepted++
		l.n = p.accepted
		p.links[l] = struct{}{}
		p.mu.Unlock()
		p.running.Go(l.run)
	}
}

// forget removes a link that has ended.
func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// due is closed, or receives, when what comes in now may be passed on.
func (p *Proxy) due() <-chan time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.delay == 0 {
		now := make(chan time.Time)
		close(now)
		return now
	}
	return time.After(p.delay)
}

// gate is closed while bytes may pass.
func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// killed asks the direction's hook whether the connection is to be reset in place of passing on m.
func (p *Proxy) killed(d Direction, m Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hooks[d]
	if h == nil {
		return false
	}
	h.count++
	m.N = h.count
	if !h.at(m) {
		return false
	}
	p.hooks[d] = nil
	close(h.hit)
	return true
}
