-- compatible: 5
-- By which metadata messages have marks.
CREATE TABLE {schema}.messenger_indexed (
  type  text NOT NULL, -- a pattern
  path  text NOT NULL,
  until timestamptz NOT NULL, -- when it is dropped, unless a node names it before
  PRIMARY KEY (type, path)
);

-- The marks that a message has by its metadata. Longer values have none; see storage.MaxIndexedValue.
CREATE FUNCTION {schema}.messenger_metadata_marks(of_type text, said text) RETURNS text[] LANGUAGE sql STABLE AS $$
  SELECT ARRAY(
    SELECT DISTINCT 'metadata.' || v.path || ':' || v.value FROM (
      SELECT i.path, {schema}.messenger_member(said, string_to_array(i.path, '.')) AS value
      FROM {schema}.messenger_indexed i
      WHERE i.type = of_type OR right(i.type, 1) = '*' AND starts_with(of_type, left(i.type, -1))) v
    WHERE octet_length(v.value) <= 1000)
$$;

CREATE FUNCTION {schema}.messenger_mark_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.messenger_marks (mark, id)
    SELECT unnest({schema}.messenger_metadata_marks(NEW.type, NEW.metadata)), NEW.id
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

-- Makes the indexes that a node names be, for a day, and drops those that nobody names any more. The result is whether
-- one is new: then older messages are to be given their marks. Nodes may not make triggers, so it does that as the owner.
-- The lock has it wait for whoever is storing messages, and those wait for it who come, so that behind the id that it
-- notes all have their marks.
CREATE FUNCTION {schema}.messenger_index(types text[], paths text[], at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fresh boolean;
  wanted text;
BEGIN
  IF NOT EXISTS (SELECT FROM {schema}.messenger_indexed i WHERE i.until < at)
    AND NOT EXISTS (SELECT t, p FROM unnest(types, paths) w(t, p)
      EXCEPT SELECT i.type, i.path FROM {schema}.messenger_indexed i)
  THEN
    UPDATE {schema}.messenger_indexed i SET until = at + interval '24 hours' FROM unnest(types, paths) w(t, p)
      WHERE i.type = w.t AND i.path = w.p AND i.until < at + interval '23 hours';
    RETURN false;
  END IF;
  PERFORM set_config('lock_timeout', '500ms', true);
  LOCK TABLE {schema}.messenger_messages IN ACCESS EXCLUSIVE MODE;
  fresh := EXISTS (SELECT t, p FROM unnest(types, paths) w(t, p)
    EXCEPT SELECT i.type, i.path FROM {schema}.messenger_indexed i);
  INSERT INTO {schema}.messenger_indexed (type, path, until)
    SELECT DISTINCT t, p, at + interval '24 hours' FROM unnest(types, paths) w(t, p)
    ON CONFLICT (type, path) DO UPDATE SET until = excluded.until;
  DELETE FROM {schema}.messenger_indexed i WHERE i.until < at;
  IF fresh THEN
    UPDATE {schema}.messenger_marked SET after = greatest(after,
      (SELECT id FROM {schema}.messenger_messages ORDER BY id DESC LIMIT 1),
      (SELECT id FROM {schema}.messenger_completed ORDER BY id DESC LIMIT 1),
      (SELECT id FROM {schema}.messenger_cancelled ORDER BY id DESC LIMIT 1),
      (SELECT message_id FROM {schema}.messenger_failed_messages ORDER BY message_id DESC LIMIT 1));
  END IF;
  DROP TRIGGER IF EXISTS messenger_marked_metadata ON {schema}.messenger_messages;
  DROP TRIGGER IF EXISTS messenger_marked_metadata_anew ON {schema}.messenger_messages;
  SELECT string_agg(CASE WHEN right(type, 1) = '*' THEN format('starts_with(NEW.type, %L)', left(type, -1))
    ELSE format('NEW.type = %L', type) END, ' OR ') INTO wanted
    FROM (SELECT DISTINCT type FROM {schema}.messenger_indexed) i;
  IF wanted IS NOT NULL THEN
    EXECUTE 'CREATE TRIGGER messenger_marked_metadata AFTER INSERT ON {schema}.messenger_messages FOR EACH ROW
      WHEN (NEW.metadata IS NOT NULL AND (' || wanted || ')) EXECUTE FUNCTION {schema}.messenger_mark_metadata()';
    EXECUTE 'CREATE TRIGGER messenger_marked_metadata_anew AFTER UPDATE OF metadata ON {schema}.messenger_messages
      FOR EACH ROW WHEN (NEW.metadata IS NOT NULL AND NEW.metadata IS DISTINCT FROM OLD.metadata AND (' || wanted || '))
      EXECUTE FUNCTION {schema}.messenger_mark_metadata()';
  END IF;
  RETURN fresh;
END $$;
REVOKE ALL ON FUNCTION {schema}.messenger_index(text[], text[], timestamptz) FROM PUBLIC;
