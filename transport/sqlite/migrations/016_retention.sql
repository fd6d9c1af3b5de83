-- How long messages are kept that say so themselves, µs.
CREATE TABLE messenger_retained (
  seq    INTEGER PRIMARY KEY,
  period INTEGER NOT NULL
) STRICT;
