-- compatible: 5
CREATE INDEX IF NOT EXISTS messenger_failed_messages_group ON {schema}.messenger_failed_messages
  (transport, failure_group, id) INCLUDE (retry_count) WHERE failure_group IS NOT NULL;
CREATE INDEX IF NOT EXISTS messenger_failed_messages_ungrouped ON {schema}.messenger_failed_messages (transport, id)
  WHERE failure_group IS NULL;
