package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// TestManual writes the manual pages, one for each command, to the folder that MANUAL names, which is how a release
// gets them (scripts/release-files.sh); else to a folder that is thrown away.
func TestManual(t *testing.T) {
	folder := os.Getenv("MANUAL")
	if folder == "" {
		folder = t.TempDir()
	}
	root := (&app{}).root()
	root.DisableAutoGenTag = true // a date would make two releases of the same source differ
	const product = "Symphony Messenger"
	header := &doc.GenManHeader{Title: "SYMPHONY", Section: "1", Source: product, Manual: product}
	if err := doc.GenManTree(root, header, folder); err != nil {
		t.Fatal(err)
	}
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd != root {
			return
		}
		page, err := os.ReadFile(filepath.Join(folder, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil || !strings.Contains(string(page), ".SH SYNOPSIS") {
			t.Errorf("the page of %q: %v", cmd.CommandPath(), err)
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(root)
}
