-- compatible: 5
-- Which group a failure is of. Dead letters of older releases have none until they are given one; so have those of
-- programs that do not know of this.
ALTER TABLE {schema}.messenger_failed_messages ADD COLUMN IF NOT EXISTS failure_group text;
