package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Timeouts of a Server. Consume and cron runs set a later deadline for their own answer.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10 // cookies of a Supabase session are long
)

// Server serves a handler with timeouts. The zero value is not ready to use; see NewServer.
type Server struct{ http *http.Server }

// NewServer makes a server. What connections do wrong goes to the logger at level debug.
func NewServer(h http.Handler, log *slog.Logger) *Server {
	return &Server{&http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}

// ConnContext has f make the context of the requests of each connection; see http.Server. It is to be called before
// Serve.
func (s *Server) ConnContext(f func(context.Context, net.Conn) context.Context) {
	s.http.ConnContext = f
}

// Serve serves a listener until Shutdown. Its error is nil after that.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("httpapi: serve: %w", err)
	}
	return nil
}

// ServeTLS is Serve with a certificate, from files in PEM.
func (s *Server) ServeTLS(l net.Listener, cert, key string) error {
	s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if err := s.http.ServeTLS(l, cert, key); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("httpapi: serve: %w", err)
	}
	return nil
}

// Shutdown takes no more requests and waits for those in progress until ctx ends; then it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("httpapi: shut down: %w", err), s.http.Close())
	}
	return nil
}
