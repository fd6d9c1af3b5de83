//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// guardScript runs beside a workspace, $1, for as long as the test process lives. Each line it reads is the pid of the
// server that runs now, or empty. Its input ends when the workspace is closed or the test process is gone, however it
// went: then a server that still runs is stopped, and the workspace removed.
//
// A stopped (paused) server has to continue in order to stop. PostgreSQL shuts down at once on SIGQUIT and kills
// backends that don't follow within 5 s. A server killed hard leaves a System V segment behind, which the seventh line
// of its postmaster.pid names.
const guardScript = `
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
	kill -s QUIT "$pid"
	kill -s CONT "$pid"
	n=0
	while kill -0 "$pid" && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
	kill -s KILL "$pid"
fi
if [ -f "$1/data/postmaster.pid" ]; then
	set -- "$1" $(sed -n 7p "$1/data/postmaster.pid")
	[ -z "$3" ] || ipcrm -m "$3"
fi
rm -rf "$1"
`

// workspace is a temporary directory for one server at a time, and what keeps both from outliving the test process.
type workspace struct {
	dir   string
	owner *syscall.Credential // who runs the servers; nil is the current user
	guard *exec.Cmd
	tell  *os.File // to the guard; close-on-exec, so no other program holds it open
}

// newWorkspace makes a directory that the servers' user owns, and starts its guard.
func newWorkspace() (_ *workspace, err error) {
	owner, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "symphony-pgtest-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	guard := exec.Command("sh", "-c", guardScript, "sh", dir) //nolint:noctx // it has to outlive whatever ends the tests
	guard.Dir = "/"
	guard.Stdin = read
	// An interrupt from the terminal goes to the whole group: the guard must survive it to do its work.
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := guard.Start(); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &workspace{dir: dir, owner: owner, guard: guard, tell: write}, nil
}

// serverUser is who has to run servers that refuse to run as root: nobody. It is nil for any other user.
func serverUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("servers can't run as root: %w", err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// close removes the directory. Its server must have exited.
func (w *workspace) close() error {
	return errors.Join(w.tell.Close(), w.guard.Wait())
}

// logPath is the file that programs started here write to.
func (w *workspace) logPath() string { return filepath.Join(w.dir, "log") }

// log is what the programs started here have written, or why it can't be read.
func (w *workspace) log() string {
	text, err := os.ReadFile(w.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// write creates a file in the directory for the servers' user to read, and returns its path.
func (w *workspace) write(name, text string) (string, error) {
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	if w.owner == nil {
		return path, nil
	}
	return path, os.Chown(path, int(w.owner.Uid), int(w.owner.Gid))
}

// process is a program that runs in a workspace.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited
	err  error         // what it exited with; valid once done
}

// start runs a program in the workspace under the guard's eyes. There must not be another one.
//
// The program tells the guard its pid itself, before it becomes what it shall be: no moment is left in which the test
// process could die and nobody knew of it.
func (w *workspace) start(program string, args ...string) (*process, error) {
	log, err := os.OpenFile(w.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	script := append([]string{"-c", `echo $$ >&3 && exec "$@" 3>&-`, "sh", program}, args...)
	cmd := exec.Command("sh", script...) //nolint:noctx // stopped with the signal that suits the server, not killed
	cmd.Dir = w.dir
	// The environment of the tests may hold PG* variables, which servers heed.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir, "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{w.tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: w.owner}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		// The pid is free for others from here on. A guard that is gone needs no telling.
		_, _ = w.tell.WriteString("\n")
		close(p.done)
	}()
	return p, nil
}

// run runs a program in the workspace to its end. Its error holds what the program wrote.
func (w *workspace) run(program string, args ...string) error {
	p, err := w.start(program, args...)
	if err != nil {
		return err
	}
	<-p.done
	if p.err != nil {
		return fmt.Errorf("%s: %w\n%s", program, p.err, w.log())
	}
	return nil
}
