package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

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

// confirmAll asks before something is done to all of a transport, or of the installation, because nothing was named.
// narrower says how to name less.
func (a *app) confirmAll(question, narrower string, yes bool) error {
	err := a.confirm(question, yes)
	var usage usageError
	if errors.As(err, &usage) {
		return usageError{fmt.Errorf("%w, or %s", usage.error, narrower)}
	}
	return err
}

// errDeclined is the answer no.
var errDeclined = errors.New("nothing was done")
