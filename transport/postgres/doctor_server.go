package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/symphony-messenger/symphony"
)

// supportEnds is the day of the last release of each major version.
func supportEnds(major int) (time.Time, bool) {
	day, ok := map[int]string{
		13: "2025-11-13", 14: "2026-11-12", 15: "2027-11-11", 16: "2028-11-09", 17: "2029-11-08", 18: "2030-11-14",
	}[major]
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, day)
	return t, err == nil
}

// server looks at the version, and whether the server takes writes.
func (d *doctor) server(ctx context.Context) (string, error) {
	var (
		now                time.Time
		version            int
		standby            bool
		readOnly, database string
	)
	if err := d.pool.QueryRow(ctx, `SELECT now(), current_setting('server_version_num')::int / 10000, pg_is_in_recovery(),
		current_setting('transaction_read_only'), current_database()`).Scan(&now, &version, &standby, &readOnly, &database); err != nil {
		return "", err
	}
	if version < oldestServer {
		d.add(LevelProblem, fmt.Sprintf("the server is PostgreSQL %d; %d or newer is needed", version, oldestServer), "Upgrade the server.")
	} else if ends, ok := supportEnds(version); ok && now.After(ends) {
		d.add(LevelNote, fmt.Sprintf("PostgreSQL %d has had no fixes since %s", version, ends.Format(time.DateOnly)), "Plan an upgrade of the server.")
	}
	switch {
	case standby:
		d.add(LevelProblem, "the server is a standby and takes no writes", "Connect to the primary; with several hosts in the URL, target_session_attrs=read-write finds it.")
	case readOnly == "on":
		d.add(LevelProblem, fmt.Sprintf("transactions in the database %s are read-only", database),
			"Look for default_transaction_read_only (ALTER DATABASE, ALTER ROLE, postgresql.conf); some providers set it when the disk is almost full.")
	}
	return fmt.Sprintf("PostgreSQL %d takes writes", version), nil
}

// pooler looks what stands between, and whether announcements can reach this process.
func (d *doctor) pooler(ctx context.Context) (string, error) {
	c, err := d.pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	pooled, err := isPooled(ctx, c.Conn().PgConn())
	c.Release()
	if err != nil {
		return "", err
	}
	if d.options.ListenURL != "" {
		return d.listener(ctx)
	}
	if pooled {
		d.add(LevelNote, fmt.Sprintf("the connection goes through a pooler, so idle workers look for messages every %s instead of being told", d.pollPause(pooled)),
			"Set database.listen_url to a URL of the server itself; it takes one connection for each node.")
	}
	return "the connection goes to the server itself", nil
}

// announcementPatience is how long an announcement may take.
const announcementPatience = 2 * time.Second

// listener tries whether announcements reach the connection that listens.
func (d *doctor) listener(ctx context.Context) (string, error) {
	const advice = "Correct database.listen_url: it must reach the same database without a pooler, or by one in session mode. Until then idle workers look for messages by themselves."
	conn, err := pgx.Connect(ctx, d.options.ListenURL)
	if err != nil {
		d.add(LevelWarning, "database.listen_url does not work: "+oneLine(err), advice)
		return "", nil
	}
	defer conn.Close(ctx) //nolint:errcheck // it is used for nothing else
	id, _ := parseUUID(symphony.NewID(d.clock.Now()))
	channel := "symphony_doctor_" + id.String()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize(), pgx.QueryExecModeExec); err != nil {
		d.add(LevelWarning, "database.listen_url cannot listen: "+oneLine(err), advice)
		return "", nil
	}
	if _, err := d.pool.Exec(ctx, "SELECT pg_notify($1, '')", channel); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, announcementPatience)
	defer cancel()
	if _, err := conn.WaitForNotification(ctx); err != nil {
		d.add(LevelWarning, "announcements do not reach database.listen_url: it leads to another database, or through a pooler in transaction mode", advice)
	}
	return "announcements reach the connection that listens", nil
}

// pollPause is how often idle workers look for messages.
func (d *doctor) pollPause(pooled bool) time.Duration {
	switch {
	case d.poll > 0:
		return d.poll
	case pooled:
		return unannouncedPoll
	}
	return DefaultPollInterval
}

// setting is a parameter of the server as it is in force for this role, apart from what our sessions are set to.
type setting struct {
	name, value string
	level       Level
	detail      string
	advice      string
}

