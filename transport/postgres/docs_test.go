package postgres

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// documented returns the SQL blocks of a section of docs/postgres.md.
func documented(t *testing.T, section string) []string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(raw), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("there is no section %s", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("section %s has no SQL", section)
	}
	return blocks
}

// TestDocumentedSetUp follows docs/postgres.md on a server of its own, and runs the queries for monitoring as a node and
// on every version.
func TestDocumentedSetUp(t *testing.T) {
	t.Parallel()
	for _, version := range pgtest.Versions(t) {
		t.Run(version, func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{Version: version})
			database := server.URL("postgres")
			as := func(role, password string) string {
				u, err := url.Parse(database)
				if err != nil {
					t.Fatal(err)
				}
				u.User = url.UserPassword(role, password)
				return u.String()
			}
			// Managed services give out no superuser.
			execute(t, database, "CREATE ROLE admin LOGIN CREATEROLE", "GRANT CREATE ON DATABASE postgres TO admin")
			execute(t, as("admin", ""), documented(t, "Set-up")...)
			owner, node := as("symphony_owner", "choose-one"), as("symphony_node", "choose-another")
			if _, err := Migrate(t.Context(), owner, quiet(Options{})); err != nil {
				t.Fatal(err)
			}
			if err := Grant(t.Context(), owner, quiet(Options{}), "symphony_node"); err != nil {
				t.Fatal(err)
			}
			if err := openAndClose(t, node, Options{KeepSchema: true}); err != nil {
				t.Fatal(err)
			}
			execute(t, node, documented(t, "Monitoring")...)
		})
	}
}
