package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// maxSocketPath is what every system takes for the path of a unix socket, in bytes.
const maxSocketPath = 100

// localServer serves commands beside this process, which has the database they want; see docs/adr/004-local-socket.md.
// Its unix socket is in a folder that only this user may enter: whoever can open it could read the database, too.
type localServer struct {
	database *sqlite.Transport
	listener net.Listener
	dir      string
	server   *httpapi.Server
}

// listenLocally opens the socket, to be served by serve. The database must be a SQLite file: others may use PostgreSQL
// themselves.
func (n *node) listenLocally(ctx context.Context, h http.Handler) (*localServer, error) {
	base := os.TempDir()
	if runtime.GOOS != "windows" && len(base) > maxSocketPath/2 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "symphony-")
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	path := filepath.Join(dir, "api.sock")
	l := &localServer{database: n.file(), dir: dir, server: httpapi.NewServer(h, n.log)}
	l.server.ConnContext(withPeer)
	if l.listener, err = (&net.ListenConfig{}).Listen(ctx, "unix", path); err != nil {
		return nil, errors.Join(fmt.Errorf("local socket: %w", err), os.Remove(dir))
	}
	if err := l.database.Announce(path); err != nil {
		return nil, errors.Join(err, l.listener.Close(), os.RemoveAll(dir))
	}
	return l, nil
}

// serve answers until close.
func (l *localServer) serve() error { return l.server.Serve(l.listener) }

// close takes no more requests and waits for those in progress until ctx ends. It works whether serve was called or not.
func (l *localServer) close(ctx context.Context) error {
	err := errors.Join(l.database.Announce(""), l.server.Shutdown(ctx))
	if cerr := l.listener.Close(); !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}
