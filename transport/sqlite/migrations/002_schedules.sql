CREATE TABLE messenger_schedules (
  id            TEXT PRIMARY KEY,
  name          TEXT UNIQUE,
  source        TEXT NOT NULL, -- api, config
  type          TEXT NOT NULL, -- of the message
  enabled       INTEGER NOT NULL,
  definition    TEXT NOT NULL, -- JSON object: when, and with which options
  payload       TEXT NOT NULL,
  next_run_at   INTEGER,
  due_at        INTEGER,       -- when next_run_at is fired: with its jitter, or later after a failure
  last_run_at   INTEGER,
  last_messages TEXT,          -- JSON array of {id, transport}
  run_count     INTEGER NOT NULL,
  last_error    TEXT NOT NULL,
  failures      INTEGER NOT NULL, -- in a row
  completed_at  INTEGER,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE INDEX messenger_schedules_due ON messenger_schedules (due_at, id) WHERE due_at IS NOT NULL;

-- The newest entries of each schedule's history.
CREATE TABLE messenger_schedule_runs (
  schedule_id TEXT NOT NULL,
  seq         INTEGER NOT NULL,
  occurrence  INTEGER NOT NULL,
  through     INTEGER NOT NULL, -- the newest occurrence of those skipped together
  fired_at    INTEGER NOT NULL,
  outcome     TEXT NOT NULL,
  manual      INTEGER NOT NULL,
  messages    TEXT,             -- JSON array of {id, transport}
  error       TEXT NOT NULL,
  PRIMARY KEY (schedule_id, seq)
) WITHOUT ROWID, STRICT;
