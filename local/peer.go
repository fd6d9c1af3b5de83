package local

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
)

// The audit trail names the user of the operating system who gave a command: who runs this process, where it works on
// the database itself, else who is at the other end of the private socket, as the system knows it.

// peerKey is where the context of a local request has the name of its user.
type peerKey struct{}

// withPeer notes in the context of a connection who is at its other end.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, ok := peerUID(unix)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, userName(uid))
}

// User is the user of the operating system behind a request to a Server, "" if the system does not tell.
func User(r *http.Request) string {
	name, _ := r.Context().Value(peerKey{}).(string)
	return name
}

// AsThisUser makes requests with ctx, which are answered in this process, those of the user who runs it.
func AsThisUser(ctx context.Context) context.Context {
	return context.WithValue(ctx, peerKey{}, userName(os.Getuid()))
}

// userName is the name of a user, or the number where there is none.
func userName(uid int) string {
	if uid < 0 { // not on this system
		if u, err := user.Current(); err == nil {
			return u.Username
		}
		return ""
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return strconv.Itoa(uid)
	}
	return u.Username
}
