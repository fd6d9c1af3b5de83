package scratch_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony/internal/scratch"
)

// holder has the test's program make a folder, print where, and wait to be killed.
const holder = "SCRATCH_TEST_HOLDER"

func TestMain(m *testing.M) {
	base := os.Getenv(holder)
	if base == "" {
		os.Exit(m.Run())
	}
	f, err := scratch.Make(base)
	if err == nil {
		err = os.WriteFile(filepath.Join(f.Path(), "output.json"), []byte("confidential"), 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(f.Path() + "\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func names(t *testing.T, base string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestFolder(t *testing.T) {
	base := t.TempDir()
	f, err := scratch.Make(base)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("others may look into the folder: %v", got)
	}
	if err := os.WriteFile(filepath.Join(f.Path(), "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if left := names(t, base); len(left) > 0 {
		t.Errorf("Close leaves %v", left)
	}
	if _, err := scratch.Make(filepath.Join(base, "missing")); err == nil {
		t.Error("a folder was made nowhere")
	}
}

// What a killed process has left is deleted, at once; what a living one holds, in this process or another, is not.
func TestSweep(t *testing.T) {
	base := t.TempDir()
	own, err := scratch.Make(base)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), holder+"="+base)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := bufio.NewScanner(out)
	line.Scan()
	other := line.Text()
	for _, name := range []string{"symphony-run-unlocked", "symphony-other", "else"} {
		if err := os.Mkdir(filepath.Join(base, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	scratch.Sweep(base)
	if _, err := os.Stat(filepath.Join(other, "output.json")); err != nil {
		t.Errorf("of a process that runs: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if got := names(t, base); len(got) != 4 {
		t.Fatalf("before: %v", got)
	}
	scratch.Sweep(base)
	want := map[string]bool{"symphony-other": true, "else": true, filepath.Base(own.Path()): true}
	got := names(t, base)
	for _, name := range got {
		if !want[name] {
			t.Errorf("%s was left", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("left are %v", got)
	}
	scratch.Sweep(filepath.Join(base, "missing"))
}

// However often others sweep meanwhile, a folder that was made stays.
func TestSweep_while_folders_are_made(t *testing.T) {
	base := t.TempDir()
	done := make(chan struct{})
	var sweepers sync.WaitGroup
	for range 2 {
		sweepers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					scratch.Sweep(base)
				}
			}
		})
	}
	for range 300 {
		f, err := scratch.Make(base)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(f.Path(), "a"), nil, 0o600); err != nil {
			t.Fatalf("the folder is gone: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	sweepers.Wait()
	if left := names(t, base); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}
