//go:build unix

package pgtest

import (
	"sync"
	"testing"
)

// Options say which server Start starts. The zero value is the newest version found, as URL has it.
type Options struct {
	// Version is the major version, one of Versions; "" is the newest.
	Version string
	// Settings are parameters of postgresql.conf that differ from stock, such as "max_connections": "20".
	Settings map[string]string
	// Fsync makes commits durable as in production. Off by default: a server that is killed loses nothing that the
	// system has, only a machine that loses power would.
	Fsync bool
}

// Server is a PostgreSQL server of one test.
//
// Its methods are safe for concurrent use. What goes wrong in them fails the test at once; called from another
// goroutine than the test's, it fails the test and ends that goroutine.
type Server struct {
	t  testing.TB
	mu sync.Mutex // held while the server's state changes
	c  *cluster
}

// Start starts a server that is stopped and removed at the end of the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	c, err := newCluster(o)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	s := &Server{t: t, c: c}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := c.release(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return s
}

// URL returns the URL of a database for the superuser, without TLS. The database "postgres" always exists. The URL
// stays the same when the server is stopped and started again.
func (s *Server) URL(database string) string { return s.c.url(database) }

// NewDatabase makes an empty database and returns its URL.
func (s *Server) NewDatabase() string {
	s.t.Helper()
	_, database, err := createDatabase(s.t.Context(), s.c.url("postgres"))
	s.check(err)
	return database
}

// Stop shuts the server down fast: connections are ended, what they had not committed is rolled back. A server that
// does not run is left as it is.
func (s *Server) Stop() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.c.stop())
}

// Kill ends all processes of the server at once by SIGKILL. A server that does not run is left as it is.
func (s *Server) Kill() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.c.kill())
}

// Start starts the server again after Stop or Kill, on the same data and port. It returns when the server, recovered
// if need be, answers queries.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.c.start())
}

// Pause stops all processes of the server by SIGSTOP: connections stay open, new ones are accepted by the system, and
// nothing answers. The server must be running.
func (s *Server) Pause() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.c.pause()
	s.check(err)
}

// Continue lets a paused server go on where it was. The server must be running, paused or not.
func (s *Server) Continue() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.c.resume())
}

// Version returns the major version, such as 15.
func (s *Server) Version() int { return s.c.major }

func (s *Server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("pgtest: %v", err)
	}
}
