package server

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestListen_waits_for_an_address_that_is_taken_for_a_moment(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	addr := held.Addr().String()
	if _, err := listen(t.Context(), addr, NoPatience); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("without patience: %v", err)
	}
	if _, err := listen(t.Context(), addr, time.Millisecond); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("with too little: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := listen(ended, addr, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
	if _, err := listen(t.Context(), "127.0.0.1:x", time.Hour); err == nil {
		t.Error("a port that is none was waited for")
	}
	time.AfterFunc(100*time.Millisecond, func() { held.Close() })
	l, err := listen(t.Context(), addr, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Addr().String(); got != addr {
		t.Errorf("it listens on %s", got)
	}
	_ = l.Close()
}
