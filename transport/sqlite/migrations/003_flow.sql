-- Messages under flow control wait in lanes of their own, so that all others are claimed without a look at each.
CREATE TABLE messenger_lanes_new (
  lane       INTEGER PRIMARY KEY,
  transport  TEXT NOT NULL,
  queue      TEXT NOT NULL,
  controlled INTEGER NOT NULL, -- 1: its messages must pass gates
  pending    INTEGER NOT NULL DEFAULT 0,
  processing INTEGER NOT NULL DEFAULT 0,
  completed  INTEGER NOT NULL DEFAULT 0, -- ever, also those no longer kept
  failed     INTEGER NOT NULL DEFAULT 0,
  scheduled  INTEGER NOT NULL DEFAULT 0,
  UNIQUE (transport, queue, controlled)
) STRICT;
INSERT INTO messenger_lanes_new SELECT lane, transport, queue, 0, pending, processing, completed, failed, scheduled FROM messenger_lanes;
DROP TABLE messenger_lanes;
ALTER TABLE messenger_lanes_new RENAME TO messenger_lanes;

-- JSON object of the fields that few messages have: correlation, causation, keys of flow control.
ALTER TABLE messenger_messages ADD COLUMN extras TEXT;
ALTER TABLE messenger_failed_messages ADD COLUMN extras TEXT;

-- Set in controlled lanes, whose messages can be found by their number.
ALTER TABLE messenger_ready ADD COLUMN controlled INTEGER;
CREATE INDEX messenger_ready_controlled ON messenger_ready (seq) WHERE controlled IS NOT NULL;

-- What messages must pass together: limits, groups, paused types.
CREATE TABLE messenger_gates (
  gate    INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  used    INTEGER NOT NULL, -- messages behind the gate; of a group, those in line
  next    INTEGER NOT NULL, -- when a rate's next start is due, in nanoseconds
  parked  INTEGER NOT NULL, -- messages before it
  wake_at INTEGER           -- when to look at it again
) STRICT;
CREATE INDEX messenger_gates_wake ON messenger_gates (wake_at) WHERE wake_at IS NOT NULL;

-- Messages that wait before a gate, in the order in which they are let through. They are pending, and not ready.
CREATE TABLE messenger_parked (
  gate         INTEGER NOT NULL,
  place        INTEGER NOT NULL, -- the rank; in groups 0
  available_at INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  lane         INTEGER NOT NULL, -- these and the following as in messenger_ready
  rank         INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  lost         INTEGER NOT NULL,
  size         INTEGER NOT NULL,
  PRIMARY KEY (gate, place, available_at, seq)
) WITHOUT ROWID, STRICT;
CREATE INDEX messenger_parked_seq ON messenger_parked (seq);

-- One row for each message that expires. Those of messages that were begun stay until then.
CREATE TABLE messenger_expiring (
  expires_at INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  PRIMARY KEY (expires_at, seq)
) WITHOUT ROWID, STRICT;

-- The message of each debounce or throttle key that waits and was never begun.
CREATE TABLE messenger_unique (
  transport TEXT NOT NULL,
  kind      TEXT NOT NULL, -- debounce, throttle
  key       TEXT NOT NULL,
  seq       INTEGER NOT NULL,
  PRIMARY KEY (transport, kind, key)
) WITHOUT ROWID, STRICT;

-- What is paused or drained. Empty names mean the whole transport.
CREATE TABLE messenger_holds (
  transport TEXT NOT NULL,
  queue     TEXT NOT NULL,
  type      TEXT NOT NULL,
  mode      TEXT NOT NULL,
  since     INTEGER NOT NULL,
  by        TEXT NOT NULL,
  reason    TEXT NOT NULL,
  PRIMARY KEY (transport, queue, type)
) WITHOUT ROWID, STRICT;
