package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/operation"
	"github.com/symphony-messenger/symphony/server"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// A command reaches the messages in one of three ways, and always through the client of the HTTP API, so that it is
// written once:
//
//  1. a server, if one is named (--server, SYMPHONY_SERVER),
//  2. a running process that has the local SQLite file open, through its private socket,
//  3. else the database itself: it is opened here, and the API answers in this process.
//
// In the last two the caller is the local administrator and needs no key: whoever can open the socket can read the
// database, too.

// reached is a way to the messages.
type reached struct {
	*client.Client
	config *config.Config
	local  bool // not a server somewhere
	alone  bool // the database is open in this process
	close  func()
	// operations are worked on by this process while it follows one; nil unless it is alone.
	operations *operation.Operations
}

// seeing is the client that shows what is redacted, or not.
func (r *reached) seeing(unmasked bool) *client.Client {
	if unmasked {
		return r.Unmasked()
	}
	return r.Client
}

// need is what a command needs where it works in this process.
type need int

const (
	storageOnly  need = iota
	withHandlers      // for transports of kind sync
	longRunning       // handlers, and on a SQLite file a socket for other commands meanwhile
)

// How long a command waits for another one that has the database open for a moment, and how often it looks.
const (
	lockPatience = 30 * time.Second
	lockInterval = 50 * time.Millisecond
)

func (a *app) reach(cmd *cobra.Command, what need) (*reached, error) {
	c, err := a.config(cmd)
	if err != nil {
		return nil, err
	}
	// --database means the local one, whatever the environment says.
	if c.Client.Server != "" && !cmd.Flags().Changed("database") {
		return a.reachServer(c)
	}
	if err := errors.Join(refuseMemory(c), a.refuseMissing(c)); err != nil {
		return nil, err
	}
	o := server.Options{
		Mode: server.Command, NoHandlers: what == storageOnly, Patience: server.NoPatience, Programs: &a.programs,
		Logger: a.quietLogger(c), Version: build().Version, Commit: build().Commit,
	}
	if what != storageOnly {
		o.Handlers = demo(c, o.Logger)
	}
	ctx := cmd.Context()
	var r *reached
	err = a.patiently(ctx, func() error {
		s, err := server.New(ctx, c, o)
		if err == nil {
			r, err = a.reachStorage(ctx, s, c, what)
			return err
		}
		var locked *sqlite.LockedError
		if errors.As(err, &locked) && locked.Socket != "" {
			// The process may be about to end, or not be ours to talk to: then its lock is what counts.
			if through, serr := a.reachSocket(ctx, c, locked); serr == nil {
				r = through
				return nil
			}
		}
		return err
	})
	return r, err
}

// refuseMemory refuses to work on messages in the memory of this process, where they would be lost when the command ends.
func refuseMemory(c *config.Config) error {
	for _, t := range c.Transports {
		if t.Kind != config.Memory {
			return nil
		}
	}
	return usageError{errors.New("the transports are of kind memory, so the messages are in the process that serves: name it with --server")}
}

// refuseMissing refuses to work on a database file that does not exist. Made empty here, it would answer that nothing waits
// and nothing failed, and take messages that no server ever sees.
func (a *app) refuseMissing(c *config.Config) error {
	if c.Database.PostgreSQL() || !keepsMessages(c) {
		return nil
	}
	if _, err := os.Stat(c.Database.Path); !errors.Is(err, fs.ErrNotExist) {
		return nil // whatever else is wrong with it shows when it is opened
	}
	path, err := filepath.Abs(c.Database.Path)
	if err != nil {
		path = c.Database.Path
	}
	return usageError{fmt.Errorf(`there is no database at %s
Do one of these:
  - go to the folder of the server's database, or name the file: --database FILE, or SYMPHONY_DATABASE
  - name a running server: --server URL with --api-key-file FILE, or SYMPHONY_SERVER with SYMPHONY_API_KEY
  - name a PostgreSQL database: SYMPHONY_DATABASE_URL
  - start a new one here: "%[2]s serve" makes it, as does "%[2]s migrate"`, path, program())}
}

// keepsMessages reports whether any transport is kept in the database.
func keepsMessages(c *config.Config) bool {
	return slices.ContainsFunc(c.Transports, func(t config.Transport) bool { return t.Kind == config.Stored })
}

// patiently calls open again while the database is open in another process, as it is for a moment while another
// command works on it.
func (a *app) patiently(ctx context.Context, open func() error) error {
	clock := symphony.SystemClock()
	for deadline := clock.Now().Add(lockPatience); ; {
		err := open()
		var locked *sqlite.LockedError
		if !errors.As(err, &locked) || clock.Now().After(deadline) {
			return err
		}
		a.waiting(locked)
		pause := clock.NewTimer(lockInterval)
		select {
		case <-pause.C():
		case <-ctx.Done():
			pause.Stop()
			return errInterrupted
		}
	}
}

// quietLogger is for commands that are not there to be watched: what they do shows in their output.
func (a *app) quietLogger(c *config.Config) *slog.Logger {
	if a.verbose {
		return a.logger(c)
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (a *app) reachServer(c *config.Config) (*reached, error) {
	if c.Client.APIKey == "" {
		return nil, usageError{errors.New("a server needs an API key: set SYMPHONY_API_KEY or use --api-key-file")}
	}
	cl, err := client.New(c.Client.Server, string(c.Client.APIKey), client.Options{UserAgent: userAgent()})
	if err != nil {
		return nil, usageError{err}
	}
	a.note("Working on the server %s.", c.Client.Server)
	return &reached{Client: cl, config: c, close: func() {}}, nil
}

func userAgent() string { return "symphony-cli/" + build().Version }

func (a *app) reachSocket(ctx context.Context, c *config.Config, locked *sqlite.LockedError) (*reached, error) {
	// The process may have ended since it announced the socket.
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", locked.Socket)
	if err != nil {
		return nil, err
	}
	if err := conn.Close(); err != nil {
		return nil, err
	}
	cl, err := client.NewUnix(locked.Socket, client.Options{UserAgent: userAgent()})
	if err != nil {
		return nil, err
	}
	a.note("Working through process %d, which has %s open.", locked.PID, locked.Path)
	return &reached{Client: cl, config: c, local: true, close: func() {}}, nil
}

// closeGrace is how long requests in progress may take at the end.
const closeGrace = 5 * time.Second

// localURL stands for this process: no network is involved.
const localURL = "http://local"

func (a *app) reachStorage(ctx context.Context, s *server.Server, c *config.Config, what need) (*reached, error) {
	shut := func() {
		if err := s.Close(); err != nil {
			fmt.Fprintf(a.err, "closing: %v\n", err)
		}
	}
	cl, err := client.New(localURL, "", client.Options{UserAgent: userAgent(), HTTPClient: &http.Client{Transport: inProcess{s.LocalHandler()}}})
	if err != nil {
		shut()
		return nil, err
	}
	r := &reached{Client: cl, config: c, local: true, alone: true, close: shut, operations: s.Operations()}
	if s.Database() == "" {
		return r, nil
	}
	a.note("Working on the database %s.", s.Database())
	if what != longRunning {
		return r, nil
	}
	socket, err := s.ListenLocal(ctx)
	if err != nil {
		shut()
		return nil, err
	}
	if socket != nil {
		served := make(chan error, 1)
		go func() { served <- socket.Serve() }()
		r.close = func() {
			ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
			defer cancel()
			if err := errors.Join(socket.Close(ctx), <-served); err != nil {
				fmt.Fprintf(a.err, "closing: %v\n", err)
			}
			shut()
		}
	}
	return r, nil
}
