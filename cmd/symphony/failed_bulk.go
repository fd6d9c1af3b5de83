package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// bulkFlags select the failed messages of retry and remove: by id, or all that match a filter.
type bulkFlags struct {
	filterFlags
	all, dryRun, background bool
	rate                    int
}

func (f *bulkFlags) add(cmd *cobra.Command) {
	f.filterFlags.add(cmd, "status")
	cmd.Flags().BoolVar(&f.all, "all", false, "every failed message of the transport, or all that the other flags select")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say how many messages --all selects")
	cmd.Flags().BoolVar(&f.background, "background", false, "do not wait; see symphony operations")
	cmd.Flags().IntVar(&f.rate, "rate", 0, "at most so many messages per second")
}

// check refuses a selection that is empty or says two things.
func (f *bulkFlags) check(ids []string, newest bool) error {
	switch {
	case newest && (f.all || len(ids) > 0 || f.background || f.dryRun || f.rate != 0):
		return usageError{errors.New("--newest names one message: give no ids with it, and nothing about many")}
	case newest:
		return nil
	case f.all && len(ids) > 0:
		return usageError{errors.New("give ids or --all, not both")}
	case !f.all && f.given():
		return usageError{errors.New("these flags select messages for --all; add it to mean every one that matches")}
	case !f.all && f.dryRun:
		return usageError{errors.New("--dry-run says what --all selects; ids name their messages already")}
	case !f.all && len(ids) == 0:
		return usageError{errors.New(`name the messages by id (see "symphony failed list"), or use --all`)}
	case f.rate < 0:
		return usageError{fmt.Errorf("--rate must be at least 1, is %d", f.rate)}
	}
	return nil
}

// selection is what a bulk command works on.
type selection struct {
	wire.BulkRequest
	count int // how many messages there are, or ids
}

// selection selects the ids given, or all that match now. What fails later is not selected: who was told a number, and
// said yes, did not mean those.
func (f *bulkFlags) selection(ctx context.Context, r *reached, ids []string) (selection, error) {
	s := selection{wire.BulkRequest{Transport: optional(f.transport), IDs: ids}, len(ids)}
	if !f.all {
		return s, nil
	}
	filter, err := f.filter()
	if err != nil {
		return s, err
	}
	if f.transport == "" { // messages are moved in bulk on one transport
		status, err := r.Status(ctx, "")
		if err != nil {
			return s, err
		}
		s.Transport = &status.Transport
	}
	newest, err := r.FailedList(ctx, client.FailedQuery{Transport: *s.Transport, FailedFilter: filter, Limit: 1})
	if err != nil {
		return s, err
	}
	s.count = int(newest.Pagination.Total)
	for _, m := range newest.Messages {
		behind := m.FailedAt.Add(time.Microsecond) // storage keeps no shorter times
		filter.Until = &behind
	}
	s.IDs, s.Filter = nil, &filter
	return s, nil
}

// newest is the id of the message that failed last, of those that the flags select.
func (f *bulkFlags) newest(ctx context.Context, r *reached) ([]string, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	page, err := r.FailedList(ctx, client.FailedQuery{Transport: f.transport, FailedFilter: filter, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Messages) == 0 {
		return nil, fmt.Errorf("no failed message is selected: %w", symphony.ErrNotFound)
	}
	return []string{page.Messages[0].ID}, nil
}

// bulkResult is what retry and remove print for programs.
type bulkResult struct {
	Success  bool `json:"success"`
	DryRun   bool `json:"dryRun,omitzero"`
	Count    int  `json:"count"`
	NotFound int  `json:"notFound"`
}

// manyMessages is from how many messages on a bulk command is an operation, whose progress it shows.
const manyMessages = 2000

// operation reports whether the work is to be done as an operation.
func (f *bulkFlags) operation(s selection) bool {
	return !f.dryRun && s.count > 0 && (f.background || f.rate > 0 || s.count > manyMessages && s.IDs == nil)
}

// bulk moves what is selected, by one request: it is over when it is answered, and Ctrl-C ends it.
func (f *bulkFlags) bulk(ctx context.Context, s selection, move func(context.Context, wire.BulkRequest) (wire.BulkResponse, error)) (bulkResult, error) {
	if f.dryRun || s.count == 0 {
		return bulkResult{Success: true, DryRun: f.dryRun, Count: s.count}, nil
	}
	done, err := move(ctx, s.BulkRequest)
	return bulkResult{Success: err == nil, Count: done.Count, NotFound: done.NotFound}, err
}

// showBulk prints what was done, or would be. Ids that were not there are an error, after all others were served.
func (a *app) showBulk(done, do string, result bulkResult) error {
	err := tell(a, result, func(bulkResult) {
		if result.DryRun {
			done = "Would " + do
		}
		fmt.Fprintf(a.out, "%s %s.\n", done, plural(result.Count, "failed message"))
	})
	if err != nil {
		return err
	}
	if result.NotFound > 0 {
		return fmt.Errorf("%s not found: %w", plural(result.NotFound, "id"), symphony.ErrNotFound)
	}
	return nil
}
