package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/flow"
)

// write puts text into symphony.yaml of a folder of its own, which becomes the working directory.
func write(t *testing.T, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(DefaultFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s Sources) *Config {
	t.Helper()
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mistakes returns the lines of the *Error that Load must return.
func mistakes(t *testing.T, s Sources) []string {
	t.Helper()
	_, err := Load(s)
	var list *Error
	if !errors.As(err, &list) {
		t.Fatalf("Load: %v, want an *Error", err)
	}
	return strings.Split(list.Error(), "\n")
}

func TestNothingConfiguredMeansDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	c := load(t, Sources{})
	type some struct {
		Addr, Path, Default string
		Retention           time.Duration
		Transports          []Transport
		Policy              symphony.Policy
		Worker              Worker
		Scopes              auth.ScopeSet
	}
	retry := Retry{MaxRetries: 3, Backoff: "exponential", InitialDelay: time.Second, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: 0.1}
	want := some{
		Addr: "127.0.0.1:8080", Path: "symphony.db", Default: "default", Retention: 24 * time.Hour,
		Transports: []Transport{{Name: "default", Kind: Stored, Queue: "default", Priority: 5, Retry: retry}},
		Policy:     symphony.Policy{}.WithDefaults(),
		Worker: Worker{
			Lease: 30 * time.Second, HandlerTimeout: 5 * time.Minute, Grace: 20 * time.Second, Continuous: Continuous{Concurrency: 10},
			BatchSize: 10, MaxConcurrency: 5, PollInterval: time.Second, TimeLimit: 50 * time.Second,
		},
		Scopes: auth.DefaultScopes,
	}
	got := some{c.Server.Addr, c.Database.Path, c.DefaultTransport, c.Database.Retention, c.Transports, c.Retry.Policy(), c.Worker, c.Auth.DefaultScopes}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHigherSourcesOverrideLowerOnes(t *testing.T) {
	write(t, "server: {addr: 127.0.0.1:1}\nlog: {level: warn}\ndatabase: {path: file.db}\n")
	c := load(t, Sources{
		Environ: []string{"SYMPHONY_SERVER_ADDR=127.0.0.1:2", "SYMPHONY_LOG_LEVEL=error", "HOME=/root"},
		Flags:   []Flag{{Name: "--addr", Key: "server.addr", Value: "127.0.0.1:3"}},
	})
	source := map[string]string{}
	for _, s := range c.Settings() {
		source[s.Key] = s.Source
	}
	got := []string{c.Server.Addr, source["server.addr"], c.Log.Level, source["log.level"], c.Database.Path, source["database.path"], source["env"]}
	want := []string{"127.0.0.1:3", "--addr", "error", "SYMPHONY_LOG_LEVEL", "file.db", "symphony.yaml:3:18", "default"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFileMistakes(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		want       []string
	}{
		{"unknown keys get suggestions", "server:\n  adr: x\nlgo: {}\nlimits: {zzz: 1}\n", []string{
			`symphony.yaml:2:3: server.adr: unknown key; did you mean addr?`,
			`symphony.yaml:3:1: lgo: unknown key; did you mean log?`,
			`symphony.yaml:4:10: limits.zzz: unknown key; there are idempotency_window, max_message_bytes, ` +
				`max_output_bytes`,
		}},
		{"values are checked", "env: prod\nserver: {addr: here, access_log: yes, max_body_bytes: 1 MB}\nretry: {max_retries: -1, multiplier: x, initial_delay: 5}\n", []string{
			`symphony.yaml:1:6: env: must be production or development, is "prod"; did you mean production?`,
			`symphony.yaml:2:16: server.addr: must be HOST:PORT, like 127.0.0.1:8080, is "here"`,
			`symphony.yaml:2:34: server.access_log: must be true or false, is "yes"`,
			`symphony.yaml:2:55: server.max_body_bytes: must be a size like 2MiB from 1KiB to 1GiB, is "1 MB"`,
			`symphony.yaml:3:22: retry.max_retries: must be a whole number from 0 to 1000, is "-1"`,
			`symphony.yaml:3:38: retry.multiplier: must be a number from 1 to 100, is "x"`,
			`symphony.yaml:3:56: retry.initial_delay: must be a duration like "30s" from 1ms to 24h, is "5"`,
		}},
		{"shapes are checked", "server: 5\nlog:\n  level: [info]\ntransports: {}\nenv:\n", []string{
			`symphony.yaml:1:9: server: must be a mapping of keys to values`,
			`symphony.yaml:3:10: log.level: must be a single value, is a list`,
			`symphony.yaml:4:1: transports: names no transport; leave it out for one named "default"`,
			`symphony.yaml:5:1: env: is set to nothing; leave it out for the default (production), or give it a value: production or development`,
		}},
		{"doubled keys", "log: {level: info, level: warn}\nlog: {}\n", []string{
			`symphony.yaml:1:20: log.level: is set twice`,
			`symphony.yaml:2:1: log: is set twice`,
		}},
		{"merge keys", "transports:\n  a: &a {priority: 2}\n  b:\n    <<: *a\n", []string{
			`symphony.yaml:4:5: transports.b: merge keys (<<) are not supported; write the settings out`,
		}},
		{"an alias of itself", "log: &a\n  level: *a\nserver: &b\n  tls: *b\n", []string{
			`symphony.yaml:2:3: log.level.level: must be a single value`,
			`symphony.yaml:4:3: server.tls.tls: unknown key; there are cert, key`,
		}},
		{"several documents", "env: production\n---\nenv: production\n", []string{
			`symphony.yaml:3:1: a configuration is one YAML document`,
		}},
		{"transports and routes", "default_transport: emial\ntransports: {email: , \"b d\": }\nroutes:\n  A.*: emai\n  A*: email\n  B: []\n  C: [email, email]\n", []string{
			`symphony.yaml:1:20: default_transport: unknown transport "emial" (known: email); did you mean email?`,
			`symphony.yaml:2:23: transports.b d: the name must consist of letters, digits and . _ - : only`,
			`symphony.yaml:4:8: routes.A.*: unknown transport "emai" (known: email); did you mean email?`,
			`symphony.yaml:5:3: routes.A*: pattern "A*": "*" may stand alone or end a pattern as ".*"`,
			`symphony.yaml:6:3: routes.B: names no transport`,
			`symphony.yaml:7:6: routes.C: names "email" twice`,
		}},
		{"a route over two storages", "transports: {a: , b: {kind: memory}}\nroutes: {X: [a, b]}\n", []string{
			`symphony.yaml:2:13: routes.X: names transports of several kinds; they must be of one, so that a message is stored for all of them or for none`,
		}},
		{"a route over a transport that stores nothing", "transports: {a: {kind: sync}, b: {kind: sync}}\nroutes: {X: [a, b]}\nworker: {continuous: {transports: [a]}}\n", []string{
			`symphony.yaml:2:13: routes.X: names a transport of kind sync beside another; it stores nothing, so a message can't be stored for all of them or for none`,
			`symphony.yaml:3:35: worker.continuous.transports: "a" is of kind sync, no messages wait there`,
		}},
		{"types and queues", "types:\n  'A*': \n  A: {rate: 5, burst: 0}\n  B: {burst: 3, per_key: {concurrency: 0, rate: 5/2d}}\n  C: {retry: {delays: [1s, x], backoff: cubic}}\nqueues:\n  mail: {concurrency: 1}\n  nope/mail: {concurrency: 1}\n", []string{
			`symphony.yaml:2:3: types.A*: pattern "A*": "*" may stand alone or end a pattern as ".*"`,
			`symphony.yaml:3:13: types.A.rate: must be a rate like "100/s", "30/m" or "5/10s"`,
			`symphony.yaml:3:23: types.A.burst: must be a whole number from 1 to 1000000, is "0"`,
			`symphony.yaml:4:3: types.B.burst: needs a rate`,
			`symphony.yaml:4:40: types.B.per_key.concurrency: must be a whole number from 1 to 1000000, is "0"`,
			`symphony.yaml:4:49: types.B.per_key.rate: must be a rate like "100/s", "30/m" or "5/10s"`,
			`symphony.yaml:5:23: types.C.retry.delays: entries must be durations like "30s" up to 24h, one is "x"`,
			`symphony.yaml:5:41: types.C.retry.backoff: must be exponential, linear or fixed, is "cubic"`,
			`symphony.yaml:7:3: queues.mail: must be named transport/queue, like default/default`,
			`symphony.yaml:8:3: queues.nope/mail: unknown transport "nope" (known: default)`,
		}},
		{"handlers", `handlers:
- {type: A, timeout: 1s}
- type: B
  command: {run: [x]}
  retry: {max_retries: 1}
- type: B
  http: {url: 'http://x.test'}
  name: '1'
  retry: {max_retries: 2}
- {type: C, http: {headers: {a: b}}, comand: {}}
- {command: {run: x, fail_exit_codes: [0, 75]}}
- type: "*x"
  command: {run: [x]}
-
`, []string{
			`symphony.yaml:2:3: handlers[0]: needs either http or command`,
			`symphony.yaml:6:3: handlers[2]: another handler of this type, or its entry under types, has a retry section; a message has one policy`,
			`symphony.yaml:6:3: handlers[2]: another handler of this type is named "1"`,
			`symphony.yaml:10:3: handlers[3]: needs http.url`,
			`symphony.yaml:10:38: handlers[3].comand: unknown key; did you mean command?`,
			`symphony.yaml:11:3: handlers[4]: needs a type`,
			`symphony.yaml:11:19: handlers[4].command.run: must be a list, is a single value`,
			`symphony.yaml:11:39: handlers[4].command.fail_exit_codes: must be a whole number from 1 to 255, is "0"`,
			`symphony.yaml:12:9: handlers[5].type: pattern "*x": "*" may stand alone or end a pattern as ".*"`,
			`symphony.yaml:14:3: handlers[6]: needs a type`,
			`symphony.yaml:14:3: handlers[6]: needs either http or command`,
		}},
		{"handlers that are no list", "handlers: {A: {}}\n", []string{
			`symphony.yaml:1:1: handlers: must be a list of handlers, each with its type`,
		}},
		{"half a certificate", "server:\n  tls:\n    key: k.pem\n", []string{
			`symphony.yaml:3:10: server.tls.key: needs server.tls.cert as well`,
		}},
		{"database", "database:\n  url: mysql://root:hunter2@db/x\n  path: x.db\n  listen_url: db.internal\n  max_connections: 3\n  migrate: never\n  timeout: 50ms\n", []string{
			`symphony.yaml:2:8: database.url: must be a URL like postgres://user@host:5432/database, or a connection string like host=db.internal dbname=app`,
			`symphony.yaml:3:9: database.path: database.url is set as well (symphony.yaml:2:8); set one of the two`,
			`symphony.yaml:4:15: database.listen_url: must be a URL like postgres://user@host:5432/database, or a connection string like host=db.internal dbname=app`,
			`symphony.yaml:5:20: database.max_connections: must be a whole number from 4 to 10000, is "3"`,
			`symphony.yaml:6:12: database.migrate: must be auto or manual, is "never"`,
			`symphony.yaml:7:12: database.timeout: must be a duration like "30s" from 100ms to 10m, is "50ms"`,
		}},
		{"kinds that the database is not", "transports: {a: {kind: postgres}, b: {kind: sqlite}}\n", []string{
			`symphony.yaml:1:24: transports.a.kind: is postgres, but the database is sqlite; database goes with both`,
		}},
		{"settings of authentication that need each other", "auth: {remote: true}\n", []string{
			`symphony.yaml:1:16: auth.remote: needs supabase.url (SUPABASE_URL)`,
		}},
		{"origins", "auth: {allowed_origins: ['*']}\n", []string{
			`symphony.yaml:1:25: auth.allowed_origins: allowed origin "*": not of the form https://host or https://host:port`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, tc.file)
			if diff := cmp.Diff(tc.want, mistakes(t, Sources{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSyntaxErrorsHaveALine(t *testing.T) {
	write(t, "log:\n  level: [info\n")
	got := mistakes(t, Sources{})
	if len(got) != 1 || !strings.HasPrefix(got[0], "symphony.yaml:2:") {
		t.Errorf("got %q, want one mistake in line 2", got)
	}
}

func TestVariablesOfMillisecondsTakeDurations(t *testing.T) {
	t.Chdir(t.TempDir())
	for value, want := range map[string]time.Duration{"50000": 50 * time.Second, "50000ms": 50 * time.Second, "50s": 50 * time.Second, "0.5m": 30 * time.Second} {
		c, err := Load(Sources{Environ: []string{"SYMPHONY_WORKER_TIME_LIMIT=" + value, "SYMPHONY_WORKER_POLL_INTERVAL=" + value}})
		if err != nil || c.Worker.TimeLimit != want || c.Worker.PollInterval != want {
			t.Errorf("%s: got %+v, %v; want %s", value, c, err, want)
		}
	}
}

func TestVariableMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct{ environ, want string }{
		{"SYMPHONY_WORKER_BATCH_SIZE=ten", `SYMPHONY_WORKER_BATCH_SIZE: worker.batch_size: must be a whole number from 1 to 100, is "ten"`},
		{"SYMPHONY_WORKER_BATCH_SIZE=101", `SYMPHONY_WORKER_BATCH_SIZE: worker.batch_size: must be a whole number from 1 to 100, is "101"`},
		{"SYMPHONY_WORKER_MAX_CONCURRENCY=0", `SYMPHONY_WORKER_MAX_CONCURRENCY: worker.max_concurrency: must be a whole number from 1 to 20, is "0"`},
		{"SYMPHONY_WORKER_POLL_INTERVAL=61s", `SYMPHONY_WORKER_POLL_INTERVAL: worker.poll_interval: must be a whole number of milliseconds from 1 to 60000, or a duration like "30s" from 1ms to 1m, is "61s"`},
		{"SYMPHONY_WORKER_POLL_INTERVAL=-5", `SYMPHONY_WORKER_POLL_INTERVAL: worker.poll_interval: must be a whole number of milliseconds from 1 to 60000, or a duration like "30s" from 1ms to 1m, is "-5"`},
		{"SYMPHONY_WORKER_POLL_INTERVAL=1.5", `SYMPHONY_WORKER_POLL_INTERVAL: worker.poll_interval: must be a whole number of milliseconds from 1 to 60000, or a duration like "30s" from 1ms to 1m, is "1.5"`},
		{"SYMPHONY_WORKER_MESSAGE_LIMIT=", `SYMPHONY_WORKER_MESSAGE_LIMIT: worker.message_limit: is set to nothing; leave it out, or give it a value: a whole number of at least 1`},
		{"SYMPHONY_WORKER_TIME_LIMIT=999", `SYMPHONY_WORKER_TIME_LIMIT: worker.time_limit: must be a whole number of milliseconds from 1000 to 55000, or a duration like "30s" from 1s to 55s, is "999"`},
		{"SYMPHONY_WORKER_MEMORY_LIMIT=-1", `SYMPHONY_WORKER_MEMORY_LIMIT: worker.memory_limit: must be a size like 2MiB of at least 1, is "-1"`},
		{"SYMPHONY_WORKER_FAILURE_LIMIT=1.5", `SYMPHONY_WORKER_FAILURE_LIMIT: worker.failure_limit: must be a whole number of at least 1, is "1.5"`},
		{"SYMPHONY_WORKER_BACH_SIZE=1", `SYMPHONY_WORKER_BACH_SIZE: unknown variable; did you mean SYMPHONY_WORKER_BATCH_SIZE?`},
		{"SYMPHONY_TRANSPORTS=a,,b", `SYMPHONY_TRANSPORTS: transports: has an empty entry`},
		{"SYMPHONY_TRANSPORTS=", `SYMPHONY_TRANSPORTS: transports: is set to nothing; leave it out, or name transports like default,email`},
		{"SYMPHONY_DATABASE=mysql://db/x", `SYMPHONY_DATABASE: database.path: must be the path of a SQLite file or a postgres:// URL, is a URL of scheme "mysql"`},
		{"SYMPHONY_DATABASE=postgres://u:12/hunter2@db/x", `SYMPHONY_DATABASE: database.path: has an @ after a /, ? or #: write these characters of a password as %40, %2F, %3F and %23`},
		{"SYMPHONY_DATABASE_URL=postgres://u:12?hunter2@db/x", `SYMPHONY_DATABASE_URL: database.url: has an @ after a /, ? or #: write these characters of a password as %40, %2F, %3F and %23`},
		{"SYMPHONY_DATABASE_URL=", `SYMPHONY_DATABASE_URL: database.url: is set to nothing; leave it out, or give it a value: a postgres:// URL or a connection string`},
		{"SYMPHONY_DATABASE_UR=postgres://db/x", `SYMPHONY_DATABASE_UR: unknown variable; did you mean SYMPHONY_DATABASE_URL?`},
		{"SYMPHONY_CONFIG=", `SYMPHONY_CONFIG: is set to nothing; leave it out, or give it the path of a file`},
		{"SYMPHONY_CONFIG=no.yaml", `SYMPHONY_CONFIG: open no.yaml: no such file or directory`},
		{"SUPABASE_URL=ftp://x", `SUPABASE_URL: supabase.url: supabase: the URL "ftp://x" is not of the form https://<ref>.supabase.co`},
	} {
		t.Run(tc.environ, func(t *testing.T) {
			if diff := cmp.Diff([]string{tc.want}, mistakes(t, Sources{Environ: []string{tc.environ}})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretsAreNotRepeatedInMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	got := strings.Join(mistakes(t, Sources{Environ: []string{"SUPABASE_JWT_SECRET=hunter2", "CRON_SECRET=hunter2"}}), "\n")
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "SUPABASE_JWT_SECRET") || !strings.Contains(got, "CRON_SECRET") {
		t.Errorf("got %s", got)
	}
}

func TestVariablesThatAreNotOurs(t *testing.T) {
	t.Chdir(t.TempDir())
	load(t, Sources{Environ: []string{
		"SYMPHONY_SERVICE_HOST=10.0.0.1", "SYMPHONY_PORT=tcp://10.0.0.1:80", "SYMPHONY_PORT_80_TCP_ADDR=10.0.0.1",
		"SYMPHONY_API_SERVICE_PORT_HTTP=80", "SUPABASE_SERVICE_ROLE_KEY=x", "PATH=/bin", "malformed",
	}})
}

func TestSecretsFromFiles(t *testing.T) {
	write(t, "cron: {secret: from-the-yaml-file}\nsupabase: {url: 'https://x.supabase.co'}\n")
	secret := filepath.Join(t.TempDir(), "secret")
	for _, tc := range []struct {
		name, content string
		environ       []string
		want          []string
		mistake       string
	}{
		{"the file of a variable overrides the configuration file", "one-of-16-letters\n", []string{"CRON_SECRET_FILE=" + secret}, []string{"one-of-16-letters"}, ""},
		{"one a line", " one-of-16-letters \n\ntwo-of-16-letters", []string{"CRON_SECRET_FILE=" + secret}, []string{"one-of-16-letters", "two-of-16-letters"}, ""},
		{"nothing takes the secret away", "", []string{"CRON_SECRET="}, []string{}, ""},
		{"an empty file", "\n", []string{"CRON_SECRET_FILE=" + secret}, nil, "CRON_SECRET_FILE: cron.secret_file: " + secret + " holds no secret"},
		{"both", "one-of-16-letters", []string{"CRON_SECRET=another-of-16-letters", "CRON_SECRET_FILE=" + secret}, nil, "CRON_SECRET_FILE: cron.secret_file: CRON_SECRET is set as well; set one of the two"},
		{"no file", "one", []string{"CRON_SECRET_FILE=/no/file"}, nil, "CRON_SECRET_FILE: cron.secret_file: stat /no/file: no such file or directory"},
		{"two where one is due", "a\nb", []string{"SYMPHONY_API_KEY_FILE=" + secret}, nil, "SYMPHONY_API_KEY_FILE: client.api_key_file: " + secret + " has 2 lines, it must hold one secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(secret, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if tc.mistake != "" {
				if diff := cmp.Diff([]string{tc.mistake}, mistakes(t, Sources{Environ: tc.environ})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			if diff := cmp.Diff(tc.want, Reveal(load(t, Sources{Environ: tc.environ}).Cron.Secrets)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIssuerSetToNothingIsNotTheDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	url := "SUPABASE_URL=https://x.supabase.co"
	if got := load(t, Sources{Environ: []string{url}}).Supabase.JWTIssuer; got != nil {
		t.Errorf("not set: %q, want nil", *got)
	}
	if got := load(t, Sources{Environ: []string{url, "SUPABASE_JWT_ISSUER="}}).Supabase.JWTIssuer; got == nil || *got != "" {
		t.Errorf("set to nothing: %v, want nothing", got)
	}
}

func TestTransportsVariableDecidesWhichThereAre(t *testing.T) {
	write(t, "transports: {email: {priority: 9}, old: }\n")
	c := load(t, Sources{Environ: []string{"SYMPHONY_TRANSPORTS=sms,email"}})
	got := map[string]int{}
	for _, transport := range c.Transports {
		got[transport.Name] = transport.Priority
	}
	if diff := cmp.Diff(map[string]int{"sms": 5, "email": 9}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.DefaultTransport != "sms" {
		t.Errorf("default transport %q, want the first", c.DefaultTransport)
	}
}

func TestRetryIsInherited(t *testing.T) {
	write(t, "retry: {max_retries: 7, jitter: 0}\ntransports: {a: {retry: {max_delay: 1m}}}\nhandlers: [{type: X, command: {run: [x]}, retry: {max_retries: 0}}]\n")
	c := load(t, Sources{Environ: []string{"SYMPHONY_RETRY_INITIAL_DELAY=2s"}})
	if diff := cmp.Diff(Retry{MaxRetries: 7, Backoff: "exponential", InitialDelay: 2 * time.Second, Multiplier: 2, MaxDelay: time.Minute}, c.Transports[0].Retry); diff != "" {
		t.Errorf("transport (-want +got):\n%s", diff)
	}
	want := symphony.Policy{MaxRetries: symphony.NoRetries, Backoff: symphony.Exponential, InitialDelay: 2 * time.Second, Multiplier: 2, MaxDelay: 30 * time.Second, Jitter: symphony.NoJitter}
	if diff := cmp.Diff(want, c.Handlers[0].Retry.Policy()); diff != "" {
		t.Errorf("handler (-want +got):\n%s", diff)
	}
}

func TestShownConfigurationIsAConfiguration(t *testing.T) {
	file := strings.NewReplacer("mail-webhook-secret", "secret").Replace(example)
	write(t, file+"env: development\n")
	if err := os.WriteFile("secret", []byte("whsec_c2VjcmV0LWZvci10aGUtZXhhbXBsZS1maWxl\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, Sources{Environ: []string{"SYMPHONY_LOG_LEVEL=warn"}})
	shown := c.YAML()
	if !strings.Contains(shown, "level: warn # SYMPHONY_LOG_LEVEL") {
		t.Errorf("the source is missing:\n%s", shown)
	}
	if err := os.WriteFile("shown.yaml", []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	again := load(t, Sources{File: "shown.yaml"})
	values := func(c *Config) map[string]any {
		m := map[string]any{}
		for _, s := range c.Settings() {
			m[s.Key] = s.Value
		}
		return m
	}
	if diff := cmp.Diff(values(c), values(again)); diff != "" {
		t.Errorf("reading what was shown gives another configuration (-shown +read):\n%s", diff)
	}
}

func TestShownSecretsAreMasked(t *testing.T) {
	write(t, "handlers: [{type: X, http: {url: 'http://u:hunter2@x.test/hunter2?token=hunter2', headers: {Authorization: hunter2}, secrets: [whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==]}}, {type: Y, command: {run: [x, --token, !secret hunter2, hunter], env: {TOKEN: hunter2}}}]\nalerts: {webhooks: [{url: 'https://hooks.test/services/hunter2'}]}\ncron: {secret: hunter2-hunter2-hunter2}\n")
	c := load(t, Sources{Environ: []string{"SYMPHONY_API_KEY=hunter2"}})
	if shown := c.YAML(); strings.Contains(shown, "hunter2") || strings.Contains(shown, "aHVud") || strings.Count(shown, mask) != 8 || !strings.Contains(shown, "http://x.test/"+mask) || !strings.Contains(shown, `["x","--token","`+mask+`","hunter"]`) {
		t.Errorf("got:\n%s", shown)
	}
}

func TestTimeoutsOfHandlers(t *testing.T) {
	const handlers = "handlers: [{type: A, http: {url: 'http://x.test'}}, {type: B, http: {url: 'http://x.test'}, timeout: 2m}, {type: C, command: {run: [x]}}]\n"
	for worker, want := range map[string][]time.Duration{
		"":                                {30 * time.Second, 2 * time.Minute, 0},
		"worker: {handler_timeout: 1m}\n": {0, 2 * time.Minute, 0}, // 0 is the worker's
	} {
		write(t, handlers+worker)
		var got []time.Duration
		for _, h := range load(t, Sources{}).Handlers {
			got = append(got, h.Timeout)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %q (-want +got):\n%s", worker, diff)
		}
	}
}

func TestOAuthClients(t *testing.T) {
	want := map[string]auth.ScopeSet{"9a8b": auth.Scopes(auth.ScopeDispatch, auth.ScopeRead), "7c6d": auth.Scopes(auth.ScopeRead)}
	write(t, "auth: {oauth_clients: {9a8b: 'dispatch,read', 7c6d: read}}\n")
	for _, c := range []*Config{
		load(t, Sources{}),
		load(t, Sources{Environ: []string{"SYMPHONY_AUTH_OAUTH_CLIENTS=9a8b=dispatch,read; 7c6d=read"}}),
	} {
		if diff := cmp.Diff(want, c.AuthOptions().Supabase.OAuthClients); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if got := mistakes(t, Sources{Environ: []string{"SYMPHONY_AUTH_OAUTH_CLIENTS=9a8b=raed"}}); len(got) != 1 || !strings.Contains(got[0], "raed") {
		t.Errorf("got %q, want the unknown scope told", got)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(example)
	f.Add("a: &a {b: *a}\n? x\n: y\n- z")
	f.Add("handlers: [{type: A, http: {url: 'http://x'}}, ~]")
	f.Add("transports:\n  ? [a]\n  : b\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := newLoader()
		l.defaults()
		l.parse("f.yaml", []byte(text))
		l.finish()
		if len(l.problems) == 0 {
			l.config.YAML()
		}
	})
}

func TestTypesAndQueues(t *testing.T) {
	write(t, `
transports: {default: , email: }
retry: {initial_delay: 2s, jitter: 0}
types:
  Mail.*:
    concurrency: 5
    rate: 100/s
    burst: 10
    per_key: {concurrency: unlimited, rate: 5/10s}
    retry: {backoff: linear}
  Report:
    schema: report.json
    index: [customer.id, to]
    retry: {delays: [1s, 1m, 1h]}
  Other:
queues:
  email/bulk: {concurrency: 3, rate: 30/m}
`)
	c := load(t, Sources{})
	want := []Type{
		{Pattern: "Mail.*", Limit: flow.TypeLimit{
			Limit:  flow.Limit{Concurrency: 5, Rate: flow.Rate{Count: 100, Per: time.Second, Burst: 10}},
			PerKey: flow.Limit{Concurrency: flow.NoLimit, Rate: flow.Rate{Count: 5, Per: 10 * time.Second}}},
			Retry: &Retry{MaxRetries: 3, Backoff: "linear", InitialDelay: 2 * time.Second, Multiplier: 2, MaxDelay: 30 * time.Second}},
		{Pattern: "Report", Schema: "report.json", Index: []string{"customer.id", "to"},
			Retry: &Retry{MaxRetries: 3, Backoff: "exponential", Delays: []time.Duration{time.Second, time.Minute, time.Hour}, InitialDelay: 2 * time.Second, Multiplier: 2, MaxDelay: 30 * time.Second}},
		{Pattern: "Other"},
	}
	if diff := cmp.Diff(want, c.Types); diff != "" {
		t.Errorf("types (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Queue{{Name: "email/bulk", Limit: flow.Limit{Concurrency: 3, Rate: flow.Rate{Count: 30, Per: time.Minute}}}}, c.Queues); diff != "" {
		t.Errorf("queues (-want +got)\n%s", diff)
	}
	gates := c.FlowLimits().Gates(&symphony.Envelope{Type: "Mail.New", Transport: "email", Queue: "bulk", Flow: &symphony.Flow{ConcurrencyKey: "k"}})
	if len(gates) != 3 {
		t.Errorf("gates %+v, want those of type, queue and key", gates)
	}
}

func TestDelaysSayHowManyRetriesThereAre(t *testing.T) {
	write(t, "retry: {delays: [1s, 5s]}\ntypes:\n  A: {retry: {max_retries: 7}}\n  B: {retry: {initial_delay: 3s}}\n")
	c := load(t, Sources{})
	if got := c.Retry.Policy(); got.MaxRetries != 2 || len(got.Delays) != 2 {
		t.Errorf("policy %+v, want 2 retries", got)
	}
	if got := c.Types[0].Retry.Policy(); got.MaxRetries != 7 || len(got.Delays) != 2 {
		t.Errorf("A has policy %+v, want 7 retries with the inherited delays", got)
	}
	if got := c.Types[1].Retry.Policy(); len(got.Delays) != 0 || got.InitialDelay != 3*time.Second {
		t.Errorf("B has policy %+v, want its own initial delay", got)
	}
}
