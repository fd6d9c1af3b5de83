-- Messages that are pushed to URLs of their own wait in lanes of their own, for those who push.
CREATE TABLE messenger_lanes_new (
  lane       INTEGER PRIMARY KEY,
  transport  TEXT NOT NULL,
  queue      TEXT NOT NULL,
  controlled INTEGER NOT NULL, -- 1: its messages must pass gates
  pushed     INTEGER NOT NULL, -- 1: its messages are pushed
  pending    INTEGER NOT NULL DEFAULT 0,
  processing INTEGER NOT NULL DEFAULT 0,
  completed  INTEGER NOT NULL DEFAULT 0, -- ever, also those no longer kept
  failed     INTEGER NOT NULL DEFAULT 0,
  scheduled  INTEGER NOT NULL DEFAULT 0,
  at         INTEGER NOT NULL DEFAULT 0,
  cancelled  INTEGER NOT NULL DEFAULT 0, -- ever, also those no longer kept
  UNIQUE (transport, queue, controlled, pushed)
) STRICT;
INSERT INTO messenger_lanes_new
  SELECT lane, transport, queue, controlled, 0, pending, processing, completed, failed, scheduled, at, cancelled
  FROM messenger_lanes;
DROP TABLE messenger_lanes;
ALTER TABLE messenger_lanes_new RENAME TO messenger_lanes;
