//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What generators of clients make of the document that the built program serves: it is clean to linters, clients in
// TypeScript and Go compile, and with one of them every route is called.
func TestGeneratedClients(t *testing.T) {
	t.Parallel()
	const cronSecret = "cron-secret-of-the-clients"
	s := newServer(t, "", pullConfig+"cron: {secret: "+cronSecret+"}\n")
	var admin struct{ Secret string }
	key := s.run("keys", "create", "clients", "--scopes", "admin", "--json")
	if err := json.Unmarshal([]byte(key), &admin); err != nil {
		t.Fatal(err)
	}
	generated := filepath.Join("clients", "generated")
	if err := os.RemoveAll(generated); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(generated, 0o755); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(s.url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	document, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(generated, "openapi.json"), document, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("linters", func(t *testing.T) {
		npx(t, "redocly", "lint", "generated/openapi.json")
		npx(t, "spectral", "lint", "--fail-severity", "warn", "generated/openapi.json")
	})
	t.Run("TypeScript", func(t *testing.T) {
		npx(t, "openapi-typescript", "generated/openapi.json", "-o", "generated/api.d.ts")
		npx(t, "openapi-ts", "-i", "./generated/openapi.json", "-o", "generated/sdk", "--no-log-file")
		npx(t, "tsc", "-p", ".")
		tool(t, "clients", "node", "generated/js/calls.js", s.url, admin.Secret, cronSecret)
	})
	t.Run("Go", func(t *testing.T) {
		folder := t.TempDir()
		client := filepath.Join(folder, "client.go")
		if err := os.WriteFile(filepath.Join(folder, "openapi.json"), document, 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, "../tools", "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "apiclient",
			"-o", client, filepath.Join(folder, "openapi.json"))
		// The client is compiled where the libraries that it needs are pinned, without a trace of it there.
		place, err := filepath.Abs("../tools/apiclient/client.go")
		if err != nil {
			t.Fatal(err)
		}
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{place: client}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, "../tools", "go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "./apiclient")
	})
}

// npx runs a program of the npm packages that package-lock.json pins.
func npx(t *testing.T, program string, args ...string) {
	t.Helper()
	tool(t, "clients", filepath.Join("node_modules", ".bin", program), args...)
}

// tool runs a program in a folder, and fails with what it says where it fails.
func tool(t *testing.T, folder, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}
