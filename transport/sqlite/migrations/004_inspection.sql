-- Logs: entries that are added at the end and never changed.
CREATE TABLE messenger_logs (
  log     INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  last    INTEGER NOT NULL, -- number of the newest entry ever written
  last_at INTEGER NOT NULL  -- and its time
) STRICT;
CREATE TABLE messenger_log_entries (
  log  INTEGER NOT NULL,
  seq  INTEGER NOT NULL, -- without a gap, but for what was trimmed
  at   INTEGER NOT NULL, -- never less than that of the entry before
  kind TEXT NOT NULL,
  data TEXT NOT NULL,    -- JSON object
  PRIMARY KEY (log, seq)
) WITHOUT ROWID, STRICT;
CREATE INDEX messenger_log_entries_time ON messenger_log_entries (log, at);

-- The names of workers, so that a completed message's row has a small number. seen is when one of its messages was
-- completed, to the hour.
CREATE TABLE messenger_workers (
  worker INTEGER PRIMARY KEY,
  name   TEXT NOT NULL UNIQUE,
  seen   INTEGER NOT NULL
) STRICT;
ALTER TABLE messenger_completed ADD COLUMN took INTEGER;   -- from the start of the last attempt to completed_at
ALTER TABLE messenger_completed ADD COLUMN worker INTEGER;

-- When a message that was not handled was to be tried again.
ALTER TABLE messenger_attempts ADD COLUMN retry_at INTEGER;

-- Where a message waits in messenger_ready: its available_at is created_at plus this, unless it was tried since. Unknown of
-- messages stored by older releases.
ALTER TABLE messenger_messages ADD COLUMN delay INTEGER;

-- The end of a lease as it was claimed. Extending one writes nothing.
ALTER TABLE messenger_leases ADD COLUMN until INTEGER;

CREATE INDEX messenger_failed_messages_message ON messenger_failed_messages (transport, message_id);
