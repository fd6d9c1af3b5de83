-- What few messages carry is looked up by marks (see package symphony, marks.go): tags, keys, and what relates messages
-- to others. They are written with the messages that carry any and deleted with them, so that all others cost nothing.
CREATE TABLE messenger_marks (
  mark TEXT NOT NULL,
  id   TEXT NOT NULL, -- of the message
  PRIMARY KEY (mark, id)
) WITHOUT ROWID, STRICT;

-- Behind this id all messages have their marks, which housekeeping gives the others from there downwards. Empty: all
-- have.
CREATE TABLE messenger_marked (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  after TEXT NOT NULL
) STRICT;
INSERT INTO messenger_marked SELECT 1, max(coalesce((SELECT max(id) FROM messenger_messages), ''),
  coalesce((SELECT max(message_id) FROM messenger_failed_messages), ''));
