//go:build unix

package pgtest

import "testing"

// A port that a test was given is given to no other one, whether anybody listens there at the moment or not: a program
// that is killed and started again finds it free.
func TestFreeAddress_gives_no_port_twice(t *testing.T) {
	seen := make(map[string]bool)
	for range 500 { // of 17,000: without memory some would most likely come twice
		address := FreeAddress(t)
		if seen[address] {
			t.Fatalf("%s came twice", address)
		}
		seen[address] = true
	}
}
