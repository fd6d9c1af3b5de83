-- compatible: 5
-- What stands at a path of a JSON object, where it is a string, number or boolean, as it is spelled in JSON; NULL where
-- there is none, or the text is no JSON, because storage was damaged.
CREATE FUNCTION {schema}.messenger_member(document text, path text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  v json;
  part text;
BEGIN
  v := document;
  FOREACH part IN ARRAY path LOOP
    IF json_typeof(v) <> 'object' THEN
      RETURN NULL;
    END IF;
    v := v -> part;
  END LOOP;
  IF json_typeof(v) IN ('string', 'number', 'boolean') THEN
    RETURN v #>> '{}';
  END IF;
  RETURN NULL;
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;

-- The tags of a message, NULL for none.
CREATE FUNCTION {schema}.messenger_tags(extras text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF strpos(extras, '"tags":') = 0 THEN
    RETURN NULL;
  END IF;
  RETURN ARRAY(SELECT json_array_elements_text(extras::json -> 'tags'));
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;
