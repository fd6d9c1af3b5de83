// Command mutants makes mistakes in the code, one at a time, and tells which of them the tests notice.
//
// The mistakes stand in tables, a file for each package: a text of a source file, what is put in its place, and the tests that
// must notice. No file of the tree is touched: the go command is given a changed copy by -overlay. A mistake that its tests do
// not notice is tried on all tests of the package before it counts as unnoticed.
//
// It fails where fewer than 95% of a package's mistakes are noticed, where the text of a mistake is no longer in its file or
// not there once only, where a mistake does not compile, and where the tests fail without any mistake. Who changes a line that
// a table names changes the table.
//
//	mutants [-C ROOT] [-jobs N] [-only REGEXP] [-check] [PACKAGE…]
//
// Packages are folders, such as worker; without any it is all of them.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// wanted is the share of a package's mistakes that must be noticed, in percent.
const wanted = 95

// patience bounds one run of tests; a mistake may make them hang, which notices it.
const patience = 10 * time.Minute

// mutant is one mistake.
type mutant struct {
	file string // in the package's folder
	what string // is wrong with it
	old  string // once in the file
	new  string
	run  string // the tests that must notice, as for go test -run; "" is all
}

// tables are the mistakes by package.
func tables() map[string][]mutant {
	return map[string][]mutant{
		".": rootMutants, "flow": flowMutants, "worker": workerMutants, "auth": authMutants, "httpapi": httpapiMutants,
		"operation": operationMutants, "storage": storageMutants, "schedule": scheduleMutants,
		"transport/sqlite": sqliteMutants, "transport/postgres": postgresMutants,
	}
}

// verdict is what became of a mistake.
type verdict int

const (
	noticed verdict = iota
	elsewhere
	unnoticed
	stale
	broken
)

var words = [...]string{"noticed", "noticed by other tests than those named", "UNNOTICED", "STALE: its text is not in the file once", "BROKEN: it does not compile"}

func main() {
	jobs := flag.Int("jobs", max(runtime.NumCPU()/2, 1), "mistakes at a time")
	only := flag.String("only", "", "of the mistakes, those that a regular expression matches")
	check := flag.Bool("check", false, "only look whether the tables fit the files")
	root := flag.String("C", ".", "the root of the tree")
	flag.Parse()
	if err := os.Chdir(*root); err != nil {
		fail("%v", err)
	}
	filter, err := regexp.Compile(*only)
	if err != nil {
		fail("-only: %v", err)
	}
	all := tables()
	packages := flag.Args()
	if len(packages) == 0 {
		for p := range all {
			packages = append(packages, p)
		}
		slices.Sort(packages)
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		fail("%v", err)
	}
	defer os.RemoveAll(dir)
	bad := false
	for _, p := range packages {
		list := slices.DeleteFunc(slices.Clone(all[p]), func(m mutant) bool { return !filter.MatchString(m.file + ": " + m.what) })
		if all[p] == nil {
			fail("package %s has no table", p)
		}
		if len(list) > 0 && !report(p, list, judge(dir, p, list, *jobs, *check), *check) {
			bad = true
		}
	}
	if bad {
		os.RemoveAll(dir)
		os.Exit(1)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mutants: "+format+"\n", args...)
	os.Exit(2)
}

// judge returns a verdict for each mistake of a package.
func judge(dir, pkg string, list []mutant, jobs int, check bool) []verdict {
	verdicts := make([]verdict, len(list))
	sound := &soundness{pkg: pkg, tested: make(map[string]func())}
	var all sync.WaitGroup
	free := make(chan struct{}, jobs)
	for i := range list {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			began := time.Now()
			verdicts[i] = list[i].try(filepath.Join(dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(pkg, "/", "-"), i)), sound, check)
			if verdicts[i] != noticed || !check {
				fmt.Printf("%-60s %s (%s)\n", pkg+"/"+list[i].file+": "+list[i].what, words[verdicts[i]], time.Since(began).Round(time.Second))
			}
		})
	}
	all.Wait()
	return verdicts
}

// soundness makes sure that tests pass without any mistake, each selection of a package's once.
type soundness struct {
	pkg    string
	mu     sync.Mutex
	tested map[string]func() // by selection
}

// of ends the program if the selected tests fail.
func (s *soundness) of(run string) {
	s.mu.Lock()
	if s.tested[run] == nil {
		s.tested[run] = sync.OnceFunc(func() {
			if out, ok := test("", s.pkg, run); !ok {
				fail("the tests %q of %s fail without any mistake:\n%s", run, s.pkg, out)
			}
		})
	}
	once := s.tested[run]
	s.mu.Unlock()
	once()
}

// try makes one mistake, with files named after base.
func (m *mutant) try(base string, sound *soundness, check bool) verdict {
	pkg := sound.pkg
	file, err := filepath.Abs(filepath.Join(pkg, m.file))
	if err != nil {
		fail("%v", err)
	}
	source, err := os.ReadFile(file)
	if err != nil || strings.Count(string(source), m.old) != 1 {
		return stale
	}
	if check {
		return noticed
	}
	changed := strings.Replace(string(source), m.old, m.new, 1)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: base + ".go"}})
	if err == nil {
		err = os.WriteFile(base+".go", []byte(changed), 0o600)
	}
	if err == nil {
		err = os.WriteFile(base+".json", overlay, 0o600)
	}
	if err != nil {
		fail("%v", err)
	}
	runs := []string{m.run, ""}
	if m.run == "" {
		runs = runs[1:]
	}
	for i, run := range runs {
		sound.of(run)
		switch out, ok := test(base+".json", pkg, run); {
		case ok:
		case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
			fmt.Println(out)
			return broken
		case i > 0:
			return elsewhere
		default:
			return noticed
		}
	}
	return unnoticed
}

// test runs tests of a package, quietly.
func test(overlay, pkg, run string) (output string, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience+time.Minute)
	defer cancel()
	args := []string{"test", "-vet=off", "-failfast", "-timeout", patience.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if run != "" {
		args = append(args, "-run", run)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Env = append(os.Environ(), "TEST_TIER=daily", "RAPID_CHECKS=20", "RAPID_NOFAILFILE=true")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// report prints how many of a package's mistakes were noticed, and reports whether they are enough.
func report(pkg string, list []mutant, verdicts []verdict, check bool) bool {
	seen, unfit := 0, 0
	for _, v := range verdicts {
		switch v {
		case noticed, elsewhere:
			seen++
		case stale, broken:
			unfit++
		}
	}
	if check {
		fmt.Printf("%s: %d of %d mistakes fit\n", pkg, seen, len(list))
		return unfit == 0
	}
	percent := 100 * seen / cmp.Or(len(list)-unfit, 1)
	fmt.Printf("%s: %d of %d mistakes noticed (%d%%), %d do not fit\n", pkg, seen, len(list)-unfit, percent, unfit)
	return percent >= wanted && unfit == 0
}
