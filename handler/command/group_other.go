//go:build !unix

package command

import (
	"os"
	"os/exec"
)

// inherited names the variables that every program needs and none of which is a secret. SYSTEMROOT comes from package
// exec.
func inherited() []string {
	return []string{"PATH", "PATHEXT", "HOME", "USERPROFILE", "LANG", "TEMP", "TMP", "TMPDIR"}
}

// There are no process groups to signal here: the program is killed alone.

func ownGroup(*exec.Cmd) {}

func terminate(p *os.Process) error { return p.Kill() }

func killGroup(*os.Process) {}
