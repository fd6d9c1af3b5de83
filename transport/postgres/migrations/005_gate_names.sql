-- The gates of keys and of paused types get names that no other gate has: the length of the first part stands before it.
-- A program that does not know of this would count behind the old ones, so this needs programs that know it.
SELECT FROM {schema}.messenger_flow FOR UPDATE;

-- The key of a message tells which part of its gate's name is the pattern.
UPDATE {schema}.messenger_parked p SET gate = 'keyed:' || octet_length(n.pattern) || ':' || n.pattern || ':' || n.key
FROM (
  SELECT w.id, w.gate, k.key, substr(w.gate, 5, length(w.gate) - 5 - length(k.key)) AS pattern
  FROM {schema}.messenger_parked w JOIN {schema}.messenger_messages m ON m.id = w.id
  CROSS JOIN LATERAL (SELECT m.extras::json ->> 'concurrencyKey' AS key) k
  WHERE w.gate LIKE 'key:%' AND right(w.gate, length(k.key) + 1) = ':' || k.key
) n
WHERE p.id = n.id AND p.gate = n.gate;

UPDATE {schema}.messenger_parked p
SET gate = 'held:' || octet_length(l.transport) || ':' || l.transport || ':' || substr(p.gate, length(l.transport) + 7)
FROM {schema}.messenger_lanes l
WHERE l.lane = p.lane AND starts_with(p.gate, 'hold:' || l.transport || ':');

UPDATE {schema}.messenger_leases l SET passes = (
  SELECT array_agg(CASE WHEN r.gates IS NULL THEN r.pass ELSE jsonb_set(r.pass::jsonb, '{gates}', r.gates)::text END ORDER BY r.place)
  FROM (
    SELECT u.place, u.pass, (
      SELECT jsonb_agg(CASE WHEN g.name LIKE 'key:%' AND right(g.name, length(k.key) + 1) = ':' || k.key
          THEN 'keyed:' || octet_length(substr(g.name, 5, length(g.name) - 5 - length(k.key))) || ':' || substr(g.name, 5)
          ELSE g.name END ORDER BY g.n)
      FROM jsonb_array_elements_text(u.pass::jsonb -> 'gates') WITH ORDINALITY g(name, n)) AS gates
    FROM unnest(l.passes, l.ids) WITH ORDINALITY u(pass, id, place)
    LEFT JOIN {schema}.messenger_messages m ON m.id = u.id
    CROSS JOIN LATERAL (SELECT m.extras::json ->> 'concurrencyKey' AS key) k) r)
WHERE l.passes IS NOT NULL;

-- What is before and behind the new gates, and until when the old ones' rates are used up.
INSERT INTO {schema}.messenger_gates (name, used, next, parked, wake_at)
SELECT n.name, sum(n.used), coalesce(max(o.next), 0), sum(n.parked), now()
FROM (
  SELECT gate AS name, 0 AS used, count(*) AS parked FROM {schema}.messenger_parked
  WHERE gate LIKE 'keyed:%' OR gate LIKE 'held:%' GROUP BY gate
  UNION ALL
  SELECT g.name, count(*), 0
  FROM {schema}.messenger_leases l CROSS JOIN LATERAL unnest(l.passes) WITH ORDINALITY u(pass, place)
  CROSS JOIN LATERAL jsonb_array_elements_text(u.pass::jsonb -> 'gates') g(name)
  WHERE g.name LIKE 'keyed:%' AND NOT u.place - 1 = ANY (l.settled) GROUP BY g.name
) n LEFT JOIN {schema}.messenger_gates o ON o.name = regexp_replace(n.name, '^keyed:[0-9]+:', 'key:')
GROUP BY n.name;

INSERT INTO {schema}.messenger_gates (name, used, next, parked, wake_at)
SELECT 'keyed:' || octet_length(split_part(name, ':', 2)) || ':' || substr(name, 5), 0, next, 0, now()
FROM {schema}.messenger_gates
WHERE name LIKE 'key:%' AND next > 0 AND length(name) - length(replace(name, ':', '')) = 2
ON CONFLICT (name) DO NOTHING;

-- A gate of an old name that still has something before it, which should not be, limits nothing and is looked at now.
DELETE FROM {schema}.messenger_gates g WHERE (name LIKE 'key:%' OR name LIKE 'hold:%')
  AND NOT EXISTS (SELECT FROM {schema}.messenger_parked p WHERE p.gate = g.name);
UPDATE {schema}.messenger_gates g
SET used = 0, wake_at = now(), parked = (SELECT count(*) FROM {schema}.messenger_parked p WHERE p.gate = g.name)
WHERE name LIKE 'key:%' OR name LIKE 'hold:%';
