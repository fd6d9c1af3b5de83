//go:build unix

package scratch

import (
	"io/fs"
	"os"
	"syscall"
)

// ours reports whether a folder is this user's: what lies in another one's may be a trap.
func ours(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}
