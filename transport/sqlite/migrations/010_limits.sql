-- Limits that are set at run time, and what endpoints asked for, as JSON, by what is limited.
CREATE TABLE messenger_limits (
  name TEXT PRIMARY KEY,
  body TEXT NOT NULL
) WITHOUT ROWID, STRICT;

-- When a hold ends by itself; NULL: when it is released.
ALTER TABLE messenger_holds ADD COLUMN until INTEGER;
