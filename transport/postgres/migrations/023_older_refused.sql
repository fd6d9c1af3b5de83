-- Programs of older releases neither heed the terms of messages nor keep limits, so both are refused while a node of
-- one is alive. One that stood still for longer than a node counts as alive, and goes on, would meet them nevertheless.
-- So from when no such node is alive, the database refuses what they would do wrong: claims, and changes of schedules.
-- A program says in each session which migration it knows, by symphony.knows; those before this one say nothing.
ALTER TABLE {schema}.messenger_flow ADD COLUMN refused_below integer NOT NULL DEFAULT 0;

CREATE FUNCTION {schema}.messenger_refuse_older() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT refused_below FROM {schema}.messenger_flow)
    > coalesce(nullif(current_setting('symphony.knows', true), ''), '0')::integer
  THEN
    RAISE EXCEPTION 'this program is of an older release than the nodes of this database, and works with it no longer'
      USING HINT = 'Replace the program: nodes of a newer release have been at work while it stood still.';
  END IF;
  RETURN NULL;
END $$;

-- A condition that says nothing of rows is looked at once a statement, and calls no function of the schema's.
CREATE TRIGGER messenger_refuse_older BEFORE INSERT ON {schema}.messenger_leases FOR EACH STATEMENT
  WHEN (coalesce(current_setting('symphony.knows', true), '') = '')
  EXECUTE FUNCTION {schema}.messenger_refuse_older();
CREATE TRIGGER messenger_refuse_older BEFORE UPDATE OF version ON {schema}.messenger_schedules FOR EACH STATEMENT
  WHEN (coalesce(current_setting('symphony.knows', true), '') = '')
  EXECUTE FUNCTION {schema}.messenger_refuse_older();
