-- compatible: 15
-- Until when a message is kept that says so itself; NULL for one that does not, or whose extras are damaged. A program that
-- does not know of this keeps none by it, so such messages are refused while one is alive.
CREATE FUNCTION {schema}.messenger_kept_until(ended timestamptz, extras text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN ended + ((extras::json ->> 'retention')::int8 / 1000) * interval '1 microsecond';
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;

CREATE INDEX IF NOT EXISTS messenger_completed_kept_until ON {schema}.messenger_completed ({schema}.messenger_kept_until(completed_at, extras))
  WHERE strpos(extras, '"retention":') > 0;
CREATE INDEX IF NOT EXISTS messenger_cancelled_kept_until ON {schema}.messenger_cancelled ({schema}.messenger_kept_until(cancelled_at, extras))
  WHERE strpos(extras, '"retention":') > 0;

-- As before, and messages of a partition that is dropped which say themselves that they are kept for longer go to the
-- partition for days that have none of their own. A retention of NULL drops nothing.
CREATE OR REPLACE FUNCTION {schema}.messenger_roll_partitions(at timestamptz, retention interval) RETURNS integer
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
      EXECUTE format('ALTER TABLE {schema}.messenger_completed DETACH PARTITION %I.%I', '{name}', part.relname);
      EXECUTE format('INSERT INTO {schema}.messenger_completed (id, created_at, scheduled_at, started_at, completed_at, lane,
          priority, attempt, type, worker, idempotency_key, headers, metadata, attempts, payload, extras, output, output_error)
        SELECT id, created_at, scheduled_at, started_at, completed_at, lane,
          priority, attempt, type, worker, idempotency_key, headers, metadata, attempts, payload, extras, output, output_error
        FROM %I.%I WHERE strpos(extras, ''"retention":'') > 0
          AND {schema}.messenger_kept_until(completed_at, extras) > $1', '{name}', part.relname) USING at;
      EXECUTE format('DROP TABLE %I.%I', '{name}', part.relname);
      moved := moved + 1;
    END IF;
  END LOOP;
  RETURN moved;
END $$;
REVOKE ALL ON FUNCTION {schema}.messenger_roll_partitions(timestamptz, interval) FROM PUBLIC;
