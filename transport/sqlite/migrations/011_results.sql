-- What completed messages have left, one row for each that has left something.
CREATE TABLE messenger_outputs (
  seq    INTEGER PRIMARY KEY,
  output TEXT, -- JSON
  error  TEXT  -- why there is none
) STRICT;

-- What attempts have told of themselves, by the message's own id: it stays with those in the dead letter queue.
CREATE TABLE messenger_notes (
  id       TEXT NOT NULL,
  attempt  INTEGER NOT NULL,
  lease    TEXT NOT NULL,    -- the token of the delivery
  at       INTEGER NOT NULL, -- when it was written last
  keep     INTEGER NOT NULL, -- 1: the log is shown also if the attempt succeeds
  progress TEXT,             -- JSON object
  log      TEXT,             -- JSON array of lines
  PRIMARY KEY (id, attempt)
) WITHOUT ROWID, STRICT;

-- Messages that have ended and are not kept, for a minute: their ids, 16 bytes each, a row for each queue, status and
-- transaction.
CREATE TABLE messenger_ended (
  n      INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  lane   INTEGER NOT NULL,
  status TEXT NOT NULL, -- completed or cancelled
  ids    BLOB NOT NULL
) STRICT;