// wrongSettings adds a finding for each parameter that has one of the values.
func (d *doctor) wrongSettings(ctx context.Context, list []setting) error {
	for _, s := range list {
		var value string
		if err := d.pool.QueryRow(ctx, "SELECT coalesce((SELECT reset_val FROM pg_settings WHERE name = $1), '')", s.name).Scan(&value); err != nil {
			return err
		}
		if value == s.value {
			d.add(s.level, fmt.Sprintf("%s is %s: %s", s.name, value, s.detail), s.advice)
		}
	}
	return nil
}

// durability looks at the settings that decide whether what was stored stays so.
func (d *doctor) durability(ctx context.Context) (string, error) {
	return "what is committed is on disk", d.wrongSettings(ctx, []setting{
		{"fsync", "off", LevelProblem, "when the machine crashes, messages are lost and the database may be damaged", "Set fsync = on in postgresql.conf and reload."},
		{"full_page_writes", "off", LevelProblem, "when the machine crashes, the database may be damaged", "Set full_page_writes = on in postgresql.conf and reload."},
		{"synchronous_commit", "off", LevelWarning, "nodes raise it for their own transactions, but what is dispatched or acked in a transaction of your own may be lost when the server crashes",
			"Set synchronous_commit = on for this role: ALTER ROLE … SET synchronous_commit = on."},
	})
}

// settings looks at what else matters.
func (d *doctor) settings(ctx context.Context) (string, error) {
	if err := d.wrongSettings(ctx, []setting{
		{"autovacuum", "off", LevelProblem, "tables and indexes grow, and claims get slower and slower", "Set autovacuum = on in postgresql.conf and reload."},
		{"track_counts", "off", LevelProblem, "autovacuum does not work without it", "Set track_counts = on in postgresql.conf and reload."},
	}); err != nil {
		return "", err
	}
	var buffers, idle int64 // bytes, milliseconds
	if err := d.pool.QueryRow(ctx, `SELECT pg_size_bytes(current_setting('shared_buffers')),
		coalesce((SELECT setting::int8 FROM pg_settings WHERE name = 'idle_session_timeout'), 0)`).Scan(&buffers, &idle); err != nil {
		return "", err
	}
	if buffers < 128<<20 {
		d.add(LevelNote, fmt.Sprintf("shared_buffers is %s, less than the stock setting", byteSize(buffers)), "A quarter of the machine's memory is a good start; it takes a restart.")
	}
	if idle > 0 {
		d.add(LevelNote, fmt.Sprintf("idle_session_timeout is %s: idle connections, also the one that listens, are ended and made again", time.Duration(idle)*time.Millisecond),
			"Turn it off for this role: ALTER ROLE … SET idle_session_timeout = 0.")
	}
	return "autovacuum is on", nil
}

// connections compares what the nodes may open with what the server admits.
func (d *doctor) connections(ctx context.Context) (string, error) {
	var most, reserved, used, ofRole, ofDatabase int
	if err := d.pool.QueryRow(ctx, `SELECT current_setting('max_connections')::int,
		current_setting('superuser_reserved_connections')::int + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int,
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		(SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
		(SELECT datconnlimit FROM pg_database WHERE datname = current_database())`).Scan(&most, &reserved, &used, &ofRole, &ofDatabase); err != nil {
		return "", err
	}
	free := most - reserved
	each := d.options.MaxConns + 1 // one listens
	for limit, n := range map[string]int{"the role": ofRole, "the database": ofDatabase, "the server": free} {
		if n >= 0 && n < each {
			d.add(LevelWarning, fmt.Sprintf("%s admits %d connections, and a node may open %d", limit, n, each),
				"Lower database.max_connections, or raise the limit (ALTER ROLE … CONNECTION LIMIT, ALTER DATABASE … CONNECTION LIMIT, max_connections).")
		}
	}
	if used*10 > free*9 {
		d.add(LevelWarning, fmt.Sprintf("%d of %d connections of the server are in use", used, free), "Raise max_connections, lower database.max_connections of the nodes, or put a pooler before the server.")
	}
	return fmt.Sprintf("%d of %d connections of the server are in use; each node may open %d", used, free, each), nil
}

