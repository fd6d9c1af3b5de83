//go:build linux || darwin

package main

import (
	"fmt"
	"syscall"
)

// freeSpace is how many bytes this user may still write to the disk of a folder.
func freeSpace(dir string) (uint64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return stat.Bavail * uint64(stat.Bsize), nil //nolint:gosec // a block size is positive
}
