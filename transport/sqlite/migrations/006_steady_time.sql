-- What waits for a while is kept in steady time, which goes on while the machine's clock is set; see internal/steady.
-- at is where steady time stood when the lane's counts changed last.
ALTER TABLE messenger_lanes ADD COLUMN at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE messenger_clock (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  at    INTEGER NOT NULL, -- where steady time stood when this was written
  ahead INTEGER NOT NULL  -- how far it was ahead of the machine's clock when the scheduled messages were placed
) STRICT;
INSERT INTO messenger_clock (one, at, ahead) VALUES (1, 0, 0);

-- The token of a claim that outlives the process, by a worker elsewhere. Its deliveries list (seq, attempt, lost, end) for
-- each message of the claim, with seq 0 for those that are settled; end is relative to until.
ALTER TABLE messenger_leases ADD COLUMN token TEXT;
