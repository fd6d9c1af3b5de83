package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/internal/scratch"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// maxSocketPath is what every system takes for the path of a unix socket, in bytes.
const maxSocketPath = 100

// Server serves commands beside the process that has their database open; see docs/adr/004-local-socket.md. Its unix
// socket is in a folder that only this user may enter: whoever can open it could read the database, too.
type Server struct {
	database *sqlite.Transport
	listener net.Listener
	folder   *scratch.Folder
	server   *httpapi.Server
}

// Listen opens the socket for a handler, which is httpapi's LocalHandler, and announces it beside the database file,
// where commands look. Call Serve next, and Close in any case.
func Listen(ctx context.Context, db *sqlite.Transport, h http.Handler, log *slog.Logger) (*Server, error) {
	base := os.TempDir()
	if runtime.GOOS != "windows" && len(base) > maxSocketPath/2 {
		base = "/tmp"
	}
	scratch.Sweep(base)
	folder, err := scratch.Make(base)
	if err != nil {
		return nil, fmt.Errorf("local: socket: %w", err)
	}
	path := filepath.Join(folder.Path(), "api.sock")
	s := &Server{database: db, folder: folder, server: httpapi.NewServer(h, log)}
	s.server.ConnContext(withPeer)
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "unix", path); err != nil {
		return nil, errors.Join(fmt.Errorf("local: socket: %w", err), folder.Close())
	}
	if err := db.Announce(path); err != nil {
		return nil, errors.Join(err, s.listener.Close(), folder.Close())
	}
	return s, nil
}

// Serve answers until Close.
func (s *Server) Serve() error { return s.server.Serve(s.listener) }

// Close takes no more requests and waits for those in progress until ctx ends. It works whether Serve was called or
// not.
func (s *Server) Close(ctx context.Context) error {
	err := errors.Join(s.database.Announce(""), s.server.Shutdown(ctx))
	if cerr := s.listener.Close(); !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return errors.Join(err, s.folder.Close())
}
