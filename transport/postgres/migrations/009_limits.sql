-- compatible: 5
-- Limits that are set at run time, and what endpoints asked for, as JSON, by what is limited. A program that does not know of
-- them would hand out messages regardless: while one is alive, none can be set.
CREATE TABLE {schema}.messenger_limits (
  name text PRIMARY KEY,
  body text NOT NULL
);
-- Counts their changes. Claims name the number that they know.
ALTER TABLE {schema}.messenger_flow ADD COLUMN limits_version bigint NOT NULL DEFAULT 0;
-- Since when deliveries may be in hand that hold no place behind a limit which bounds them.
ALTER TABLE {schema}.messenger_flow ADD COLUMN uncounted_since timestamptz;

-- The newest migration that the program of a node knows; 0: it does not say so.
ALTER TABLE {schema}.messenger_nodes ADD COLUMN knows integer NOT NULL DEFAULT 0;

-- When a hold ends by itself. It counts for the hold that began at until_of: a program that does not know of it leaves both as
-- they are when it replaces the hold.
ALTER TABLE {schema}.messenger_holds ADD COLUMN until timestamptz;
ALTER TABLE {schema}.messenger_holds ADD COLUMN until_of timestamptz;
