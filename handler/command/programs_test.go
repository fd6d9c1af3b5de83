//go:build unix

package command_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

func TestKill_ends_every_program_with_its_group(t *testing.T) {
	var (
		programs command.Programs
		handlers sync.WaitGroup
		ends     []func()
	)
	o := command.Options{Programs: &programs, Grace: patient}
	for _, script := range []string{
		`exec 3> "$1"; sleep 1000`,
		`trap '' TERM; exec 3> "$1"; sleep 1000`,
		`exec 3> "$1"; (trap '' TERM; sleep 1000) <&- >&- 2>&- & exec sleep 1000`,
	} {
		path, opened := life(t)
		h := shell(t, o, script, path)
		handlers.Go(func() {
			var exit *command.ExitError
			if err := h.Handle(t.Context(), delivery()); !errors.As(err, &exit) || exit.ErrorClass() != "signal" || symphony.IsPermanent(err) {
				t.Errorf("%s: error = %v, want the signal", script, err)
			}
		})
		ends = append(ends, opened())
	}
	programs.Kill()
	for _, end := range ends {
		end() // hangs if a process is left
	}
	handlers.Wait()
}

func TestKill_lets_no_program_start(t *testing.T) {
	var programs command.Programs
	programs.Kill()
	file := filepath.Join(t.TempDir(), "started")
	err := open(t, []string{"touch", file}, command.Options{Programs: &programs}).Handle(t.Context(), delivery())
	if !errors.Is(err, symphony.ErrInterrupted) || symphony.IsPermanent(err) {
		t.Errorf("error = %v, want that the worker is stopping", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was started: %v", err)
	}
}

// Whenever Kill comes, a program is killed or does not start.
func TestKill_misses_no_program_that_just_starts(t *testing.T) {
	var (
		programs command.Programs
		handlers sync.WaitGroup
	)
	h := shell(t, command.Options{Programs: &programs, Grace: patient}, `exec sleep 1000`)
	begun := make(chan struct{}, 8)
	for range cap(begun) {
		handlers.Go(func() {
			begun <- struct{}{}
			if err := h.Handle(t.Context(), delivery()); err == nil {
				t.Error("the program ended by itself")
			}
		})
	}
	<-begun
	programs.Kill()
	handlers.Wait() // hangs if a program is left
}
