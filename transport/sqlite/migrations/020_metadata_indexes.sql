-- By which metadata messages have marks: by what is configured, and by what was earlier, of which messages keep theirs
-- until they go.
CREATE TABLE messenger_indexed (
  type TEXT NOT NULL, -- a pattern
  path TEXT NOT NULL,
  used INTEGER NOT NULL, -- 1: all messages behind the id in messenger_marked have their marks
  PRIMARY KEY (type, path)
) WITHOUT ROWID, STRICT;
