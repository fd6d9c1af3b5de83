-- compatible: 5
-- What a completed message has left, and why nothing where there should be something. Older programs leave nothing.
ALTER TABLE {schema}.messenger_completed ADD COLUMN output text; -- JSON
ALTER TABLE {schema}.messenger_completed ADD COLUMN output_error text;

-- What attempts have told of themselves.
CREATE TABLE {schema}.messenger_notes (
  id       uuid NOT NULL,        -- of the message
  attempt  integer NOT NULL,
  lease    uuid NOT NULL,        -- the token of the delivery
  at       timestamptz NOT NULL, -- when it was written last
  keep     boolean NOT NULL,     -- the log is shown also if the attempt succeeds
  progress text,                 -- JSON object
  log      text,                 -- JSON array of lines
  PRIMARY KEY (id, attempt)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- Messages that have ended and are not kept, for a minute: a row for each queue, status and transaction.
CREATE TABLE {schema}.messenger_ended (
  at     timestamptz NOT NULL,
  lane   integer NOT NULL,
  status text NOT NULL, -- completed or cancelled
  ids    uuid[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX messenger_ended_at ON {schema}.messenger_ended (at);
