package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/retention"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// database is the open database of all transports of kind database.
type database struct {
	address string            // for people
	file    *sqlite.Transport // nil on PostgreSQL
	named   func(transport string) symphony.Transport
}

// openStorage opens the configured database. The error is a *sqlite.LockedError if it is a file that another process
// has open. info is what this process tells others that use the database, with each heartbeat.
//
// aged is told of dead letters whose period is over, steering of holds and limits that end by themselves.
func openStorage(
	ctx context.Context, c *config.Config, o Options, info func() json.RawMessage, aged func(context.Context,
		retention.Aged), steering flow.Observer,
) (*database, error) {
	if !c.Database.PostgreSQL() {
		settings := SQLiteOptions(c, o.Logger)
		settings.Aged, settings.Steering = aged, steering
		db, err := sqlite.Open(ctx, c.Database.Path, settings)
		if err != nil {
			return nil, err
		}
		return &database{db.Path(), db, func(name string) symphony.Transport { return db.Named(name) }}, nil
	}
	if err := checkStorage(c, o); err != nil {
		return nil, err
	}
	settings := PostgresOptions(c, o.Logger, o.Version)
	settings.Node.Info, settings.Aged, settings.Steering = info, aged, steering
	db, err := postgres.Open(ctx, string(c.Database.URL), settings)
	if err != nil {
		return nil, err
	}
	return &database{address: db.Address(), named: func(name string) symphony.Transport { return db.Named(name) }}, nil
}

// warnExposedFile says that others than its owner have access to a database, which an earlier version, a restored copy
// or a person may have left so. Windows has no such modes.
func warnExposedFile(path string, log *slog.Logger) {
	if runtime.GOOS == "windows" {
		return
	}
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			log.Warn("other users of this machine have access to the database, with payloads and hashes of keys: chmod 600",
				"path", name, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
		}
	}
}

// SQLiteOptions are the configured settings of a SQLite file, for programs that open it without a Server.
func SQLiteOptions(c *config.Config, log *slog.Logger) sqlite.Options {
	return sqlite.Options{Periods: c.RetentionRules(), Limits: c.FlowLimits(), Indexes: c.Indexes(), Logger: log}
}

// PostgresOptions are the configured settings of a PostgreSQL database, for programs that work on it without a Server.
// version is the program's.
func PostgresOptions(c *config.Config, log *slog.Logger, version string) postgres.Options {
	d := c.Database
	return postgres.Options{
		Schema: d.Schema, Periods: c.RetentionRules(), Limits: c.FlowLimits(),
		Indexes: c.Indexes(), MaxConns: d.MaxConnections,
		ListenURL:    string(d.ListenURL),
		PollInterval: d.PollInterval, Timeout: d.Timeout, KeepSchema: d.Migrate == config.MigrateManually,
		Node: postgres.NodeInfo{Name: monitor.NodeName(), Version: version}, Logger: log,
	}
}

// checkStorage looks for mistakes in the settings of the database, without opening it.
func checkStorage(c *config.Config, o Options) error {
	if !c.Database.PostgreSQL() {
		return nil
	}
	if _, err := postgres.Check(string(c.Database.URL), PostgresOptions(c, o.Logger, o.Version)); err != nil {
		return mistake(c, "database", err)
	}
	return nil
}
