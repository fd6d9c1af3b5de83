package monitor

import (
	"fmt"
	"os"
)

// NodeName tells this process from others that share a storage, for people: host and process id.
func NodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
