-- Which group a failure is of. Dead letters of older releases have none until they are given one.
ALTER TABLE messenger_failed_messages ADD COLUMN failure_group TEXT;
CREATE INDEX messenger_failed_messages_group ON messenger_failed_messages (transport, failure_group, id, retry_count)
  WHERE failure_group IS NOT NULL;
CREATE INDEX messenger_failed_messages_ungrouped ON messenger_failed_messages (transport, id) WHERE failure_group IS NULL;
