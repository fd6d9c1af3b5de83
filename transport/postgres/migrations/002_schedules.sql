-- compatible: 1
CREATE TABLE {schema}.messenger_schedules (
  id            uuid PRIMARY KEY,
  name          text UNIQUE,
  source        text NOT NULL, -- api, config
  type          text NOT NULL, -- of the message
  enabled       boolean NOT NULL,
  definition    text NOT NULL, -- JSON object: when, and with which options
  payload       text NOT NULL,
  next_run_at   timestamptz,
  due_at        timestamptz,   -- when next_run_at is fired: with its jitter, or later after a failure
  last_run_at   timestamptz,
  last_messages text,          -- JSON array of {id, transport}
  run_count     bigint NOT NULL,
  last_error    text NOT NULL,
  failures      integer NOT NULL, -- in a row
  completed_at  timestamptz,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL,
  version       bigint NOT NULL
) WITH (
  fillfactor = 50, -- leaves room to update rows in place
  autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000
);
CREATE INDEX messenger_schedules_due ON {schema}.messenger_schedules (due_at, id) WHERE due_at IS NOT NULL;

-- The newest entries of each schedule's history.
CREATE TABLE {schema}.messenger_schedule_runs (
  schedule_id uuid NOT NULL,
  seq         bigint NOT NULL,
  occurrence  timestamptz NOT NULL,
  through     timestamptz NOT NULL, -- the newest occurrence of those skipped together
  fired_at    timestamptz NOT NULL,
  outcome     text NOT NULL,
  manual      boolean NOT NULL,
  messages    text,                 -- JSON array of {id, transport}
  error       text NOT NULL,
  PRIMARY KEY (schedule_id, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);
