// Command profiled serves the HTTP API on a database until SIGTERM, as "symphony serve --no-worker" does, and writes a
// CPU profile of it. The benchmarks run it in place of the product when they are asked for profiles.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func main() {
	addr := flag.String("addr", "", "listen on this address")
	database := flag.String("database", "", "the SQLite file")
	profile := flag.String("profile", "", "write the profile to this file")
	accessLog := flag.Bool("access-log", true, "log each request")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, *database, *profile, *accessLog); err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr, database, profile string, accessLog bool) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	tr, err := sqlite.Open(ctx, database, sqlite.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tr.Close()) }()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		return err
	}
	keys := auth.NewRecordKeys(tr)
	authenticator, err := auth.New(auth.Options{Keys: keys, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, authenticator.Close(context.WithoutCancel(ctx))) }()
	o := httpapi.Options{Bus: bus, Mux: symphony.NewMux(), Auth: authenticator, Keys: keys, Logger: log}
	if accessLog {
		o.AccessLog = log
	}
	api, err := httpapi.New(o)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	f, err := os.Create(profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	server := httpapi.NewServer(api.Handler(), log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return errors.Join(server.Shutdown(context.WithoutCancel(ctx)), <-served)
	}
}
