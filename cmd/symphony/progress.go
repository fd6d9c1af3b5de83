package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// progress is a bar on standard error, where a person sees it; elsewhere it is nothing. total is -1 where it is unknown.
func (a *app) progress(total int64, what string, more ...progressbar.Option) *progressbar.ProgressBar {
	if !isTerminal(a.err) || a.json {
		return progressbar.NewOptions64(total, progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetVisibility(false))
	}
	return progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(),
	}, more...)...)
}

// followEvery is how often an operation is asked how far it is.
const followEvery = 250 * time.Millisecond

// follow shows the progress of an operation until it has ended, and returns it. Where the database is open in this process,
// it is this process that works on the operation; what it has not done when it is interrupted is stopped.
func (a *app) follow(ctx context.Context, r *reached, op wire.Operation) (wire.Operation, error) {
	if r.operations != nil {
		running, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- r.operations.Run(running) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				fmt.Fprintf(a.err, "%s\n", printable(err.Error()))
			}
		}()
	}
	bar := a.progress(-1, op.Kind)
	defer bar.Close() //nolint:errcheck // it is only drawn
	clock := symphony.SystemClock()
	for {
		done, err := r.Operation(ctx, op.ID)
		if ctx.Err() != nil {
			return op, a.interrupted(ctx, r, op)
		}
		if err != nil {
			return op, err
		}
		op = done.Operation
		if op.Total != nil && *op.Total > 0 {
			bar.ChangeMax64(*op.Total)
		}
		if op.Error != "" {
			bar.Describe(oneLine(op.Error, 60))
		}
		_ = bar.Set64(op.Done + op.Skipped) // it is only drawn
		if op.State != "running" {
			_ = bar.Finish()
			return op, nil
		}
		timer := clock.NewTimer(followEvery)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return op, a.interrupted(ctx, r, op)
		}
	}
}

// interrupted says what becomes of an operation that nobody follows any more.
func (a *app) interrupted(ctx context.Context, r *reached, op wire.Operation) error {
	if r.operations == nil {
		fmt.Fprintf(a.err, "\nThe operation goes on by itself: symphony operations watch %s, or stop %s\n", op.ID, op.ID)
		return errInterrupted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	if stopped, err := r.StopOperation(ctx, op.ID); err == nil {
		fmt.Fprintf(a.err, "\nStopped after %d; go on with: symphony operations resume %s --wait\n", stopped.Operation.Done, op.ID)
	}
	return errInterrupted
}

// carry follows an operation, or tells where to, and prints what it has come to. done is a word like "Replayed", noun what
// it counts.
func (a *app) carry(ctx context.Context, r *reached, op wire.Operation, background bool, done, noun string) error {
	if background {
		return tell(a, op, func(wire.Operation) {
			fmt.Fprintf(a.out, "Started operation %s\n", a.style(a.out).bold(op.ID))
			if r.operations != nil {
				fmt.Fprintln(a.err, "No process works on this database here; one that serves it, or works on it, carries the operation out.")
			}
		})
	}
	op, err := a.follow(ctx, r, op)
	if err != nil {
		return err
	}
	err = tell(a, op, func(wire.Operation) {
		fmt.Fprintf(a.out, "%s %s%s.\n", done, plural(int(op.Done), noun), skipped(op))
	})
	if err != nil {
		return err
	}
	return outcome(op)
}

// skipped is what an operation left out, for people.
func skipped(op wire.Operation) string {
	if op.Skipped == 0 {
		return ""
	}
	text := fmt.Sprintf(", skipped %d", op.Skipped)
	if op.Error != "" {
		text += " (" + oneLine(op.Error, 200) + ")"
	}
	return text
}

// outcome is the error of an operation that was followed and is not completed.
func outcome(op wire.Operation) error {
	switch op.State {
	case "failed":
		return fmt.Errorf("operation %s failed: %s", op.ID, op.Error)
	case "stopped":
		return errors.New("operation " + op.ID + " was stopped")
	}
	if op.Selected > 0 && op.Skipped > 0 {
		return fmt.Errorf("%s named nothing that this can be done to: %w", plural(int(op.Skipped), "id"), symphony.ErrNotFound)
	}
	return nil
}
