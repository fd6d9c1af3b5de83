package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/transport/postgres"
)

func TestDatabaseIsWhatTheHighestSourceNames(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(secret, []byte("postgres://file/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, file string
		environ    []string
		flag       string
		path, url  string
	}{
		{name: "nothing", path: "symphony.db"},
		{name: "a URL", file: "{url: postgres://db/x}", url: "postgres://db/x"},
		{name: "a connection string", file: "{url: host=db dbname=x}", url: "host=db dbname=x"},
		{name: "an @ in a user's name", file: "{url: 'postgres://u@tenant:x@db/x?application_name=a@b'}", url: "postgres://u@tenant:x@db/x?application_name=a@b"},
		{name: "a URL as path", environ: []string{"SYMPHONY_DATABASE=postgresql://db/x"}, url: "postgresql://db/x"},
		{name: "a URL as flag", flag: "postgres://db/y", environ: []string{"SYMPHONY_DATABASE_URL=postgres://db/x"}, url: "postgres://db/y"},
		{name: "a variable above a path in the file", file: "{path: my.db}", environ: []string{"SYMPHONY_DATABASE_URL=postgres://db/x"}, url: "postgres://db/x"},
		{name: "a path as variable above a URL in the file", file: "{url: postgres://db/x}", environ: []string{"SYMPHONY_DATABASE=my.db"}, path: "my.db"},
		{name: "a path as flag above a URL as variable", environ: []string{"SYMPHONY_DATABASE_URL=postgres://db/x"}, flag: "my.db", path: "my.db"},
		{name: "a secret's file", environ: []string{"SYMPHONY_DATABASE_URL_FILE=" + secret}, url: "postgres://file/x"},
		{name: "a secret's file above a path and a URL", file: "{url: postgres://db/x}", environ: []string{"SYMPHONY_DATABASE_URL_FILE=" + secret}, url: "postgres://file/x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := ""
			if tc.file != "" {
				text = "database: " + tc.file + "\n"
			}
			write(t, text)
			s := Sources{Environ: tc.environ}
			if tc.flag != "" {
				s.Flags = []Flag{{Name: "--database", Key: "database.path", Value: tc.flag}}
			}
			d := load(t, s).Database
			if d.Path != tc.path || string(d.URL) != tc.url || d.PostgreSQL() != (tc.url != "") {
				t.Errorf("path %q, URL %q; want %q, %q", d.Path, string(d.URL), tc.path, tc.url)
			}
		})
	}
}

func TestDatabaseSettings(t *testing.T) {
	write(t, "transports: {a: {kind: postgres}, b: {kind: database}, c: {}}\nroutes: {X: [a, b, c]}\n")
	c := load(t, Sources{Environ: []string{
		"SYMPHONY_DATABASE_URL=postgres://db/x", "SYMPHONY_DATABASE_LISTEN_URL=postgres://direct/x", "SYMPHONY_DATABASE_SCHEMA=queue",
		"SYMPHONY_DATABASE_MAX_CONNECTIONS=20", "SYMPHONY_DATABASE_POLL_INTERVAL=250ms", "SYMPHONY_DATABASE_TIMEOUT=2s", "SYMPHONY_DATABASE_MIGRATE=manual",
	}})
	want := Database{
		URL: "postgres://db/x", ListenURL: "postgres://direct/x", Schema: "queue", MaxConnections: 20, PollInterval: 250 * time.Millisecond,
		Timeout: 2 * time.Second, Migrate: MigrateManually, Retention: 24 * time.Hour,
	}
	if diff := cmp.Diff(want, c.Database); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tr := range c.Transports {
		if tr.Kind != Stored {
			t.Errorf("transport %s is of kind %s", tr.Name, tr.Kind)
		}
	}
}

// TestDatabaseDocs holds what the documentation says and what package postgres does together.
func TestDatabaseDocs(t *testing.T) {
	text := reference(comments(t))
	for key, value := range map[string]any{
		"database.schema": postgres.DefaultSchema, "database.max_connections": postgres.DefaultMaxConns,
		"database.poll_interval": formatDuration(postgres.DefaultPollInterval), "database.timeout": formatDuration(postgres.DefaultTimeout),
	} {
		_, row, _ := strings.Cut(text, "| `"+key+"` |")
		row, _, _ = strings.Cut(row, "\n")
		if !strings.Contains(strings.ReplaceAll(row, "`", ""), fmt.Sprintf("If not set: %v", value)) {
			t.Errorf("%s does not say that the default is %v:%s", key, value, row)
		}
	}
}

func TestDatabasePasswordsAreHidden(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://db/x":                                             "postgres://db/x",
		"postgres://u@db/x?sslmode=require":                           "postgres://u@db/x?sslmode=require",
		"postgres://u:hunter2@db:5432/x":                              "postgres://u:xxxxx@db:5432/x",
		"postgres://u:hun@ter2@db/x":                                  "postgres://u:xxxxx@db/x",
		"postgres://u@a:1,b:2/x?password=hunter2&SSLPassword=hunter2": "postgres://u@a:1,b:2/x?SSLPassword=xxxxx&password=xxxxx",
		"postgres://u:12/hunter2@db/x":                                mask,
		"postgres://u:12?hunter2@db/x":                                mask,
		"postgres://u:12#hunter2@db/x":                                mask,
		"postgres://u:hunter2":                                        mask,
		"host=db user=u":                                              "host=db user=u",
		"password=hunter2 host=db":                                    "password=xxxxx host=db",
		`host=db password = 'hun\' ter2' user=u`:                      "host=db password = xxxxx user=u",
		`host=db password=hun\ ter2 user=u`:                           "host=db password=xxxxx user=u",
		"host=db sslpassword='hunter2":                                "host=db sslpassword=xxxxx",
		"symphony.db":                                                 "symphony.db",
	} {
		if got := hideDatabasePassword(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestConfigurationNeverShowsDatabasePasswords(t *testing.T) {
	t.Chdir(t.TempDir())
	c := load(t, Sources{Environ: []string{"SYMPHONY_DATABASE=postgres://u:hunter2@db/x", "SYMPHONY_DATABASE_LISTEN_URL=host=db password=hunter2"}})
	yaml := c.YAML()
	_, section, _ := strings.Cut(yaml, "\ndatabase:\n")
	section, _, _ = strings.Cut(section, "\n  migrate:") // the last one of the section
	text := yaml + fmt.Sprintf("%v %+v %#v", c.Database, c.Database, *c)
	if strings.Contains(text, "hunter2") || strings.Contains(section, "path:") ||
		!strings.Contains(section, "  url: postgres://u:xxxxx@db/x # SYMPHONY_DATABASE\n") {
		t.Errorf("got %s", text)
	}
}
