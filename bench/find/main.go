// Command find measures how long it takes to find, list and count messages among very many, on SQLite and on
// PostgreSQL. It dispatches and handles them as a program would, prints a table in Markdown, and deletes them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/bench/harness"
	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/transport/postgres"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// The bounds that are measured against: of a first page that an index carries, of a page of a bounded walk, of a count.
const (
	indexedBound = 20 * time.Millisecond
	walkBound    = 200 * time.Millisecond
	countBound   = 100 * time.Millisecond
)

// rowBytes is about what a message takes on the disk, with its indexes and what is written beside it meanwhile.
var rowBytes = map[string]int64{"sqlite": 1000, "postgres": 1600}

const (
	begin = "<!-- Made by make bench-find. -->\n"
	end   = "<!-- End of what is made. -->\n"
)

type options struct {
	n, reps  int
	storages []string
	dir, url string
	keep     string
	write    string
	limit    time.Duration
}

func main() {
	var (
		o        options
		storages string
	)
	flag.IntVar(&o.n, "n", 10_000_000, "how many messages")
	flag.IntVar(&o.reps, "reps", 15, "how often each page is read")
	flag.StringVar(&storages, "storages", "sqlite,postgres", "which storages, with commas between")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "make the SQLite file in this folder")
	flag.StringVar(&o.keep, "keep", "", "make the SQLite file in this folder, as symphony.db, and leave it there")
	flag.StringVar(&o.url, "postgres", "", "use this database, which must be empty; default: a private server")
	flag.StringVar(&o.write, "write", "", "put the tables into this page, in place of those that are there")
	flag.DurationVar(&o.limit, "limit", 90*time.Minute, "give up where making the messages of a storage takes longer")
	flag.Parse()
	o.storages = strings.Split(storages, ",")
	if err := run(context.Background(), &o); err != nil {
		fmt.Fprintln(os.Stderr, "find:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	var out strings.Builder
	for _, name := range o.storages {
		if rowBytes[name] == 0 {
			return fmt.Errorf("storage %q: must be sqlite or postgres", name)
		}
		if err := enough(o, name); err != nil {
			return err
		}
		if err := one(ctx, o, name, &out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Print(out.String())
	if o.write == "" {
		return nil
	}
	page, err := os.ReadFile(o.write)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the tables", o.write)
	}
	return os.WriteFile(o.write, []byte(before+begin+out.String()+end+after), 0o644)
}

// enough refuses to begin what the disk has no room for.
func enough(o *options, storage string) error {
	if storage == "postgres" && o.url != "" {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(o.dir, &fs); err != nil {
		return fmt.Errorf("file system of %s: %w", o.dir, err)
	}
	free, need := int64(fs.Bavail)*fs.Bsize, int64(o.n)*rowBytes[storage]
	fmt.Fprintf(os.Stderr, "%s: about %d MiB are needed, %d MiB are free\n", storage, need>>20, free>>20)
	if free < need+need/5 {
		return fmt.Errorf("%s: %d messages need about %d MiB, and a fifth more to be safe; %s has %d MiB",
			storage, o.n, need>>20, o.dir, free>>20)
	}
	return nil
}

// kept is for how long what is completed is kept.
const kept = 10_000 * time.Hour

// one measures one storage.
func one(ctx context.Context, o *options, storage string, out *strings.Builder) (err error) {
	var tr symphony.Transport
	switch storage {
	case "sqlite":
		dir := o.keep
		if dir == "" {
			if dir, err = os.MkdirTemp(o.dir, "find"); err != nil {
				return err
			}
			defer os.RemoveAll(dir)
		}
		file := filepath.Join(dir, "symphony.db")
		if _, err := os.Stat(file); err == nil {
			return fmt.Errorf("%s is there already", file)
		}
		if tr, err = sqlite.Open(ctx, file, sqlite.Options{Retention: kept}); err != nil {
			return err
		}
	case "postgres":
		url := o.url
		if url == "" {
			t := new(harness.Harness)
			url = pgtest.Start(t, pgtest.Options{Fsync: true}).URL("postgres")
			defer t.End()
		}
		if tr, err = postgres.Open(ctx, url, postgres.Options{Retention: kept}); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, tr.Close()) }()
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		return err
	}
	l := &load{o: o, tr: tr, bus: bus, storage: storage, began: time.Now()}
	if err := l.fill(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "### %d messages on %s\n\nMade in %s.\n\n", o.n, storage, time.Since(l.began).Round(time.Second))
	return l.measure(ctx, out)
}
