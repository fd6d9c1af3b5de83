//go:build !linux && !darwin

package main

import "errors"

// freeSpace is errors.ErrUnsupported.
func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }
