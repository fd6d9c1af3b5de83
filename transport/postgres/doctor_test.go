package postgres

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/pgtest"
)

// found looks for a finding.
func found(list []Finding, check string, level Level, text string) bool {
	for _, f := range list {
		if f.Check == check && f.Level == level && strings.Contains(f.Detail, text) {
			return true
		}
	}
	return false
}

// wantFinding fails unless there is a finding, with advice if it is not good.
func wantFinding(t *testing.T, list []Finding, check string, level Level, text string) {
	t.Helper()
	if !found(list, check, level, text) {
		t.Errorf("no finding %s/%s with %q in:\n%s", check, level, text, table(list))
	}
	for _, f := range list {
		if (f.Level == LevelProblem || f.Level == LevelWarning) && f.Advice == "" {
			t.Errorf("%s: %s has no advice", f.Check, f.Detail)
		}
	}
}

func table(list []Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%-8s %-18s %s | %s\n", f.Level, f.Check, f.Detail, f.Advice)
	}
	return b.String()
}

func TestDiagnoseOfAHealthyDatabase(t *testing.T) {
	t.Parallel()
	for _, version := range pgtest.Versions(t) {
		t.Run(version, func(t *testing.T) { diagnoseHealthy(t, pgtest.Start(t, pgtest.Options{Version: version, Fsync: true})) })
	}
}

func diagnoseHealthy(t *testing.T, server *pgtest.Server) {
	tr, err := Open(t.Context(), server.URL("postgres"), quiet(Options{Node: NodeInfo{Name: "here", Version: "1.0"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.rollPartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := Diagnose(t.Context(), server.URL("postgres"), quiet(Options{}))
	for _, f := range list {
		// The role of the test is a superuser, and its PostgreSQL may be an old one.
		if f.Level != LevelOK && f.Check != "privileges" && f.Check != "server" {
			t.Errorf("%s: %s: %s", f.Check, f.Level, f.Detail)
		}
	}
	wantFinding(t, list, "nodes", LevelOK, "nodes alive: 1")
	wantFinding(t, list, "partitions", LevelOK, "tomorrow are there")
	wantFinding(t, list, "connection", LevelOK, "without TLS, on this machine")
	wantFinding(t, list, "privileges", LevelNote, "is a superuser")
}

func TestProtection(t *testing.T) {
	here, there := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}
	secure := &tls.ConnectionState{Version: tls.VersionTLS13}
	mode := func(mode string) *tls.Config {
		t.Helper()
		c, err := pgconn.ParseConfig("postgres://u@db.internal/x?sslmode=" + mode)
		if err != nil {
			t.Fatal(err)
		}
		return c.TLSConfig
	}
	for _, tc := range []struct {
		to     net.Addr
		secure *tls.ConnectionState
		config *tls.Config
		text   string
		level  Level
	}{
		{&net.UnixAddr{Name: "/run/postgresql/.s.PGSQL.5432"}, nil, nil, "by a unix socket", LevelOK},
		{here, nil, nil, "without TLS, on this machine", LevelOK},
		{there, nil, mode("prefer"), "without TLS: whoever is on the way can read and change everything", LevelWarning},
		{there, secure, mode("prefer"), "by TLS 1.3, without a check who the server is", LevelNote},
		{there, secure, mode("require"), "by TLS 1.3, without a check who the server is", LevelNote},
		{there, secure, mode("verify-ca"), "by TLS 1.3", LevelOK},
		{there, secure, mode("verify-full"), "by TLS 1.3", LevelOK},
	} {
		text, level := protection(tc.to, tc.secure, tc.config)
		if text != tc.text || level != tc.level {
			t.Errorf("got %s (%s), want %s (%s)", text, level, tc.text, tc.level)
		}
	}
}

func TestDiagnoseConnection(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"max_connections": "12", "superuser_reserved_connections": "3"}})
	database := server.URL("postgres")
	check := func(t *testing.T, url, detail, advice string) {
		t.Helper()
		list := Diagnose(t.Context(), url, quiet(Options{Timeout: 2 * time.Second}))
		if len(list) != 1 || list[0].Check != "connection" || list[0].Level != LevelProblem ||
			!strings.Contains(list[0].Detail, detail) || !strings.Contains(list[0].Advice, advice) || strings.Contains(list[0].Detail, "hunter2") {
			t.Errorf("got:\n%s", table(list))
		}
	}
	t.Run("a mistake in the URL", func(t *testing.T) {
		check(t, "postgres://u:hunter2@db/x?sslmode=maybe", "sslmode", "Correct the settings")
	})
	t.Run("no such database", func(t *testing.T) {
		check(t, server.URL("no_such_database"), "does not exist", "createdb")
	})
	t.Run("a role that may not log in", func(t *testing.T) {
		execute(t, database, "CREATE ROLE nologin NOLOGIN")
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("nologin", "hunter2")
		check(t, u.String(), "nologin", "may it log in")
	})
	t.Run("few connections", func(t *testing.T) {
		list := Diagnose(t.Context(), database, quiet(Options{}))
		wantFinding(t, list, "connections", LevelWarning, "the server admits 9 connections, and a node may open 11")
		execute(t, database, "ALTER DATABASE postgres CONNECTION LIMIT 7")
		list = Diagnose(t.Context(), database, quiet(Options{}))
		wantFinding(t, list, "connections", LevelWarning, "the database admits 7 connections")
		execute(t, database, "ALTER DATABASE postgres CONNECTION LIMIT -1")
	})
	t.Run("no connection left", func(t *testing.T) {
		execute(t, database, "CREATE ROLE few LOGIN CONNECTION LIMIT 0")
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.User("few")
		check(t, u.String(), "no connection left", "Raise max_connections")
	})
	t.Run("a server that is down", func(t *testing.T) {
		server.Stop()
		check(t, database, "cannot be reached", "Is the server up")
	})
}

