package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"syscall"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestExitCodeFollowsTheError(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("anything"), exitFailure},
		{usageError{errors.New("x")}, exitUsage},
		{&config.Error{Problems: []config.Problem{{}}}, exitUsage},
		{&symphony.ValidationError{}, exitUsage},
		{&client.Error{Status: 400}, exitUsage},
		{symphony.ErrUnsupported, exitUsage},
		{symphony.ErrNotFound, exitNotFound},
		{auth.ErrKeyNotFound, exitNotFound},
		{&client.Error{Status: 404}, exitNotFound},
		{&symphony.IdempotencyConflictError{}, exitConflict},
		{&sqlite.LockedError{}, exitConflict},
		{&client.Error{Status: 409}, exitConflict},
		{symphony.ErrUnavailable, exitUnavailable},
		{symphony.ErrOutcomeUnknown, exitUnavailable},
		{fmt.Errorf("sqlite: %w", &fs.PathError{Op: "open", Err: syscall.EROFS}), exitUnavailable},
		{&fs.PathError{Op: "write", Err: syscall.ENOSPC}, exitUnavailable},
		{&client.Error{Status: 503}, exitUnavailable},
		{&client.Error{Status: 429}, exitUnavailable},
		{&url.Error{Op: "Get", Err: errors.New("refused")}, exitUnavailable},
		{&client.Error{Status: 401}, exitDenied},
		{&client.Error{Status: 403}, exitDenied},
		{&client.Error{Status: 500}, exitFailure},
		{&client.Error{Status: 501}, exitUsage},
		{errInterrupted, exitInterrupted},
		{&url.Error{Op: "Get", Err: context.Canceled}, exitInterrupted},
	} {
		if got := exitCode(tc.err); got != tc.want {
			t.Errorf("%T %v: %d, want %d", tc.err, tc.err, got, tc.want)
		}
		if tc.err == nil {
			continue
		}
		if got := exitCode(fmt.Errorf("wrapped: %w", tc.err)); got != tc.want {
			t.Errorf("wrapped %T: %d, want %d", tc.err, got, tc.want)
		}
	}
}
