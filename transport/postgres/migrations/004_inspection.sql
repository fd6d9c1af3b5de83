-- compatible: 3
-- Logs: entries that are added at the end and never changed, oldest seq first.
CREATE TABLE {schema}.messenger_log_entries (
  log  text NOT NULL,
  seq  bigint NOT NULL,
  at   timestamptz NOT NULL, -- never less than that of the entry before
  kind text NOT NULL,
  data text NOT NULL, -- JSON object
  PRIMARY KEY (log, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX messenger_log_entries_at ON {schema}.messenger_log_entries (log, at);

-- The end of each log. Whoever adds to a log holds its row until the commit, so that the next one comes behind.
CREATE TABLE {schema}.messenger_log_ends (
  log text PRIMARY KEY,
  seq bigint NOT NULL,     -- of the newest entry ever written
  at  timestamptz NOT NULL -- and its time
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

-- Ranges of records go by the bytes of their ids, whatever the database's collation is.
CREATE INDEX IF NOT EXISTS messenger_records_order ON {schema}.messenger_records (kind, id COLLATE "C");

-- Messages are looked up, and listed, by their own ids wherever they are.
CREATE INDEX IF NOT EXISTS messenger_failed_messages_message ON {schema}.messenger_failed_messages (message_id);

-- When the message was to be tried again, NULL where it was not.
ALTER TABLE {schema}.messenger_attempts ADD COLUMN retry_at timestamptz;

-- When the message is ready, where neither its dispatch nor its last attempt tells: its delay was dropped, or it was given
-- back with one.
ALTER TABLE {schema}.messenger_messages ADD COLUMN ready_at timestamptz;
