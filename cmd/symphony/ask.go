package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// yesFlag offers --yes to commands that ask before they do what can't be undone.
func yesFlag(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

// confirm asks a person. Where nobody is there to answer, only --yes will do.
func (a *app) confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(a.in) {
		return usageError{fmt.Errorf("%s There is no terminal to ask on; add --yes if this is meant", question)}
	}
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil {
		return errInterrupted
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}

// errDeclined is the answer no.
var errDeclined = errors.New("nothing was done")

// progress shows how far long work has come, on a terminal only. The returned function takes the count so far; finish
// takes the bar away.
func (a *app) progress(total int, doing string) (advance func(done int), finish func()) {
	if !isTerminal(a.err) {
		return func(int) {}, func() {}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(doing), progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(), progressbar.OptionEnableColorCodes(bool(a.style(a.err))))
	// A bar that can't be drawn is no reason to stop the work.
	return func(done int) { _ = bar.Set(done) }, func() { _ = bar.Finish() }
}
