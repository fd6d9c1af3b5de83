package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony/config"
)

// welcome prints the key of a first start and what to do with it, in commands that work when pasted.
func (a *app) welcome(c *config.Config, url, key, link string, demo bool) {
	s := a.style(a.out)
	typ := "demo.hello"
	before, behind := a.reaching(c, url, key)
	fmt.Fprintf(a.out, "\n%s This API key is shown only now; make others with \"symphony keys create\".\n\n  %s\n\n", s.bold("This is the first start."), s.green(key))
	if link != "" {
		fmt.Fprintf(a.out, "Open the dashboard, signed in, in a browser on this machine. The link is good once, for ten "+
			"minutes; \"%s dashboard%s\" makes another one.\n\n  %s\n\n", before+program(), behind, link)
	}
	fmt.Fprintf(a.out, "Dispatch a message, from another terminal:\n\n  %s\n\n", curlLine(url, key, typ))
	if demo {
		fmt.Fprintf(a.out, `Then break one, find it, correct it and try it again, in this folder:

  %[1]s dispatch %[2]s '{"name": "Ada", "fail": true}'%[4]s
  %[1]s failed list%[4]s
  %[1]s failed retry --newest --payload '{"name": "Ada"}'%[4]s
  %[1]s status%[4]s

No handlers are configured, so the types %[3]s are handled here for trying out. Yours go into symphony.yaml.
`, before+program(), typ, demoPattern, behind)
	}
	fmt.Fprintf(a.out, "The API is described at %s/docs\n\n", url)
}

// reaching is what a command needs before and behind it to reach this server from another terminal in this folder: nothing
// where it finds the database by itself, else the file, or the server with the key. The URL of a PostgreSQL database is
// never shown, as it may hold a password.
func (a *app) reaching(c *config.Config, url, key string) (before, behind string) {
	if c.Database.PostgreSQL() || !keepsMessages(c) {
		return fmt.Sprintf("SYMPHONY_SERVER=%s SYMPHONY_API_KEY=%s ", url, key), ""
	}
	bare, err := config.Load(config.Sources{}) // without the flags and variables of this process
	if err == nil && bare.Client.Server == "" && !bare.Database.PostgreSQL() && bare.Database.Path == c.Database.Path {
		return "", ""
	}
	path, err := filepath.Abs(c.Database.Path)
	if err != nil {
		path = c.Database.Path
	}
	return "", " --database " + shellWord(path)
}

// shellWord quotes text for a POSIX shell where that is needed.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/._-+=:@%", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// program is how a person in this folder calls this program.
func program() string {
	exe, err := os.Executable()
	if err != nil {
		return "symphony"
	}
	if found, err := exec.LookPath("symphony"); err == nil && sameFile(found, exe) {
		return "symphony"
	}
	if strings.Contains(exe, "go-build") { // where "go run" builds
		return "go run ./cmd/symphony"
	}
	return os.Args[0]
}

func sameFile(a, b string) bool {
	ai, aerr := os.Stat(a)
	bi, berr := os.Stat(b)
	return aerr == nil && berr == nil && os.SameFile(ai, bi)
}

// curlLine dispatches a message when pasted into a shell.
func curlLine(url, key, typ string) string {
	return strings.Join([]string{
		"curl -X POST " + url + "/api/symphony/dispatch",
		"-H 'Authorization: Bearer " + key + "'",
		"-H 'Content-Type: application/json'",
		`-d '{"message": {"type": "` + typ + `", "payload": {"name": "Ada"}}}'`,
	}, " ")
}
