-- For failed messages that were dispatched again, and are gone: by their own ids and those in the dead letter queue, the id of
-- the message that took their place.
CREATE TABLE messenger_retried (
  id         TEXT PRIMARY KEY,
  new_id     TEXT NOT NULL,
  retried_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX messenger_retried_order ON messenger_retried (retried_at);
