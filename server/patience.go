package server

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

const (
	// patienceInterval is how often New looks whether a file or an address can be had.
	patienceInterval = 50 * time.Millisecond
	// addressPatience is how long New waits for an address at most. A program that a killed server was about to start
	// has the server's sockets until it runs, which takes milliseconds, and longer on a machine that is busy: a server
	// that is started again at once must not fail for that.
	addressPatience = 2 * time.Second
)

// patience is how long to wait for what another process has for a moment, negative for not at all.
func (o Options) patience() time.Duration {
	if o.Patience == 0 {
		return DefaultPatience
	}
	return o.Patience
}

// patiently calls open again for so long, while its error may pass.
func patiently(ctx context.Context, patience time.Duration, passes func(error) bool, open func() error) error {
	clock := symphony.SystemClock()
	for deadline := clock.Now().Add(patience); ; {
		err := open()
		if err == nil || patience < 0 || clock.Now().After(deadline) || !passes(err) {
			return err
		}
		pause := clock.NewTimer(patienceInterval)
		select {
		case <-pause.C():
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

// waitsFor reports whether an error is that the database is open in another process, as it is for a moment while a
// command works on it, and says that it is waited for. A process that serves the database announces a socket.
func (o Options) waitsFor(err error) bool {
	var locked *sqlite.LockedError
	if !errors.As(err, &locked) || locked.Socket != "" {
		return false
	}
	if o.Waiting != nil {
		o.Waiting(locked)
	}
	return true
}

// listen listens on an address, and waits for it for so long where it is taken.
func listen(ctx context.Context, addr string, patience time.Duration) (l net.Listener, err error) {
	taken := func(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
	err = patiently(ctx, patience, taken, func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		return err
	})
	return l, err
}