func TestDiagnosePooler(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	name := ask[string](t, database, "SELECT current_database()")
	pooled := pgtest.PgBouncer(t, database, pgtest.BouncerOptions{}).URL(name)
	session := pgtest.PgBouncer(t, database, pgtest.BouncerOptions{Mode: "session"}).URL(name)
	for _, tc := range []struct {
		main, listen string
		level        Level
		text         string
	}{
		{database, "", LevelOK, "the server itself"},
		{pooled, "", LevelNote, "look for messages every 100ms"},
		{pooled, database, LevelOK, "announcements reach"},
		{pooled, session, LevelOK, "announcements reach"},
		{pooled, pooled, LevelWarning, "announcements do not reach"},
		{pooled, pgtest.URL(t), LevelWarning, "announcements do not reach"},
		{pooled, "postgres://u:hunter2@127.0.0.1:1/x", LevelWarning, "does not work"},
	} {
		list := Diagnose(t.Context(), tc.main, quiet(Options{ListenURL: tc.listen}))
		wantFinding(t, list, "pooler", tc.level, tc.text)
		if strings.Contains(table(list), "hunter2") {
			t.Errorf("the password shows:\n%s", table(list))
		}
	}
}

func TestDiagnoseSettings(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{Settings: map[string]string{
		"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off", "track_counts": "off", "shared_buffers": "16MB",
		"idle_session_timeout": "10min", "max_prepared_transactions": "5",
	}})
	database := server.URL("postgres")
	ctx := t.Context()
	// What nobody reads, and what nobody ends.
	execute(t, database, "SELECT pg_create_physical_replication_slot('forgotten', true)", "BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'left'")
	open := connect(t, database)
	tx, err := open.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(ctx, "SELECT 'secret-payload'"); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		execute(t, database, "CHECKPOINT")
	}
	list := diagnose(ctx, database, quiet(Options{}), doctorLimits{slotBytes: 1 << 40})
	for _, want := range []struct {
		check string
		level Level
		text  string
	}{
		{"durability", LevelProblem, "fsync is off"},
		{"durability", LevelProblem, "full_page_writes is off"},
		{"durability", LevelWarning, "synchronous_commit is off"},
		{"settings", LevelProblem, "autovacuum is off"},
		{"settings", LevelProblem, "track_counts is off"},
		{"settings", LevelNote, "shared_buffers is 16 MB"},
		{"settings", LevelNote, "idle_session_timeout is 10m0s"},
		{"checkpoints", LevelWarning, "came early"},
		{"transactions", LevelWarning, fmt.Sprintf("process %d of postgres", open.PgConn().PID())},
		{"transactions", LevelWarning, "the prepared transaction left"},
		{"replication slots", LevelNote, "forgotten"},
	} {
		if server.Version() < 14 && strings.HasPrefix(want.text, "idle_session_timeout") {
			continue // unknown there
		}
		wantFinding(t, list, want.check, want.level, want.text)
	}
	if strings.Contains(table(list), "secret-payload") {
		t.Errorf("the text of a statement shows:\n%s", table(list))
	}
	wantFinding(t, diagnose(ctx, database, quiet(Options{}), doctorLimits{}), "replication slots", LevelWarning, "forgotten")
}

