//go:build unix

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// patience is how long a server may take to start, to stop or to make a database, on a machine that is busy.
	patience = time.Minute
	// pollInterval is how often is looked whether it has.
	pollInterval = 10 * time.Millisecond
)

// errExited is a server that went while it was starting.
var errExited = errors.New("the server exited")

// cluster is a data directory and the server that runs on it.
type cluster struct {
	*workspace
	bin      string
	major    int
	port     int
	settings []string // -c name=value, ready for the command line
	server   *process // nil before the first start
}

// newCluster makes a data directory and starts its server.
func newCluster(o Options) (_ *cluster, err error) {
	major, bin, err := binaries(o.Version)
	if err != nil {
		return nil, err
	}
	space, err := newWorkspace()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, space.close())
		}
	}()
	c := &cluster{workspace: space, bin: bin, major: major}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		c.settings = append(c.settings, "-c", name+"="+o.Settings[name])
	}
	if !o.Fsync {
		c.settings = append(c.settings, "-c", "fsync=off")
	}
	if err := c.initialize(o.Version == ""); err != nil {
		return nil, err
	}
	for range 5 {
		if c.port, err = freePort(); err != nil {
			return nil, err
		}
		// Somebody else may have taken the port by the time the server wants it.
		if err = c.start(); !errors.Is(err, errExited) || !strings.Contains(c.log(), "could not bind") {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// initialize makes the data directory. Where a process has several servers of the newest version, they are copies of one
// that was never started: initdb takes most of a second.
func (c *cluster) initialize(newest bool) error {
	if !newest {
		return c.initdb()
	}
	pristine, err := pristineCluster()
	if err != nil {
		return err
	}
	return c.run("cp", "-Rp", pristine.data(), c.data())
}

func (c *cluster) initdb() error {
	return c.run(filepath.Join(c.bin, "initdb"), "--pgdata="+c.data(), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
}

// pristineCluster makes the data directory of the newest version once. Its guard removes it when the process ends.
var pristineCluster = sync.OnceValues(func() (_ *cluster, err error) {
	major, bin, err := binaries("")
	if err != nil {
		return nil, err
	}
	space, err := newWorkspace()
	if err != nil {
		return nil, err
	}
	c := &cluster{workspace: space, bin: bin, major: major}
	if err := c.initdb(); err != nil {
		return nil, errors.Join(err, space.close())
	}
	return c, nil
})

// data is the data directory; guardScript knows its name.
func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// url is the URL of a database for the superuser.
func (c *cluster) url(database string) string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.User("postgres"),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}).String()
}

// start starts the server and waits until it answers queries.
//
// Dynamic shared memory lies in the data directory, so that it goes with it when the server is killed for good.
func (c *cluster) start() error {
	if c.running() {
		return errors.New("the server runs already")
	}
	server, err := c.workspace.start(filepath.Join(c.bin, "postgres"), slices.Concat([]string{
		"-D", c.data(),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "port=" + strconv.Itoa(c.port),
		"-c", "unix_socket_directories=",
		"-c", "dynamic_shared_memory_type=mmap",
	}, c.settings)...)
	if err != nil {
		return err
	}
	c.server = server
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.awaitReady(ctx); err != nil {
		return errors.Join(fmt.Errorf("start PostgreSQL %d: %w; its log:\n%s", c.major, err, c.log()), c.kill())
	}
	return nil
}

// awaitReady returns when the server answers queries, has exited, or ctx ends.
func (c *cluster) awaitReady(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := c.greet(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.server.done:
			return errExited
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// greet makes sure that the server answers, and not another one that took the port first.
func (c *cluster) greet(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	var directory string
	err = conn.QueryRow(ctx, "SHOW data_directory").Scan(&directory)
	if err == nil && directory != c.data() {
		err = fmt.Errorf("port %d belongs to the server of %s", c.port, directory)
	}
	return errors.Join(err, conn.Close(ctx))
}

// running says whether the server runs, paused or not.
func (c *cluster) running() bool {
	if c.server == nil {
		return false
	}
	select {
	case <-c.server.done:
		return false
	default:
		return true
	}
}

// stop shuts the server down: connections are ended, what they had not committed is rolled back. One that has
// exited is left as it is.
func (c *cluster) stop() error {
	if !c.running() {
		return nil
	}
	if err := c.resume(); err != nil {
		return err
	}
	if err := c.server.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-c.server.done:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("PostgreSQL %d did not stop; its log:\n%s", c.major, c.log()), c.kill())
	}
}

// release stops the server for good and removes its directory.
func (c *cluster) release() error {
	return errors.Join(c.stop(), c.close())
}

// ping runs a query at url.
func ping(ctx context.Context, url string) error {
	return execute(ctx, url, "SELECT 1")
}

// execute runs a statement at url over a connection of its own, with the simple protocol, which every pooler speaks.
func execute(ctx context.Context, url, statement string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// createDatabase makes an empty database with a name of its own on the server at url, and returns name and URL.
func createDatabase(ctx context.Context, serverURL string) (name, databaseURL string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", "", err
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", "", errors.New("the URL of a server begins with postgres://")
	}
	name = "symphony_test_" + strings.ToLower(rand.Text())
	if err := execute(ctx, serverURL, "CREATE DATABASE "+name); err != nil {
		return "", "", fmt.Errorf("create a database: %w", err)
	}
	u.Path = "/" + name
	return name, u.String(), nil
}

// dropDatabase drops a database and ends who is connected to it.
func dropDatabase(serverURL, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := execute(ctx, serverURL, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}
