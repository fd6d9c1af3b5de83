package main

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/auth"
)

func (a *app) keysCommand() *cobra.Command {
	return section(&cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys",
		Long: "API keys let programs call the HTTP API. Each has scopes:\n\n" + scopesHelp() + `
Only a hash of a key is stored, so a key can be seen once, when it is made.`,
		Example: "  symphony keys create shop --scopes dispatch\n  symphony keys list\n  symphony keys revoke abcdefghijklmnop",
	}, a.keysCreateCommand(), a.keysListCommand(), a.keysRevokeCommand())
}

// scopesHelp lists the scopes with what each opens, in lines that fit a terminal.
func scopesHelp() string {
	var b strings.Builder
	for _, name := range auth.ScopeNames() {
		scope, err := auth.ParseScope(name)
		if err != nil {
			panic(err) // it is one of the names
		}
		fmt.Fprintf(&b, "  %-8s  %s\n", name, strings.ReplaceAll(ansi.Wordwrap(scope.Opens(), 75, ""), "\n", "\n            "))
	}
	return b.String()
}
