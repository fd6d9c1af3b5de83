//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/internal/testtier"
)

// errMissing says what to do where the programs that a test needs are not there.
var errMissing = errors.New("run scripts/test-deps.sh")

// Versions returns the major versions of PostgreSQL that a test is to run on, oldest first, such as "13", "15", "18":
// of those that Start can run on this machine all in the full tier, the oldest and the newest in CI, and the newest in
// daily runs. They are found in the directories of Debian's packages and of Homebrew, on the PATH, and in the cache of
// scripts/test-deps.sh. Without any the test fails; beyond daily runs also with one alone.
func Versions(t testing.TB) []string {
	t.Helper()
	found := installed()
	if len(found) == 0 {
		t.Fatalf("pgtest: no PostgreSQL found: %v", errMissing)
	}
	var versions []string
	for _, major := range slices.Sorted(maps.Keys(found)) {
		versions = append(versions, strconv.Itoa(major))
	}
	newest := len(versions) - 1
	tier := testtier.Current(t)
	if newest == 0 && tier > testtier.Daily {
		t.Fatalf("pgtest: only PostgreSQL %s is installed, and tests want an older one beside it: %v", versions[0], errMissing)
	}
	switch tier {
	case testtier.Daily:
		return versions[newest:]
	case testtier.CI:
		return []string{versions[0], versions[newest]}
	default:
		return versions
	}
}

// installed maps major versions to the directory of their programs. A version of the system wins over a cached one.
var installed = sync.OnceValue(func() map[int]string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		matches, _ := filepath.Glob(pattern) // it errs on malformed patterns only
		dirs = append(dirs, matches...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	cached, _ := filepath.Glob(filepath.Join(cacheDir(), "postgres-*", "bin"))
	dirs = append(dirs, cached...)

	found := make(map[int]string)
	for _, dir := range dirs {
		major, err := majorVersion(dir)
		if err == nil && found[major] == "" {
			found[major] = dir
		}
	}
	return found
})

// cacheDir is where scripts/test-deps.sh puts what it downloads.
func cacheDir() string {
	if os.Getuid() == 0 {
		return "/var/cache/symphony-test"
	}
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		base = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(base, "symphony-test")
}

// majorVersion asks the server in dir, which must have an initdb beside it.
func majorVersion(dir string) (int, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, err
	}
	output, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output() //nolint:noctx // answers at once
	if err != nil {
		return 0, err
	}
	digits := regexp.MustCompile(`\d+`).Find(output)
	if digits == nil {
		return 0, fmt.Errorf("postgres --version answers %q", output)
	}
	return strconv.Atoi(string(digits))
}

// binaries returns a major version and the directory of its programs; version "" is the newest.
func binaries(version string) (major int, dir string, err error) {
	found := installed()
	for newest := range found {
		major = max(major, newest)
	}
	if version != "" {
		if major, err = strconv.Atoi(version); err != nil {
			return 0, "", fmt.Errorf("version %q is not a major version, such as 15", version)
		}
	}
	if found[major] == "" {
		return 0, "", fmt.Errorf("no PostgreSQL %s found: %w", version, errMissing)
	}
	return major, found[major], nil
}

// daemon finds a program that may be in a directory for administrators, which Debian leaves off the PATH of others.
func daemon(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(filepath.Join("/usr/sbin", name))
	if err != nil {
		return "", fmt.Errorf("no %s found: %w", name, errMissing)
	}
	return path, nil
}
