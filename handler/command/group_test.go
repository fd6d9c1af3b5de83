//go:build unix

package command_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

// patient is a grace that no test ends in: what returns has not waited for it.
const patient = time.Hour

func TestHandle_ends_the_whole_group_with_its_context(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		grace  time.Duration
	}{
		"by SIGTERM":                           {`exec 3> "$1"; sleep 1000`, patient},
		"a child too":                          {`exec 3> "$1"; sleep 1000 & wait`, patient},
		"a child that holds standard error":    {`exec 3> "$1"; sleep 1000 & exec sleep 1000`, patient},
		"by SIGKILL when SIGTERM is ignored":   {`trap '' TERM; exec 3> "$1"; sleep 1000`, time.Millisecond},
		"a stubborn child of an obedient one":  {`exec 3> "$1"; (trap '' TERM; sleep 1000) & exec sleep 1000`, time.Millisecond},
		"a stubborn child without our streams": {`exec 3> "$1"; (trap '' TERM; sleep 1000) <&- >&- 2>&- & exec sleep 1000`, patient},
	} {
		t.Run(name, func(t *testing.T) {
			path, opened := life(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan func(), 1)
			go func() {
				ended <- opened()
				cancel(symphony.ErrInterrupted)
			}()
			err := shell(t, command.Options{Grace: test.grace}, test.script, path).Handle(ctx, delivery())
			if !errors.Is(err, symphony.ErrInterrupted) {
				t.Errorf("error = %v, want the context's cause", err)
			}
			(<-ended)() // hangs if a process is left
		})
	}
}

func TestHandle_reports_a_timeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	h := shell(t, command.Options{}, `echo halfway >&2; exec sleep 1000`)
	err := h.Handle(ctx, delivery())
	if !errors.Is(err, context.DeadlineExceeded) || symphony.ErrorClass(err) != "timeout" || symphony.IsPermanent(err) {
		t.Errorf("error = %v of class %q", err, symphony.ErrorClass(err))
	}
	if err := h.Handle(ctx, delivery()); symphony.ErrorClass(err) != "timeout" {
		t.Errorf("not started: error = %v of class %q", err, symphony.ErrorClass(err))
	}
}

// A program that ends well because it was told to stop has not handled its message.
func TestHandle_does_not_ack_what_it_interrupted(t *testing.T) {
	path, opened := life(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan func(), 1)
	go func() {
		ended <- opened()
		cancel()
	}()
	script := `trap 'echo told to stop >&2; exit 0' TERM; exec 3> "$1"; while :; do :; done`
	err := shell(t, command.Options{Grace: patient}, script, path).Handle(ctx, delivery())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if want := "command sh: interrupted: context canceled: told to stop"; err != nil && err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
	(<-ended)()
}

func TestHandle_does_not_wait_for_processes_left_behind(t *testing.T) {
	for name, script := range map[string]string{
		"that hold standard error": `exec 3> "$1"; sleep 1000 & exit `,
		"that ignore SIGTERM":      `exec 3> "$1"; (trap '' TERM; sleep 1000) & exit `,
		"that hold nothing":        `exec 3> "$1"; sleep 1000 <&- >&- 2>&- & exit `,
	} {
		for _, code := range []string{"0", "1"} {
			t.Run(name+", exit "+code, func(t *testing.T) {
				path, opened := life(t)
				ended := make(chan func(), 1)
				go func() { ended <- opened() }()
				err := shell(t, command.Options{Grace: time.Millisecond}, script+code, path).Handle(t.Context(), delivery())
				if want := map[string]string{"0": "", "1": "exit_1"}[code]; symphony.ErrorClass(err) != want {
					t.Errorf("error = %v, want class %q", err, want)
				}
				(<-ended)() // hangs if a process is left
			})
		}
	}
}
