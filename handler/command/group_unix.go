//go:build unix

package command

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// inherited names the variables that every program needs and none of which is a secret.
func inherited() []string { return []string{"PATH", "HOME", "LANG", "TMPDIR"} }

// ownGroup makes the program the leader of a new process group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// terminate asks the program's group to end.
func terminate(p *os.Process) error {
	if err := syscall.Kill(-p.Pid, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return os.ErrProcessDone
}

// killGroup ends what is left of the group of a program that has ended. While one process of the group lives, the
// system gives its number to no other.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
