package config

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/command"
)

// An application and its server may have one .env: whatever the clients for TypeScript read is no mistake of the server's.
func TestVariablesOfApplications(t *testing.T) {
	sources, err := filepath.Glob("../sdk/typescript/src/*.ts")
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d sources of the client, %v", len(sources), err)
	}
	environ := map[string]bool{}
	for _, name := range sources {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\benv\('(\w+)'\)`).FindAllSubmatch(source, -1) {
			environ[string(m[1])+"=https://a.example.com/of-16-letters"] = true
		}
	}
	t.Chdir(t.TempDir())
	if len(environ) < 4 {
		t.Fatalf("the client reads only %v", environ)
	}
	c := load(t, Sources{Environ: slices.Collect(maps.Keys(environ))})
	if c.Client.Server != "" {
		t.Errorf("commands go to %s", c.Client.Server)
	}
	want := []string{"SYMPHONY_URI: unknown variable; did you mean SYMPHONY_URL?"}
	if diff := cmp.Diff(want, mistakes(t, Sources{Environ: []string{"SYMPHONY_URI=https://a.example.com"}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A program that handles messages may call commands of ours, which find what it was told about its message.
func TestVariablesOfCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	h, err := command.New([]string{"sh", "-c", "env > variables"}, command.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &symphony.Delivery{Envelope: symphony.Envelope{ID: "1", Type: "order.paid", Payload: []byte("{}")}, Attempt: 1}
	if err := h.Handle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("variables")
	if err != nil {
		t.Fatal(err)
	}
	environ := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if !slices.Contains(environ, "SYMPHONY_MESSAGE_TYPE=order.paid") || !strings.Contains(string(raw), "SYMPHONY_OUTPUT=") {
		t.Fatalf("the program's environment is %q", environ)
	}
	load(t, Sources{Environ: environ})
}