func TestDiagnoseReadOnlyServer(t *testing.T) {
	database := pgtest.URL(t)
	name := ask[string](t, database, "SELECT current_database()")
	execute(t, database, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	wantFinding(t, Diagnose(t.Context(), database, quiet(Options{})), "server", LevelProblem, "read-only")
}

func TestSupportOfVersions(t *testing.T) {
	ends, ok := supportEnds(oldestServer)
	if !ok || ends.Year() != 2025 {
		t.Errorf("%d: %s, %t", oldestServer, ends, ok)
	}
	if _, ok := supportEnds(99); ok {
		t.Error("the support of an unknown version has an end")
	}
}

// skewed is a clock that is wrong.
type skewed struct {
	symphony.Clock
	by time.Duration
}

func (c skewed) Now() time.Time { return c.Clock.Now().Add(c.by) }

func TestDiagnoseClockSkew(t *testing.T) {
	database := pgtest.URL(t)
	for by, text := range map[time.Duration]string{time.Minute: "behind this machine's", -time.Minute: "ahead of this machine's"} {
		list := Diagnose(t.Context(), database, quiet(Options{Clock: skewed{symphony.SystemClock(), by}}))
		wantFinding(t, list, "clock", LevelWarning, text)
	}
	wantFinding(t, Diagnose(t.Context(), database, quiet(Options{})), "clock", LevelOK, "this machine's")
}

func TestDiagnoseSchemaAndPrivileges(t *testing.T) {
	database := pgtest.URL(t)
	list := Diagnose(t.Context(), database, quiet(Options{}))
	wantFinding(t, list, "schema", LevelProblem, "lacks migration 1 (queue)")
	if n := ask[int](t, database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'symphony'"); n != 0 {
		t.Error("the look made the schema")
	}

	role := ask[string](t, database, "SELECT current_database()") + "_node"
	execute(t, database, fmt.Sprintf("CREATE ROLE %s", role))
	t.Cleanup(func() { execute(t, database, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	if _, err := Migrate(t.Context(), database, quiet(Options{})); err != nil {
		t.Fatal(err)
	}
	node := database + "&options=-c%20role%3D" + role
	list = Diagnose(t.Context(), node, quiet(Options{}))
	wantFinding(t, list, "schema", LevelProblem, "may not look at the schema")
	if err := Grant(t.Context(), database, quiet(Options{}), role); err != nil {
		t.Fatal(err)
	}
	list = Diagnose(t.Context(), node, quiet(Options{}))
	wantFinding(t, list, "privileges", LevelOK, "has what a node needs")
	wantFinding(t, list, "transactions", LevelOK, "pg_read_all_stats")
	execute(t, database, "REVOKE UPDATE ON symphony.messenger_leases FROM "+role, "REVOKE EXECUTE ON FUNCTION symphony.messenger_roll_partitions FROM "+role)
	list = Diagnose(t.Context(), node, quiet(Options{}))
	wantFinding(t, list, "privileges", LevelProblem, "lacks UPDATE on messenger_leases, EXECUTE on symphony.messenger_roll_partitions")

	version := ask[int](t, database, "SELECT max(version) FROM symphony.messenger_migrations")
	execute(t, database, fmt.Sprintf("INSERT INTO symphony.messenger_migrations (version, name, compatible) VALUES (%d, 'later', 1)", version+1))
	wantFinding(t, Diagnose(t.Context(), database, quiet(Options{})), "schema", LevelNote, "works with this one too")
	execute(t, database, fmt.Sprintf("INSERT INTO symphony.messenger_migrations (version, name, compatible) VALUES (%[1]d, 'break', %[1]d)", version+2))
	wantFinding(t, Diagnose(t.Context(), database, quiet(Options{})), "schema", LevelProblem, "newer releases only")
}

func TestDiagnoseTables(t *testing.T) {
	database := pgtest.URL(t)
	if _, err := Migrate(t.Context(), database, quiet(Options{})); err != nil {
		t.Fatal(err)
	}
	const lease = `INSERT INTO symphony.messenger_leases (token, transport, worker, claimed_at, expires_at, ids, lanes, ranks, ords, available, attempts, lost, sizes)
		VALUES (gen_random_uuid(), 'default', 'w', now() - interval '2 days', now() + interval '%s', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`
	node := func(name, version, silent string) string {
		return fmt.Sprintf("INSERT INTO symphony.messenger_nodes VALUES (gen_random_uuid(), now() - interval '%s', now() - interval '1 day', '%s', '%s', '{}')", silent, name, version)
	}
	wantFinding(t, Diagnose(t.Context(), database, quiet(Options{})), "partitions", LevelOK, "no node is running")
	execute(t, database,
		fmt.Sprintf(lease, "-1 hour"), fmt.Sprintf(lease, "1 hour"),
		node("alpha", "1.0", "0"), node("beta", "1.1", "0"), node("gone", "1.0", "2 minutes"),
		"DO $$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'symphony.messenger_completed'::regclass AND inhrelid::regclass::text ~ '[0-9]$' LOOP EXECUTE format('DROP TABLE %s', part); END LOOP; END $$",
		"INSERT INTO symphony.messenger_completed_default (id, created_at, completed_at, lane, priority, attempt, type, worker, payload) VALUES (gen_random_uuid(), now(), now(), 1, 5, 1, 't', 'w', '{}')",
		"CREATE TABLE symphony.messenger_completed_20200101 PARTITION OF symphony.messenger_completed FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')",
		"ALTER TABLE symphony.messenger_ready SET (autovacuum_enabled = off)",
		`INSERT INTO symphony.messenger_ready SELECT 1, 5, i, now(), gen_random_uuid(), 0, 0, 2 FROM generate_series(1, 50000) i`,
		"DELETE FROM symphony.messenger_ready",
	)
	// What was done shows in the statistics when the session that did it has ended, which takes a moment.
	conn := connect(t, database)
	for range 10_000 {
		var dead int64
		if err := conn.QueryRow(t.Context(), "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'messenger_ready'").Scan(&dead); err != nil {
			t.Fatal(err)
		}
		if dead > 0 {
			break
		}
	}
	limits := usualLimits
	limits.deadRows, limits.readyBytes = 10_000, 1<<20
	list := diagnose(t.Context(), database, quiet(Options{}), limits)
	for _, want := range []struct {
		check string
		level Level
		text  string
	}{
		{"leases", LevelProblem, "1 leases ended more than 1m0s ago"},
		{"leases", LevelNote, "1 leases are older than 24h0m0s"},
		{"nodes", LevelNote, "the node gone has not been heard of for 2m"},
		{"nodes", LevelNote, "several versions are at work: 1.0, 1.1"},
		{"partitions", LevelWarning, "no partition for 20"},
		{"partitions", LevelWarning, "still there: 20200101"},
		{"partitions", LevelNote, "messenger_completed_default has 1 messages"},
		{"vacuum", LevelProblem, "autovacuum is turned off for messenger_ready"},
		{"vacuum", LevelWarning, "messenger_ready has 50000 dead rows and 0 live ones"},
		{"ready table", LevelNote, "for 0 waiting messages"},
	} {
		wantFinding(t, list, want.check, want.level, want.text)
	}
	for _, f := range list {
		if f.Check == "vacuum" && f.Level == LevelProblem {
			execute(t, database, strings.TrimSuffix(f.Advice, ".")) // works as it is
		}
	}
}
