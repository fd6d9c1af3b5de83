package worker

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
)

// ProcessMemory is how many bytes of memory the process holds: what is resident, where /proc tells (Linux), else what
// the Go runtime has from the system.
func ProcessMemory() uint64 {
	if n, ok := resident(); ok {
		return n
	}
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// resident reads the second field of /proc/self/statm, in pages.
func resident() (uint64, bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize()), err == nil
}
