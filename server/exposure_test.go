package server

import "testing"

func TestOnlyLoopbackIsNotExposed(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": false, "127.8.9.1:80": false, "[::1]:8080": false, "localhost:0": false,
		"0.0.0.0:8080": true, ":8080": true, "[::]:8080": true, "192.168.1.2:80": true, "queue.internal:80": true, "nonsense": true,
	} {
		if got := exposed(addr); got != want {
			t.Errorf("exposed(%q) = %t, want %t", addr, got, want)
		}
	}
}
