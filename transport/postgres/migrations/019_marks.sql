-- compatible: 5
-- What few messages carry is looked up by marks (see package symphony, marks.go): tags, keys, and what relates messages
-- to others. Triggers write them, so that no way in can forget them, also not that of a node of an older release; a
-- message without any costs the look whether it has some. Those of messages that are gone are deleted now and then.
CREATE TABLE {schema}.messenger_marks (
  mark text NOT NULL,
  id   uuid NOT NULL, -- of the message
  PRIMARY KEY (mark, id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000);

-- The marks of a message. What cannot be read has none.
CREATE FUNCTION {schema}.messenger_marks_of(key text, extras text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT 'idempotencyKey:' || key WHERE key <> ''
    UNION
    SELECT k.kind || ':' || (extras::json ->> k.kind)
      FROM unnest(ARRAY['correlationId', 'causationId', 'groupKey', 'concurrencyKey']) k(kind)
      WHERE extras::json ->> k.kind <> ''
    UNION
    SELECT 'tag:' || t.tag FROM json_array_elements_text(extras::json -> 'tags') t(tag));
EXCEPTION WHEN others THEN
  RETURN '{}';
END $$;

CREATE FUNCTION {schema}.messenger_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.messenger_marks (mark, id)
    SELECT unnest({schema}.messenger_marks_of(NEW.idempotency_key, NEW.extras)), NEW.id
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

-- Most extras say only who had the message dispatched.
CREATE TRIGGER messenger_marked AFTER INSERT ON {schema}.messenger_messages FOR EACH ROW
WHEN (NEW.idempotency_key IS NOT NULL OR NEW.extras IS NOT NULL AND (strpos(NEW.extras, '"tags":') > 0
  OR strpos(NEW.extras, 'Key":') > 0 OR strpos(NEW.extras, 'ationId":') > 0))
EXECUTE FUNCTION {schema}.messenger_mark();

-- An edit may give a message tags.
CREATE TRIGGER messenger_marked_anew AFTER UPDATE OF extras ON {schema}.messenger_messages FOR EACH ROW
WHEN (NEW.extras IS DISTINCT FROM OLD.extras AND strpos(NEW.extras, '"tags":') > 0)
EXECUTE FUNCTION {schema}.messenger_mark();

-- Behind this id all messages have their marks, which housekeeping gives the others from there downwards. NULL: all
-- have. Nobody stores any between the triggers and this. The other columns are how far marks were looked through for
-- messages that are gone.
CREATE TABLE {schema}.messenger_marked (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  after      uuid,
  swept_mark text NOT NULL DEFAULT '',
  swept_id   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
INSERT INTO {schema}.messenger_marked (after) SELECT greatest(
  (SELECT id FROM {schema}.messenger_messages ORDER BY id DESC LIMIT 1),
  (SELECT id FROM {schema}.messenger_completed ORDER BY id DESC LIMIT 1),
  (SELECT id FROM {schema}.messenger_cancelled ORDER BY id DESC LIMIT 1),
  (SELECT message_id FROM {schema}.messenger_failed_messages ORDER BY message_id DESC LIMIT 1));
