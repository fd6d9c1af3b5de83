-- compatible: 5
-- Which group a failure is of. Dead letters of older releases have none until they are given one; so have those of
-- programs that do not know of this.
ALTER TABLE {schema}.messenger_failed_messages ADD COLUMN IF NOT EXISTS failure_group text;
CREATE INDEX IF NOT EXISTS messenger_failed_messages_group ON {schema}.messenger_failed_messages
  (transport, failure_group, id) INCLUDE (retry_count) WHERE failure_group IS NOT NULL;
CREATE INDEX IF NOT EXISTS messenger_failed_messages_ungrouped ON {schema}.messenger_failed_messages (transport, id)
  WHERE failure_group IS NULL;
