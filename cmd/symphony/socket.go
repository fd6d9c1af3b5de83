package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// maxSocketPath is what every system takes for the path of a unix socket, in bytes.
const maxSocketPath = 100

// socket is a unix socket in a folder that only this user may enter: whoever can open it could read the database, too.
type socket struct {
	net.Listener
	path string
}

// listenLocally opens the socket on which commands beside this process reach it; see docs/adr/004-local-socket.md.
func listenLocally() (*socket, error) {
	base := os.TempDir()
	if runtime.GOOS != "windows" && len(base) > maxSocketPath/2 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "symphony-")
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	path := filepath.Join(dir, "api.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("local socket: %w", err), os.Remove(dir))
	}
	return &socket{l, path}, nil
}

// remove takes the folder away, after the listener was closed.
func (s *socket) remove() error { return os.RemoveAll(filepath.Dir(s.path)) }
