-- Messages may have retries, times and callbacks of their own from now on, which a program that does not know of them would not
-- heed. They are refused while such a program is alive, and none may start any more: this needs programs that know it.

-- For failed messages that were dispatched again, and are gone: by their own ids and those in the dead letter queue, the id of
-- the message that took their place.
CREATE TABLE {schema}.messenger_retried (
  id         uuid PRIMARY KEY,
  new_id     uuid NOT NULL,
  retried_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX messenger_retried_order ON {schema}.messenger_retried (retried_at);
