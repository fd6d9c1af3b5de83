package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describeMachine tells what the figures depend on, as Markdown. It times the disk that holds dir.
func describeMachine(dir string) (string, error) {
	sync, err := syncTime(dir)
	if err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", fmt.Errorf("file system of %s: %w", dir, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s/%s, %d cores (%s), %s of memory. ", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		procLine("/proc/cpuinfo", "model name"), procLine("/proc/meminfo", "MemTotal"))
	fmt.Fprintf(&b, "fdatasync after a write of 4 KiB: %s at the median", sync.Round(time.Microsecond))
	if fs.Type == unix.TMPFS_MAGIC {
		b.WriteString(". **The databases are in memory (tmpfs), so nothing here is durable: set TMPDIR to a folder on a disk**")
	}
	fmt.Fprintf(&b, ". %s\n", time.Now().UTC().Format(time.DateOnly))
	if info, ok := debug.ReadBuildInfo(); ok {
		var versions []string
		for _, m := range info.Deps {
			if slices.Contains(measuredModules, m.Path) {
				versions = append(versions, m.Path+" "+m.Version)
			}
		}
		fmt.Fprintf(&b, "\nModules: %s.\n", strings.Join(versions, ", "))
	}
	return b.String(), nil
}

// measuredModules are those whose versions matter to the figures.
var measuredModules = []string{
	"github.com/mattn/go-sqlite3", "github.com/mikestefanello/backlite", "github.com/riverqueue/river",
	"github.com/riverqueue/river/riverdriver/riversqlite", "maragu.dev/goqite", "modernc.org/libc", "modernc.org/sqlite", "zombiezen.com/go/sqlite",
}

// procLine is the value of the first line of that name, or "unknown".
func procLine(file, name string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// syncTime is the median time of fdatasync after appending 4 KiB, over 200 of them.
func syncTime(dir string) (_ time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := bytes.Repeat([]byte{1}, 4096)
	took := make([]time.Duration, 200)
	for i := range took {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("fdatasync: %w", err)
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return quantile(took, 0.5), nil
}
