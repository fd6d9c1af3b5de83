//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/internal/testtier"
)

// stories is the folder of the dashboard's tests in a browser.
const stories = "../dashboard/stories"

// TestDashboard has a browser go through the stories of the dashboard, those tagged @core in CI and all of them in the
// full tier, and compares what ran with the table of pages and actions.
func TestDashboard(t *testing.T) {
	t.Parallel()
	browser, err := exec.Command("../scripts/browser-deps.sh").Output()
	if err != nil {
		t.Fatalf("no browser: %v", err)
	}
	// One storage after the other: four browsers at a time take each other's patience.
	for _, storage := range []string{"SQLite", "PostgreSQL"} {
		t.Run(storage, func(t *testing.T) {
			args := []string{"--no-install", "playwright", "test", "--output", t.TempDir(), "--trace", "off",
				"--reporter", "json"}
			if testtier.Current(t) < testtier.Full {
				args = append(args, "--grep", "@core", "--project", "stories")
			}
			cmd := exec.Command("npx", args...)
			cmd.Dir = stories
			cmd.Env = append(os.Environ(),
				"CHROMIUM="+strings.TrimSpace(string(browser)), "E2E_PROGRAM="+absolute(t, binary))
			// Two processes, each with a database of its own.
			databases := storages[storage](t) + " " + storages[storage](t)
			if databases = strings.TrimSpace(databases); databases != "" {
				cmd.Env = append(cmd.Env, "STORAGE_URL="+databases)
			}
			var said bytes.Buffer
			cmd.Stderr = &said
			out, err := cmd.Output()
			ran := reported(t, out, said.Bytes())
			if err != nil {
				t.Errorf("playwright: %v\n%s", err, said.Bytes())
			}
			compareWithTable(t, ran)
		})
	}
}

// told is what became of a story.
type told struct {
	title  string
	core   bool
	failed string // what it failed with
}

// reported reads the report of Playwright.
func reported(t *testing.T, out, said []byte) (list []told) {
	t.Helper()
	type ran struct {
		Status  string
		Results []struct{ Errors []struct{ Message string } }
	}
	type suite struct {
		Suites []json.RawMessage
		Specs  []struct {
			Title string
			Tags  []string
			OK    bool
			Tests []ran
		}
	}
	var walk func(raw json.RawMessage)
	walk = func(raw json.RawMessage) {
		var s suite
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatalf("the report: %v\n%.2000s\n%s", err, out, said)
		}
		for _, spec := range s.Specs {
			one := told{title: spec.Title, core: slices.Contains(spec.Tags, "core")}
			// A story that was left out is no failure to Playwright.
			skipped := slices.ContainsFunc(spec.Tests, func(test ran) bool { return test.Status == "skipped" })
			if !spec.OK || skipped {
				one.failed = "failed"
				if skipped {
					one.failed = "did not run"
				}
				for _, test := range spec.Tests {
					for _, r := range test.Results {
						for _, e := range r.Errors {
							one.failed += ": " + e.Message
						}
					}
				}
				t.Errorf("%s: %s", one.title, one.failed)
			}
			list = append(list, one)
		}
		for _, below := range s.Suites {
			walk(below)
		}
	}
	walk(out)
	if len(list) == 0 {
		t.Fatalf("no story ran\n%s\n%s", out, said)
	}
	return list
}

// row is a row of the tables in the stories' README: page, action, title of the story.
var row = regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)

// compareWithTable finds stories that no action names, and, where all were to run, actions whose story did not run.
func compareWithTable(t *testing.T, ran []told) {
	t.Helper()
	table, err := os.ReadFile(filepath.Join(stories, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, r := range row.FindAllStringSubmatch(string(table), -1) {
		if title := strings.TrimSpace(r[3]); title != "story" && !strings.HasPrefix(title, "---") {
			named[title] = true
		}
	}
	seen := map[string]bool{}
	for _, s := range ran {
		seen[s.title] = true
		if !named[s.title] {
			t.Errorf("the story %q is in no row of dashboard/stories/README.md", s.title)
		}
	}
	if testtier.Current(t) < testtier.Full {
		return
	}
	for title := range named {
		if !seen[title] {
			t.Errorf("the table names the story %q, and none of that name ran", title)
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
