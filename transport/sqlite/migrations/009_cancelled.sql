-- One row for each cancelled message that is still kept.
CREATE TABLE messenger_cancelled (
  seq          INTEGER PRIMARY KEY,
  cancelled_at INTEGER NOT NULL,
  attempt      INTEGER NOT NULL, -- deliveries
  requested_at INTEGER NOT NULL,
  by           TEXT NOT NULL,
  reason       TEXT NOT NULL,
  started_at   INTEGER,          -- this and the following where it was in hand: when its last worker got it
  worker       TEXT,
  token        TEXT,             -- of the claim
  place        INTEGER           -- in it
) STRICT;

CREATE INDEX messenger_cancelled_order ON messenger_cancelled (cancelled_at);

ALTER TABLE messenger_lanes ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0; -- ever, also those no longer kept

-- A message that is cancelled while it is in hand goes to a lease of its own, which its worker does not know. JSON object:
-- the token and place of the delivery that it was, and who wanted that, when and why.
ALTER TABLE messenger_leases ADD COLUMN cancel TEXT;
