//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/symphony-messenger/symphony/internal/pgtest"
	"github.com/symphony-messenger/symphony/internal/testtier"
)

// releaseBefore is the commit whose program is of the release before cancelling, limits at run time, options of one
// message and all else that migrations after the seventh brought.
const releaseBefore = "890e715"

// buildBefore builds that program of the repository's history.
func buildBefore(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	archive := filepath.Join(source, "source.tar")
	program := filepath.Join(t.TempDir(), "symphony-before")
	for _, cmd := range []*exec.Cmd{
		exec.Command("git", "archive", "--output", archive, releaseBefore+"^{tree}"),
		exec.Command("tar", "-x", "-f", archive, "-C", source),
		exec.Command("go", "build", "-o", program, "./cmd/symphony"),
	} {
		cmd.Dir = source
		if cmd.Args[0] == "git" {
			cmd.Dir = ".."
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v; the whole history of the repository is needed\n%s", cmd, err, out)
		}
	}
	return program
}

// TestUpgrade_from_the_release_before has both programs on one storage.
func TestUpgrade_from_the_release_before(t *testing.T) {
	t.Parallel()
	testtier.Needs(t, testtier.Full)
	program := buildBefore(t)
	t.Run("by rolling", func(t *testing.T) { upgradeByRolling(t, program) })
	t.Run("while an old node is frozen", func(t *testing.T) { upgradeBesideFrozen(t, program) })
	t.Run("while the owner of a SQLite file is frozen", func(t *testing.T) { upgradeOfFrozenFile(t, program) })
}

// upgrade is the nodes of two releases on one storage.
type upgrade struct {
	*testing.T
	program  string // of the release before
	database string // URL, "" for a file in the folder of a node
	config   string
}

// node makes a node of a program, "" for the one under test, which does not run yet.
func (u *upgrade) node(program string, args ...string) *server {
	u.Helper()
	address := pgtest.FreeAddress(u.T)
	s := &server{T: u.T, database: u.database, folder: u.TempDir(), program: program, url: "http://" + address,
		args: append([]string{"serve", "--addr", address}, args...)}
	if err := os.WriteFile(filepath.Join(s.folder, "symphony.yaml"), []byte(u.config), 0o600); err != nil {
		u.Fatal(err)
	}
	return s
}

// introduce makes the schema, and a key, with a node's own program.
func (u *upgrade) introduce(s *server) {
	u.Helper()
	if out, err := s.own("migrate").CombinedOutput(); err != nil {
		u.Fatalf("the old program migrates: %v\n%s", err, out)
	}
	out, err := s.own("keys", "create", "e2e", "--json", "--scopes", "dispatch,read,operate,consume").Output()
	_, rest, _ := strings.Cut(string(out), `"secret":`)
	parts := strings.SplitN(rest, `"`, 3)
	if err != nil || len(parts) < 3 {
		u.Fatalf("no key: %s, %v", out, err)
	}
	s.key = parts[1]
}

// own is a command of a node's own program in its folder.
func (s *server) own(args ...string) *exec.Cmd {
	cmd := command(s.folder, s.database, args...)
	if s.program != "" {
		cmd.Path = s.program
	}
	return cmd
}

