//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// listenLocal listens on a free port of the loopback interface.
//
// The port lies below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere). So it
// stays free for a server that is stopped and started again, and a client that dials it meanwhile can't be given the
// same port as its own and so meet itself. No other test is given it, in this process or another, as long as this one
// runs.
func listenLocal() (net.Listener, error) {
	const first, last = 15000, 32000
	for range 100 {
		port := first + rand.N(last-first)
		switch free, err := take(port); {
		case err != nil:
			return nil, err
		case !free:
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // no name to look up
		if !errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
	}
	return nil, errors.New("no free port on 127.0.0.1")
}

// take takes a port for this process: the lock on its file ends with the process, so the file is not closed before. It
// reports false where another test of this user has the port.
func take(port int) (bool, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("symphony-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	name := filepath.Join(dir, strconv.Itoa(port))
	file, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return false, &os.PathError{Op: "open", Path: name, Err: err}
	}
	switch err := syscall.Flock(file, syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, syscall.Close(file)
	case err != nil:
		return false, errors.Join(err, syscall.Close(file))
	}
	return true, nil
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
