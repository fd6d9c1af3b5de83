//go:build unix

package pgtest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// listenLocal listens on a free port of the loopback interface.
//
// The port lies below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere). So it
// stays free for a server that is stopped and started again, and a client that dials it meanwhile can't be given the
// same port as its own and so meet itself.
func listenLocal() (net.Listener, error) {
	const first, last = 15000, 32000
	for range 100 {
		port := first + rand.N(last-first)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // no name to look up
		if !errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
	}
	return nil, errors.New("no free port on 127.0.0.1")
}

// FreeAddress is a host:port of the loopback interface on which nobody listens at the moment, and which the system
// gives to no one: a program can be killed and started again there, whatever else runs.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePort is a port of the loopback interface that nobody listens on at the moment.
func freePort() (int, error) {
	listener, err := listenLocal()
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
