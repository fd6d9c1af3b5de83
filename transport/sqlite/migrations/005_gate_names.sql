-- The gates of keys and of paused types get names that no other gate has: the length of the first part stands before it.
-- The key of a message tells which part of its gate's name is the pattern, and its lane which one is the transport.
CREATE TABLE messenger_gate_names (seq INTEGER PRIMARY KEY, next INTEGER NOT NULL, name TEXT NOT NULL) STRICT;

INSERT INTO messenger_gate_names (seq, next, name)
SELECT seq, next, 'keyed:' || length(CAST(pattern AS BLOB)) || ':' || pattern || ':' || key FROM (
  SELECT seq, next, key, substr(name, 5, length(name) - 5 - length(key)) AS pattern FROM (
    SELECT p.seq, g.next, g.name, json_extract(CAST(m.extras AS TEXT), '$.concurrencyKey') AS key
    FROM messenger_parked p JOIN messenger_gates g ON g.gate = p.gate JOIN messenger_messages m ON m.seq = p.seq
    WHERE g.name GLOB 'key:*')
  WHERE key <> '' AND substr(name, -length(key) - 1) = ':' || key);

INSERT INTO messenger_gate_names (seq, next, name)
SELECT p.seq, 0, 'held:' || length(CAST(l.transport AS BLOB)) || ':' || l.transport || ':' || substr(g.name, length(l.transport) + 7)
FROM messenger_parked p JOIN messenger_gates g ON g.gate = p.gate JOIN messenger_lanes l ON l.lane = p.lane
WHERE substr(g.name, 1, length(l.transport) + 6) = 'hold:' || l.transport || ':';

-- Nobody holds a place behind a gate while the file is opened. Each gate is looked at then.
INSERT INTO messenger_gates (name, used, next, parked, wake_at) SELECT name, 0, max(next), count(*), 1 FROM messenger_gate_names GROUP BY name;
UPDATE messenger_parked SET gate = (SELECT g.gate FROM messenger_gate_names n JOIN messenger_gates g ON g.name = n.name WHERE n.seq = messenger_parked.seq)
  WHERE seq IN (SELECT seq FROM messenger_gate_names);
DROP TABLE messenger_gate_names;

-- Until when the rates of gates are used up before which nothing waits.
INSERT INTO messenger_gates (name, used, next, parked, wake_at)
SELECT 'keyed:' || length(CAST(substr(name, 5, instr(substr(name, 5), ':') - 1) AS BLOB)) || ':' || substr(name, 5), 0, next, 0, 1
FROM messenger_gates
WHERE name GLOB 'key:*' AND next > 0 AND length(name) - length(replace(name, ':', '')) = 2
ON CONFLICT (name) DO NOTHING;

-- A gate of an old name that still has something before it, which should not be, limits nothing and is looked at.
DELETE FROM messenger_gates WHERE (name GLOB 'key:*' OR name GLOB 'hold:*') AND gate NOT IN (SELECT gate FROM messenger_parked);
UPDATE messenger_gates SET parked = (SELECT count(*) FROM messenger_parked p WHERE p.gate = messenger_gates.gate), wake_at = 1
  WHERE name GLOB 'key:*' OR name GLOB 'hold:*';