// checkpoints looks whether they come because WAL is full rather than because it is time.
func (d *doctor) checkpoints(ctx context.Context) (string, error) {
	table := "(SELECT checkpoints_timed AS timed, checkpoints_req AS requested FROM pg_stat_bgwriter)"
	var hasOwnView bool // since PostgreSQL 17
	if err := d.pool.QueryRow(ctx, "SELECT to_regclass('pg_catalog.pg_stat_checkpointer') IS NOT NULL").Scan(&hasOwnView); err != nil {
		return "", err
	}
	if hasOwnView {
		table = "(SELECT num_timed AS timed, num_requested AS requested FROM pg_stat_checkpointer)"
	}
	var (
		timed, requested int64
		size             string
	)
	if err := d.pool.QueryRow(ctx, "SELECT timed, requested, current_setting('max_wal_size') FROM "+table+" c").Scan(&timed, &requested, &size); err != nil {
		return "", err
	}
	if requested >= 10 && requested > timed {
		d.add(LevelWarning, fmt.Sprintf("%d of %d checkpoints came early, because max_wal_size is %s", requested, timed+requested, size),
			"Raise max_wal_size (8GB suits a busy queue) and reload: each checkpoint makes commits write whole pages again.")
	}
	return fmt.Sprintf("%d of %d checkpoints came early", requested, timed+requested), nil
}

// clockSkew compares the clocks. Of a few looks the quickest counts: the answer was made somewhere in its time.
func (d *doctor) clockSkew(ctx context.Context) (string, error) {
	skew, trip := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range 5 {
		var server time.Time
		began := d.clock.Now()
		if err := d.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&server); err != nil {
			return "", err
		}
		ended := d.clock.Now()
		if took := ended.Sub(began); took < trip {
			skew, trip = server.Sub(began.Add(took/2)), took
		}
	}
	detail := fmt.Sprintf("the server's clock is %s ahead of this machine's", skew.Round(time.Millisecond))
	if skew < 0 {
		detail = fmt.Sprintf("the server's clock is %s behind this machine's", -skew.Round(time.Millisecond))
	}
	if skew.Abs()-trip/2 > d.limits.skew {
		d.add(LevelWarning, detail, "Run a time service (NTP) on both. The server's clock decides about messages; this machine's about tokens, keys and the times that it asks for.")
	}
	return detail, nil
}

// transactions looks for old ones: as long as one lasts, nothing deleted since it began can be cleaned up.
func (d *doctor) transactions(ctx context.Context) (string, error) {
	type transaction struct {
		Who     string
		Seconds float64
	}
	list, err := collect[transaction](ctx, d, `SELECT who, extract(epoch FROM now() - since)::float8 FROM (
			SELECT format('process %s of %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no name'), state) AS who, xact_start AS since
			FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
			UNION ALL SELECT format('the prepared transaction %s of %s', gid, owner), prepared FROM pg_prepared_xacts
		) t ORDER BY since LIMIT 3`)
	if err != nil {
		return "", err
	}
	for _, t := range list {
		if age := seconds(t.Seconds); age > d.limits.transaction {
			d.add(LevelWarning, fmt.Sprintf("%s has a transaction open for %s: what was deleted since cannot be cleaned up, so tables grow", t.Who, age.Round(time.Second)),
				"Find out what it does (pg_stat_activity) and end it: SELECT pg_terminate_backend(PID), or ROLLBACK PREPARED; idle_in_transaction_session_timeout keeps it from happening again.")
		}
	}
	var all bool
	if err := d.pool.QueryRow(ctx, "SELECT pg_has_role('pg_read_all_stats', 'USAGE')").Scan(&all); err != nil {
		return "", err
	}
	if !all {
		return "no old transaction of this role (others show to members of pg_read_all_stats only)", nil
	}
	return "no transaction is old", nil
}

// slots looks for replication slots that nobody reads: they keep WAL, and may keep rows from being cleaned up.
func (d *doctor) slots(ctx context.Context) (string, error) {
	type slot struct {
		Name      string
		Bytes     int64 // of WAL
		KeepsRows bool
	}
	list, err := collect[slot](ctx, d, `SELECT slot_name, coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)::int8, xmin IS NOT NULL
		FROM pg_replication_slots WHERE NOT active AND (restart_lsn IS NOT NULL OR xmin IS NOT NULL)`)
	if err != nil {
		return "", err
	}
	for _, s := range list {
		level, what := LevelNote, fmt.Sprintf("keeps %s of WAL", byteSize(s.Bytes))
		if s.KeepsRows {
			what += " and keeps rows from being cleaned up"
		}
		if s.KeepsRows || s.Bytes >= d.limits.slotBytes {
			level = LevelWarning
		}
		d.add(level, fmt.Sprintf("nobody reads the replication slot %s; it %s", s.Name, what),
			fmt.Sprintf("If its reader is gone for good: SELECT pg_drop_replication_slot('%s').", strings.ReplaceAll(s.Name, "'", "''")))
	}
	return "no replication slot is without its reader", nil
}

// byteSize is a number of bytes for people.
func byteSize(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
