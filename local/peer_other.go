//go:build !linux

package local

import (
	"net"
	"os"
)

// peerUID is this process's own user: the socket is in a folder that only they may enter, and who may enter every
// folder.
func peerUID(*net.UnixConn) (uid int, ok bool) { return os.Getuid(), true }