// begin starts a node, and waits until it listens.
func (u *upgrade) begin(s *server) {
	u.Helper()
	s.launch()
	u.Cleanup(func() {
		s.cmd.Process.Kill() // one that has ended needs none
		s.cmd.Wait()
		if u.Failed() {
			lines := strings.Split(s.log.String(), "\n")
			u.Logf("the end of the log of %s %s:\n%s", s.program, s.url,
				strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
	until(u.T, "the node to listen", func() bool { return listening.MatchString(s.log.String()) })
}

// expect sends a request, and wants a status and a text in the answer.
func (u *upgrade) expect(s *server, method, path, body string, status int, text string) map[string]any {
	u.Helper()
	var out map[string]any
	got, err := s.call(method, "/api/symphony"+path, body, &out)
	if said := fmt.Sprint(out); err != nil || got != status || !strings.Contains(said, text) {
		u.Fatalf("%s %s: %d %s, %v; want %d with %q", method, path, got, said, err, status, text)
	}
	return out
}

// send dispatches a message with options, as JSON, and returns its id.
func (u *upgrade) send(s *server, typ, options string) string {
	u.Helper()
	body := `{"message":{"type":"` + typ + `","payload":{}},"options":{` + options + `}}`
	return u.expect(s, "POST", "/dispatch", body, 201, "messageId")["messageId"].(string)
}

const upgraded = `handlers:
  - {type: "ok.*", command: {run: ["true"]}}
  - {type: "bad.*", command: {run: ["false"]}}
retry: {max_retries: 0}
`

// A node of the release before goes on working while a new one migrates and works beside it. What it would not heed is
// refused as long as it is there; what it can meet it shows and treats rightly; and none can start afterwards.
func upgradeByRolling(t *testing.T, program string) {
	t.Parallel()
	u := upgrade{t, program, pgtest.URL(t), upgraded}
	expect, send := u.expect, u.send

	old := u.node(u.program)
	u.introduce(old)
	u.begin(old)
	send(old, "ok.a", "")
	send(old, "bad.a", "")
	send(old, "bad.a", "")
	old.drained()

	new := u.node("")
	new.key = old.key
	u.begin(new)
	expect(new, "PUT", "/limits/type/ok.a", `{"concurrency":1}`, 409, "older_nodes")
	for _, option := range []string{`"onSuccess":{"type":"ok.b"}`, `"retention":60000`, `"timeout":1000`,
		`"maxRetries":1`} {
		expect(new, "POST", "/dispatch", `{"message":{"type":"ok.a","payload":{}},"options":{`+option+`}}`, 400,
			"once every node has been upgraded")
	}
	expect(new, "POST", "/pause", `{"type":"ok.a","until":"2999-12-31T00:00:00Z","reason":"upgrade"}`, 200, "upgrade")
	var last string
	for range 3 {
		send(old, "ok.a", "")
		last = send(new, "ok.a", "")
	}
	for _, s := range []*server{old, new} {
		if c := s.status().Queue; c.Pending != 6 || c.Completed != 1 || c.Failed != 2 {
			t.Errorf("%s: %+v, want 6 that wait for the pause to end", s.url, c)
		}
	}
	expect(new, "POST", "/messages/"+last+"/cancel", `{}`, 200, "cancelled")
	expect(old, "GET", "/messages/"+last, "", 404, "not_found") // it knows no such status
	expect(new, "GET", "/messages/"+last, "", 200, "cancelled")
	failed := expect(old, "GET", "/failed?limit=1", "", 200, "bad.a")["messages"].([]any)
	first := failed[0].(map[string]any)["id"].(string)
	expect(old, "POST", "/failed/"+first+"/retry", "", 200, "newMessageId")
	expect(old, "POST", "/resume", `{"type":"ok.a"}`, 200, "")
	until(t, "all to be done", func() bool { return old.status().Queue.Depth == 0 })
	for _, s := range []*server{old, new} {
		if c := s.status().Queue; c.Completed != 6 || c.Failed != 2 || c.Depth != 0 {
			t.Errorf("%s: %+v, want 6 completed and 2 failed", s.url, c)
		}
	}
	groups := expect(new, "GET", "/failed/groups", "", 200, "bad.a")["groups"].([]any)
	if group := groups[0].(map[string]any); len(groups) != 1 || fmt.Sprint(group["count"]) != "2" {
		t.Errorf("groups of what either has handled: %v", groups)
	}

	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "limits to be set once the old node has gone", func() bool {
		var out map[string]any
		status, err := new.call("PUT", "/api/symphony/limits/type/ok.a", `{"concurrency":1}`, &out)
		return err == nil && status == 200
	})
	until(t, "callbacks to be taken", func() bool {
		var out map[string]any
		status, err := new.call("POST", "/api/symphony/dispatch", `{"message":{"type":"ok.a","payload":{}},`+
			`"options":{"onSuccess":{"type":"ok.b"}}}`, &out)
		return err == nil && status == 201
	})
	if c := new.drained(); c.Completed != 8 {
		t.Errorf("%+v, want 8 completed, with what follows", c)
	}
	out, err := old.own("serve", "--addr", pgtest.FreeAddress(t)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "works with newer releases only") {
		t.Errorf("an old program that starts afterwards: %v\n%s", err, out)
	}
}
