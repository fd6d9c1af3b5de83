package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// nodesAlive lists who uses the database.
func (d *doctor) nodesAlive(ctx context.Context) (string, error) {
	type member struct {
		Name, Version string
		Silent        float64
	}
	list, err := collect[member](ctx, d, `SELECT name, version, extract(epoch FROM now() - seen_at)::float8 FROM {schema}.messenger_nodes ORDER BY started_at, id`)
	if err != nil {
		return "", err
	}
	alive := 0
	var versions []string
	for _, m := range list {
		if silent := seconds(m.Silent); silent > nodeLife {
			d.add(LevelNote, fmt.Sprintf("the node %s has not been heard of for %s", m.Name, silent.Round(time.Second)),
				"It was ended without a chance to say so, or is cut off. What it had claimed comes back when its leases end.")
			continue
		}
		alive++
		if !slices.Contains(versions, m.Version) {
			versions = append(versions, m.Version)
		}
	}
	if len(versions) > 1 {
		d.add(LevelNote, "nodes of several versions are at work: "+strings.Join(versions, ", "), "That is fine while they are replaced one by one.")
	}
	if alive == 0 {
		return "no node is running", nil
	}
	return fmt.Sprintf("nodes alive: %d", alive), nil
}

// vacuum looks whether it keeps up.
func (d *doctor) vacuum(ctx context.Context) (string, error) {
	type table struct {
		Name       string
		Live, Dead int64
		Last       string // vacuum
		Off        bool   // autovacuum
	}
	list, err := collect[table](ctx, d, `SELECT s.relname, s.n_live_tup, s.n_dead_tup, coalesce(to_char(greatest(s.last_autovacuum, s.last_vacuum), 'YYYY-MM-DD HH24:MI:SS TZ'), 'never'),
			EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~ '^autovacuum_enabled=(false|off|no|0)$')
		FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
		WHERE s.schemaname = $1 AND s.relname LIKE 'messenger\_%' ORDER BY s.relname`, d.schema)
	if err != nil {
		return "", err
	}
	for _, t := range list {
		if t.Off {
			d.add(LevelProblem, fmt.Sprintf("autovacuum is turned off for %s", t.Name), d.qualify(fmt.Sprintf("ALTER TABLE {schema}.%s RESET (autovacuum_enabled).", t.Name)))
		}
		if t.Dead > d.limits.deadRows && t.Dead > t.Live {
			d.add(LevelWarning, fmt.Sprintf("%s has %d dead rows and %d live ones; it was last vacuumed: %s", t.Name, t.Dead, t.Live, t.Last),
				"Look for old transactions and inactive replication slots first: while they last, vacuum can remove nothing. If there are none, autovacuum is too slow: raise autovacuum_max_workers or autovacuum_vacuum_cost_limit.")
		}
	}
	return fmt.Sprintf("it keeps up with %d tables", len(list)), nil
}

// readySize compares the size of the ready table with what waits.
func (d *doctor) readySize(ctx context.Context) (string, error) {
	var bytes, pending int64
	if err := d.pool.QueryRow(ctx, d.qualify(`SELECT pg_total_relation_size('{schema}.messenger_ready'), coalesce(sum(pending), 0)::int8 FROM {schema}.messenger_counters`)).Scan(&bytes, &pending); err != nil {
		return "", err
	}
	const usualRow = 200 // bytes with its index entry, about twice what it takes without gaps
	detail := fmt.Sprintf("it has %s for %d waiting messages", byteSize(bytes), pending)
	if bytes > d.limits.readyBytes && bytes > 10*usualRow*(pending+1) {
		d.add(LevelNote, detail, d.qualify("The space is used again. To give it back when little is going on: VACUUM (FULL) {schema}.messenger_ready; dispatches wait meanwhile."))
	}
	return detail, nil
}

// leasesStuck looks for leases that ended and that nobody took back, and for very old ones.
func (d *doctor) leasesStuck(ctx context.Context) (string, error) {
	var leases, overdue, old int64
	if err := d.pool.QueryRow(ctx, d.qualify(`SELECT count(*), count(*) FILTER (WHERE expires_at < now() - $1::float8 * interval '1 second'),
		count(*) FILTER (WHERE expires_at >= now() AND claimed_at < now() - $2::float8 * interval '1 second') FROM {schema}.messenger_leases`),
		d.limits.overdue.Seconds(), d.limits.processing.Seconds()).Scan(&leases, &overdue, &old); err != nil {
		return "", err
	}
	if overdue > 0 {
		d.add(LevelProblem, fmt.Sprintf("%d leases ended more than %s ago, and their messages are not back in their queues", overdue, d.limits.overdue),
			"Every running node takes them back within seconds. Is one running? Its log says what hinders it.")
	}
	if old > 0 {
		d.add(LevelNote, fmt.Sprintf("%d leases are older than %s: handlers that run that long, or hang", old, d.limits.processing),
			"worker.handler_timeout ends handlers that hang.")
	}
	return fmt.Sprintf("leases: %d, none overdue", leases), nil
}

// partitions looks at those of completed messages.
func (d *doctor) partitions(ctx context.Context) (string, error) {
	var (
		missing []string
		stale   []string
		strays  int64
		running bool
	)
	if err := d.pool.QueryRow(ctx, d.qualify(`WITH days AS (
			SELECT to_char((now() AT TIME ZONE 'UTC')::date + i, 'YYYYMMDD') AS day FROM generate_series(0, 1) i
		), parts AS (
			SELECT right(c.relname, 8) AS day FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
			WHERE h.inhparent = '{schema}.messenger_completed'::regclass AND c.relname ~ '^messenger_completed_[0-9]{8}$'
		)
		SELECT ARRAY(SELECT day FROM days EXCEPT SELECT day FROM parts ORDER BY 1),
			ARRAY(SELECT day FROM parts WHERE (to_date(day, 'YYYYMMDD') + 2)::timestamp AT TIME ZONE 'UTC' <= now() - $1::float8 * interval '1 second' ORDER BY 1),
			(SELECT count(*) FROM (SELECT FROM {schema}.messenger_completed_default LIMIT 1000000) d),
			EXISTS (SELECT FROM {schema}.messenger_nodes WHERE seen_at > now() - $2::float8 * interval '1 second')`),
		min(d.kept.Longest(symphony.Completed), symphony.MaxRetention).Seconds(), nodeLife.Seconds()).Scan(&missing,
		&stale, &strays, &running); err != nil {
		return "", err
	}
	if len(missing) > 0 && running {
		d.add(LevelWarning, "no partition for "+strings.Join(missing, ", "), "Running nodes make them; the log of one says what hinders it. Until then completed messages go to messenger_completed_default.")
	}
	if len(stale) > 0 && running {
		d.add(LevelWarning, "partitions of which nothing is kept any more are still there: "+strings.Join(stale, ", "),
			"Running nodes drop them when nobody uses them. A transaction that looks at messenger_completed hinders that, or another node with a longer database.retention.")
	}
	if strays > 0 {
		d.add(LevelNote, fmt.Sprintf("messenger_completed_default has %d messages, completed on a day whose partition was missing", strays), "Nodes delete them when their time is over.")
	}
	if !running {
		return "no node is running to make and drop them", nil
	}
	return "those of today and tomorrow are there", nil
}
