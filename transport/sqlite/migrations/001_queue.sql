-- Times are microseconds since 1970-01-01 UTC. A lane is one queue of one transport.

CREATE TABLE messenger_lanes (
  lane       INTEGER PRIMARY KEY,
  transport  TEXT NOT NULL,
  queue      TEXT NOT NULL,
  pending    INTEGER NOT NULL DEFAULT 0,
  processing INTEGER NOT NULL DEFAULT 0,
  completed  INTEGER NOT NULL DEFAULT 0, -- ever, also those no longer kept
  failed     INTEGER NOT NULL DEFAULT 0,
  scheduled  INTEGER NOT NULL DEFAULT 0,
  UNIQUE (transport, queue)
) STRICT;

-- What was dispatched. Rows do not change while a message is on its way, except for done.
CREATE TABLE messenger_messages (
  seq             INTEGER PRIMARY KEY,
  id              TEXT NOT NULL UNIQUE,
  lane            INTEGER NOT NULL,
  type            TEXT NOT NULL,
  priority        INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  scheduled_at    INTEGER,
  idempotency_key TEXT,
  headers         TEXT,
  metadata        TEXT,
  done            TEXT, -- JSON array of the handlers that succeeded, where others failed
  payload         TEXT NOT NULL
) STRICT;

-- One row for each message that waits. The primary key is the order of claims: rank is 10 - priority.
CREATE TABLE messenger_ready (
  lane         INTEGER NOT NULL,
  rank         INTEGER NOT NULL,
  available_at INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  attempt      INTEGER NOT NULL, -- deliveries so far
  lost         INTEGER NOT NULL, -- of these, without a word from the worker
  size         INTEGER NOT NULL, -- bytes of payload, metadata and headers
  PRIMARY KEY (lane, rank, available_at, seq)
) WITHOUT ROWID, STRICT;

-- One row for each message whose scheduled_at is still ahead, so that counting them costs nothing.
CREATE TABLE messenger_scheduled (
  scheduled_at INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  lane         INTEGER NOT NULL,
  PRIMARY KEY (scheduled_at, seq)
) WITHOUT ROWID, STRICT;

-- One row for each claim, however many messages it holds. deliveries lists (seq, attempt, lost) as varints.
CREATE TABLE messenger_leases (
  lease      INTEGER PRIMARY KEY,
  worker     TEXT NOT NULL,
  claimed_at INTEGER NOT NULL,
  deliveries BLOB NOT NULL
) STRICT;

-- One row for each completed message that is still kept.
CREATE TABLE messenger_completed (
  seq          INTEGER PRIMARY KEY,
  completed_at INTEGER NOT NULL,
  attempt      INTEGER NOT NULL
) STRICT;

-- Attempts that did not succeed, of messages that are not in the dead letter queue.
CREATE TABLE messenger_attempts (
  seq         INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  worker      TEXT NOT NULL,
  error       TEXT NOT NULL,
  error_class TEXT NOT NULL,
  PRIMARY KEY (seq, attempt)
) WITHOUT ROWID, STRICT;

-- The dead letter queue. Ids are UUIDs of version 7, so their order is the order of failure.
CREATE TABLE messenger_failed_messages (
  id              TEXT PRIMARY KEY,
  transport       TEXT NOT NULL,
  queue           TEXT NOT NULL,
  message_id      TEXT NOT NULL,
  type            TEXT NOT NULL,
  priority        INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  scheduled_at    INTEGER,
  failed_at       INTEGER NOT NULL,
  idempotency_key TEXT,
  headers         TEXT,
  metadata        TEXT,
  done            TEXT,
  error           TEXT NOT NULL,
  error_class     TEXT NOT NULL,
  retry_count     INTEGER NOT NULL,
  max_retries     INTEGER NOT NULL,
  attempts        TEXT NOT NULL, -- JSON array
  payload         TEXT NOT NULL
) STRICT;
CREATE INDEX messenger_failed_messages_order ON messenger_failed_messages (transport, id);

CREATE TABLE messenger_idempotency (
  transport    TEXT NOT NULL,
  key          TEXT NOT NULL,
  message_id   TEXT NOT NULL,
  fingerprint  BLOB NOT NULL,
  expires_at   INTEGER NOT NULL,
  queue        TEXT NOT NULL,
  scheduled_at INTEGER,
  PRIMARY KEY (transport, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX messenger_idempotency_expiry ON messenger_idempotency (expires_at);

-- Small documents of the server itself, such as API keys.
CREATE TABLE messenger_records (
  kind TEXT NOT NULL,
  id   TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID, STRICT;
