-- A lane is one queue of one transport.
CREATE TABLE {schema}.messenger_lanes (
  lane      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transport text NOT NULL,
  queue     text NOT NULL,
  UNIQUE (transport, queue)
);

-- What was dispatched and is not finished. Rows do not change while a message is on its way, except for done.
CREATE TABLE {schema}.messenger_messages (
  id              uuid PRIMARY KEY,
  created_at      timestamptz NOT NULL,
  scheduled_at    timestamptz,
  lane            integer NOT NULL,
  priority        smallint NOT NULL,
  type            text NOT NULL,
  idempotency_key text,
  headers         text, -- JSON objects; payload too
  metadata        text,
  done            text, -- JSON array of the handlers that succeeded, where others failed
  payload         text NOT NULL
) WITH (
  -- A busy queue replaces its rows many times a minute: vacuum by number of rows, not by a share of them.
  autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 50000,
  autovacuum_vacuum_insert_scale_factor = 0.0, autovacuum_vacuum_insert_threshold = 1000000,
  autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 500000
);

-- One row for each message that waits. The index is the order of claims: rank is 10 - priority.
CREATE TABLE {schema}.messenger_ready (
  lane         integer NOT NULL,
  rank         smallint NOT NULL,
  ord          integer NOT NULL, -- the place among messages that were stored at the same time
  available_at timestamptz NOT NULL,
  id           uuid NOT NULL,
  attempt      integer NOT NULL, -- deliveries so far
  lost         integer NOT NULL, -- of these, without a word from the worker
  size         integer NOT NULL  -- bytes of payload, metadata and headers
) WITH (
  autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0.0, autovacuum_vacuum_insert_threshold = 1000000,
  autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 500000
);
CREATE INDEX messenger_ready_order ON {schema}.messenger_ready (lane, rank, available_at, ord);

