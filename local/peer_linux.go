package local

import (
	"net"
	"syscall"
)

// peerUID is the user at the other end of a socket, as the kernel noted it when they connected.
func peerUID(conn *net.UnixConn) (uid int, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		cred, cerr := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if cerr == nil {
			uid, ok = int(cred.Uid), true
		}
	})
	return uid, ok && err == nil
}
