-- compatible: 5
-- What has failed, by groups, kept by triggers on the dead letters: so no way in or out of there can forget it, also not that of
-- a program that does not know of this, and nothing that does not fail costs anything. count is of dead letters that are there;
-- all else is of every failure since first_seen. Each backend writes rows of its own, so that none waits for another; they are
-- folded into those of shard 0.
CREATE TABLE {schema}.messenger_failure_groups (
  shard       bigint NOT NULL,
  transport   text NOT NULL,
  name        text NOT NULL,
  type        text NOT NULL, -- this, error_class and sample are those of the newest failure
  error_class text NOT NULL,
  sample      text NOT NULL,
  count       bigint NOT NULL,
  attempts    bigint NOT NULL,
  failures    bigint NOT NULL,
  first_seen  timestamptz NOT NULL,
  last_seen   timestamptz NOT NULL,
  failed_id   uuid NOT NULL, -- of the newest failure
  PRIMARY KEY (transport, name, shard)
);
CREATE TABLE {schema}.messenger_failure_hours (
  shard     bigint NOT NULL,
  transport text NOT NULL,
  name      text NOT NULL,
  hour      bigint NOT NULL, -- since 1970
  failures  bigint NOT NULL,
  PRIMARY KEY (transport, name, hour, shard)
);

CREATE FUNCTION {schema}.messenger_failures_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.messenger_failure_groups AS g
    SELECT pg_backend_pid(), transport, failure_group, (array_agg(type ORDER BY id DESC))[1],
      (array_agg(error_class ORDER BY id DESC))[1], (array_agg(error ORDER BY id DESC))[1],
      count(*), sum(retry_count + 1), count(*), min(failed_at), max(failed_at), (array_agg(id ORDER BY id DESC))[1]
    FROM came WHERE failure_group IS NOT NULL GROUP BY transport, failure_group ORDER BY transport, failure_group
    ON CONFLICT (transport, name, shard) DO UPDATE SET count = g.count + excluded.count,
      attempts = g.attempts + excluded.attempts, failures = g.failures + excluded.failures,
      type = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.type ELSE g.type END,
      error_class = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.error_class ELSE g.error_class END,
      sample = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.sample ELSE g.sample END,
      first_seen = least(g.first_seen, excluded.first_seen), last_seen = greatest(g.last_seen, excluded.last_seen),
      failed_id = greatest(g.failed_id, excluded.failed_id);
  INSERT INTO {schema}.messenger_failure_hours AS h
    SELECT pg_backend_pid(), transport, failure_group, floor(extract(epoch FROM failed_at) / 3600)::bigint, count(*)
    FROM came WHERE failure_group IS NOT NULL GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
    ON CONFLICT (transport, name, hour, shard) DO UPDATE SET failures = h.failures + excluded.failures;
  RETURN NULL;
END $$;

CREATE FUNCTION {schema}.messenger_failures_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.messenger_failure_groups AS g
    SELECT pg_backend_pid(), transport, failure_group, '', '', '', -count(*), 0, 0, 'infinity', '-infinity',
      '00000000-0000-0000-0000-000000000000'
    FROM gone WHERE failure_group IS NOT NULL GROUP BY transport, failure_group ORDER BY transport, failure_group
    ON CONFLICT (transport, name, shard) DO UPDATE SET count = g.count + excluded.count;
  RETURN NULL;
END $$;

-- Groups are given to those that have none, and other ones to those whose own are forgotten: so they come, and leave.
CREATE FUNCTION {schema}.messenger_failures_regrouped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.messenger_failure_groups AS g
    SELECT pg_backend_pid(), o.transport, o.failure_group, '', '', '', -count(*), 0, 0, 'infinity', '-infinity',
      '00000000-0000-0000-0000-000000000000'
    FROM gone o JOIN came n ON n.id = o.id
    WHERE o.failure_group IS NOT NULL AND o.failure_group IS DISTINCT FROM n.failure_group
    GROUP BY o.transport, o.failure_group ORDER BY o.transport, o.failure_group
    ON CONFLICT (transport, name, shard) DO UPDATE SET count = g.count + excluded.count;
  INSERT INTO {schema}.messenger_failure_groups AS g
    SELECT pg_backend_pid(), n.transport, n.failure_group, (array_agg(n.type ORDER BY n.id DESC))[1],
      (array_agg(n.error_class ORDER BY n.id DESC))[1], (array_agg(n.error ORDER BY n.id DESC))[1],
      count(*), sum(n.retry_count + 1), count(*), min(n.failed_at), max(n.failed_at), (array_agg(n.id ORDER BY n.id DESC))[1]
    FROM gone o JOIN came n ON n.id = o.id
    WHERE n.failure_group IS NOT NULL AND o.failure_group IS DISTINCT FROM n.failure_group
    GROUP BY n.transport, n.failure_group ORDER BY n.transport, n.failure_group
    ON CONFLICT (transport, name, shard) DO UPDATE SET count = g.count + excluded.count,
      attempts = g.attempts + excluded.attempts, failures = g.failures + excluded.failures,
      type = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.type ELSE g.type END,
      error_class = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.error_class ELSE g.error_class END,
      sample = CASE WHEN excluded.failed_id > g.failed_id THEN excluded.sample ELSE g.sample END,
      first_seen = least(g.first_seen, excluded.first_seen), last_seen = greatest(g.last_seen, excluded.last_seen),
      failed_id = greatest(g.failed_id, excluded.failed_id);
  INSERT INTO {schema}.messenger_failure_hours AS h
    SELECT pg_backend_pid(), n.transport, n.failure_group, floor(extract(epoch FROM n.failed_at) / 3600)::bigint, count(*)
    FROM gone o JOIN came n ON n.id = o.id
    WHERE n.failure_group IS NOT NULL AND o.failure_group IS DISTINCT FROM n.failure_group
    GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
    ON CONFLICT (transport, name, hour, shard) DO UPDATE SET failures = h.failures + excluded.failures;
  RETURN NULL;
END $$;

CREATE TRIGGER messenger_failures_came AFTER INSERT ON {schema}.messenger_failed_messages
  REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION {schema}.messenger_failures_came();
CREATE TRIGGER messenger_failures_left AFTER DELETE ON {schema}.messenger_failed_messages
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION {schema}.messenger_failures_left();
CREATE TRIGGER messenger_failures_regrouped AFTER UPDATE ON {schema}.messenger_failed_messages
  REFERENCING OLD TABLE AS gone NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION {schema}.messenger_failures_regrouped();

INSERT INTO {schema}.messenger_failure_groups
  SELECT 0, transport, failure_group, (array_agg(type ORDER BY id DESC))[1], (array_agg(error_class ORDER BY id DESC))[1],
    (array_agg(error ORDER BY id DESC))[1], count(*), sum(retry_count + 1), count(*), min(failed_at), max(failed_at),
    (array_agg(id ORDER BY id DESC))[1]
  FROM {schema}.messenger_failed_messages WHERE failure_group IS NOT NULL GROUP BY transport, failure_group;
INSERT INTO {schema}.messenger_failure_hours
  SELECT 0, transport, failure_group, floor(extract(epoch FROM failed_at) / 3600)::bigint, count(*)
  FROM {schema}.messenger_failed_messages WHERE failure_group IS NOT NULL GROUP BY 2, 3, 4;
