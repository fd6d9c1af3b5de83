package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is stamped by the build: -ldflags "-X main.version=v1.2.3".
var version string

// buildInfo is what is known of this build.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the tree had changes beyond the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// build takes the stamped version, else what the Go toolchain recorded.
func build() buildInfo {
	b := buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version = cmp.Or(b.Version, info.Main.Version)
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this program",
		Long:    "Show the version of this program, the commit it was built from, and the Go release that built it.",
		Example: "  symphony version\n  symphony version --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(*cobra.Command, []string) error {
			return tell(a, build(), func(b buildInfo) {
				fmt.Fprintf(a.out, "symphony %s (%s, %s)\n", b.Version, b.Go, b.Platform)
				if b.Commit != "" {
					fmt.Fprintf(a.out, "commit %s\n", b.Commit)
				}
			})
		}),
	}
	a.jsonFlag(cmd)
	return cmd
}