-- One row for each claim, however many messages it holds. Arrays have one entry for each message.
CREATE TABLE {schema}.messenger_leases (
  token        uuid PRIMARY KEY,
  transport    text NOT NULL,
  worker       text NOT NULL,
  claimed_at   timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,          -- of all messages, or the earliest of item_expires
  item_expires timestamptz[],                 -- where some were extended and others not
  settled      integer[] NOT NULL DEFAULT '{}', -- places of messages that went back to their lanes or failed
  ids          uuid[] NOT NULL,
  lanes        integer[] NOT NULL,
  ranks        smallint[] NOT NULL,
  ords         integer[] NOT NULL,
  available    timestamptz[] NOT NULL,
  attempts     integer[] NOT NULL,
  lost         integer[] NOT NULL,
  sizes        integer[] NOT NULL
) WITH (
  autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.0, toast.autovacuum_vacuum_threshold = 10000, toast.autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX messenger_leases_expiry ON {schema}.messenger_leases (expires_at);
-- Random bytes do not shrink: trying costs more than it saves.
ALTER TABLE {schema}.messenger_leases ALTER ids SET STORAGE EXTERNAL;

-- The rows of a lane add up to its counts. Each connection has rows of its own (shard), so that none waits for another.
CREATE TABLE {schema}.messenger_counters (
  shard      bigint NOT NULL,
  lane       integer NOT NULL,
  pending    bigint NOT NULL,
  processing bigint NOT NULL,
  completed  bigint NOT NULL, -- ever, also those no longer kept
  failed     bigint NOT NULL,
  scheduled  bigint NOT NULL,
  PRIMARY KEY (shard, lane)
) WITH (
  fillfactor = 50, -- leaves room to update rows in place
  autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);

-- One row for each message that is counted as scheduled.
CREATE TABLE {schema}.messenger_scheduled (
  scheduled_at timestamptz NOT NULL,
  id           uuid NOT NULL,
  lane         integer NOT NULL,
  PRIMARY KEY (scheduled_at, id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000);

-- Completed messages that are still kept, a partition for each day.
CREATE TABLE {schema}.messenger_completed (
  id              uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  scheduled_at    timestamptz,
  started_at      timestamptz,
  completed_at    timestamptz NOT NULL,
  lane            integer NOT NULL,
  priority        smallint NOT NULL,
  attempt         integer NOT NULL,
  type            text NOT NULL,
  worker          text NOT NULL,
  idempotency_key text,
  headers         text,
  metadata        text,
  attempts        jsonb, -- those before the last
  payload         text NOT NULL
) PARTITION BY RANGE (completed_at);
CREATE INDEX messenger_completed_id ON {schema}.messenger_completed (id);
-- Takes what is completed on a day whose partition is missing, so that nothing depends on making them in time.
CREATE TABLE {schema}.messenger_completed_default PARTITION OF {schema}.messenger_completed DEFAULT;

-- Attempts that did not succeed, of messages that are not finished.
CREATE TABLE {schema}.messenger_attempts (
  id          uuid NOT NULL,
  attempt     integer NOT NULL,
  started_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  worker      text NOT NULL,
  error       text NOT NULL,
  error_class text NOT NULL,
  PRIMARY KEY (id, attempt)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);

-- The dead letter queue.
CREATE TABLE {schema}.messenger_failed_messages (
  id              uuid PRIMARY KEY,
  failed_at       timestamptz NOT NULL,
  created_at      timestamptz NOT NULL,
  scheduled_at    timestamptz,
  lane            integer NOT NULL,
  transport       text NOT NULL,
  queue           text NOT NULL,
  message_id      uuid NOT NULL,
  type            text NOT NULL,
  priority        smallint NOT NULL,
  idempotency_key text,
  headers         text,
  metadata        text,
  done            text,
  error           text NOT NULL,
  error_class     text NOT NULL,
  retry_count     integer NOT NULL,
  max_retries     integer NOT NULL,
  attempts        jsonb NOT NULL,
  payload         text NOT NULL
);
CREATE INDEX messenger_failed_messages_order ON {schema}.messenger_failed_messages (transport, id);

CREATE TABLE {schema}.messenger_idempotency (
  transport    text NOT NULL,
  key          text NOT NULL,
  message_id   uuid NOT NULL,
  fingerprint  bytea NOT NULL,
  expires_at   timestamptz NOT NULL,
  queue        text NOT NULL,
  scheduled_at timestamptz,
  PRIMARY KEY (transport, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
CREATE INDEX messenger_idempotency_expiry ON {schema}.messenger_idempotency (expires_at);

-- Small documents of the server itself, such as API keys.
CREATE TABLE {schema}.messenger_records (
  kind text NOT NULL,
  id   text NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (kind, id)
);

-- The processes that use this database, by their heartbeats.
CREATE TABLE {schema}.messenger_nodes (
  id         uuid PRIMARY KEY,
  seen_at    timestamptz NOT NULL,
  started_at timestamptz NOT NULL,
  name       text NOT NULL,
  version    text NOT NULL,
  info       text NOT NULL -- JSON
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

-- Makes the partitions of the next days and drops those of which nothing is kept any more. It runs with the rights of
-- the schema's owner, so that nodes need none to create or drop tables. It gives up after a moment where the tables are
-- locked; the next call tries again. The result is how many partitions were made or dropped.
CREATE FUNCTION {schema}.messenger_roll_partitions(at timestamptz, retention interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  day date;
  part record;
  moved integer := 0;
BEGIN
  PERFORM set_config('lock_timeout', '200ms', true);
  FOR i IN 0..2 LOOP
    day := (at AT TIME ZONE 'UTC')::date + i;
    IF to_regclass(format('%I.%I', '{name}', 'messenger_completed_' || to_char(day, 'YYYYMMDD'))) IS NULL
       -- A day that has rows in the default partition stays there: they were stored before its partition was made.
       AND NOT EXISTS (SELECT FROM {schema}.messenger_completed_default
                       WHERE completed_at >= day::timestamp AT TIME ZONE 'UTC' AND completed_at < (day + 1)::timestamp AT TIME ZONE 'UTC') THEN
      BEGIN
        EXECUTE format('CREATE TABLE %I.%I PARTITION OF {schema}.messenger_completed FOR VALUES FROM (%L) TO (%L)',
          '{name}', 'messenger_completed_' || to_char(day, 'YYYYMMDD'),
          day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
        moved := moved + 1;
      EXCEPTION WHEN check_violation OR duplicate_table THEN
        NULL; -- a first row of the day, or another process, was quicker
      END;
    END IF;
  END LOOP;
  FOR part IN
    SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') AS started
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = '{schema}.messenger_completed'::regclass AND c.relname ~ '^messenger_completed_[0-9]{8}$'
  LOOP
    IF (part.started + 1)::timestamp AT TIME ZONE 'UTC' <= at - retention THEN
      EXECUTE format('DROP TABLE %I.%I', '{name}', part.relname);
      moved := moved + 1;
    END IF;
  END LOOP;
  RETURN moved;
END $$;
REVOKE ALL ON FUNCTION {schema}.messenger_roll_partitions(timestamptz, interval) FROM PUBLIC;
SELECT {schema}.messenger_roll_partitions(now(), NULL);
