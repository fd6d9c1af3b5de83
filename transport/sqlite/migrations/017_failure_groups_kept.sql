-- What has failed, by groups, kept by triggers on the dead letters: so no way in or out of there can forget it, and nothing
-- that does not fail costs anything. count is of dead letters that are there; all else is of every failure since first_seen.
CREATE TABLE messenger_failure_groups (
  transport   TEXT NOT NULL,
  name        TEXT NOT NULL,
  type        TEXT NOT NULL, -- this, error_class and sample are those of the newest failure
  error_class TEXT NOT NULL,
  sample      TEXT NOT NULL,
  count       INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  failures    INTEGER NOT NULL,
  first_seen  INTEGER NOT NULL,
  last_seen   INTEGER NOT NULL,
  failed_id   TEXT NOT NULL, -- of the newest failure
  PRIMARY KEY (transport, name)
) WITHOUT ROWID, STRICT;
CREATE INDEX messenger_failure_groups_order ON messenger_failure_groups (transport, failed_id);
CREATE INDEX messenger_failure_groups_age ON messenger_failure_groups (last_seen);
CREATE TABLE messenger_failure_hours (
  transport TEXT NOT NULL,
  name      TEXT NOT NULL,
  hour      INTEGER NOT NULL, -- since 1970
  failures  INTEGER NOT NULL,
  PRIMARY KEY (transport, name, hour)
) WITHOUT ROWID, STRICT;
CREATE INDEX messenger_failure_hours_age ON messenger_failure_hours (hour);

INSERT INTO messenger_failure_groups
  SELECT l.transport, l.failure_group, l.type, l.error_class, l.error, g.n, g.attempts, g.n, g.first_seen, g.last_seen, l.id
  FROM (SELECT max(id) AS id, count(*) AS n, sum(retry_count + 1) AS attempts, min(failed_at) AS first_seen, max(failed_at) AS last_seen
    FROM messenger_failed_messages WHERE failure_group IS NOT NULL GROUP BY transport, failure_group) g
  JOIN messenger_failed_messages l ON l.id = g.id;
INSERT INTO messenger_failure_hours
  SELECT transport, failure_group, failed_at / 3600000000, count(*) FROM messenger_failed_messages
  WHERE failure_group IS NOT NULL GROUP BY 1, 2, 3;

CREATE TRIGGER messenger_failed_messages_came AFTER INSERT ON messenger_failed_messages WHEN NEW.failure_group IS NOT NULL BEGIN
  INSERT INTO messenger_failure_groups VALUES (NEW.transport, NEW.failure_group, NEW.type, NEW.error_class, NEW.error, 1,
    NEW.retry_count + 1, 1, NEW.failed_at, NEW.failed_at, NEW.id)
  ON CONFLICT (transport, name) DO UPDATE SET count = count + 1, attempts = attempts + excluded.attempts, failures = failures + 1,
    type = iif(excluded.failed_id > failed_id, excluded.type, type),
    error_class = iif(excluded.failed_id > failed_id, excluded.error_class, error_class),
    sample = iif(excluded.failed_id > failed_id, excluded.sample, sample),
    first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),
    failed_id = max(failed_id, excluded.failed_id);
  INSERT INTO messenger_failure_hours VALUES (NEW.transport, NEW.failure_group, NEW.failed_at / 3600000000, 1)
  ON CONFLICT (transport, name, hour) DO UPDATE SET failures = failures + 1;
END;
CREATE TRIGGER messenger_failed_messages_left AFTER DELETE ON messenger_failed_messages WHEN OLD.failure_group IS NOT NULL BEGIN
  UPDATE messenger_failure_groups SET count = count - 1 WHERE transport = OLD.transport AND name = OLD.failure_group;
END;
CREATE TRIGGER messenger_failed_messages_regrouped AFTER UPDATE OF failure_group ON messenger_failed_messages
WHEN NEW.failure_group IS NOT OLD.failure_group BEGIN
  UPDATE messenger_failure_groups SET count = count - 1 WHERE transport = OLD.transport AND name = OLD.failure_group;
  INSERT INTO messenger_failure_groups VALUES (NEW.transport, NEW.failure_group, NEW.type, NEW.error_class, NEW.error, 1,
    NEW.retry_count + 1, 1, NEW.failed_at, NEW.failed_at, NEW.id)
  ON CONFLICT (transport, name) DO UPDATE SET count = count + 1, attempts = attempts + excluded.attempts, failures = failures + 1,
    type = iif(excluded.failed_id > failed_id, excluded.type, type),
    error_class = iif(excluded.failed_id > failed_id, excluded.error_class, error_class),
    sample = iif(excluded.failed_id > failed_id, excluded.sample, sample),
    first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),
    failed_id = max(failed_id, excluded.failed_id);
  INSERT INTO messenger_failure_hours VALUES (NEW.transport, NEW.failure_group, NEW.failed_at / 3600000000, 1)
  ON CONFLICT (transport, name, hour) DO UPDATE SET failures = failures + 1;
END;
