-- compatible: 5
-- Dead letters of a class of errors or a group of failures, in the order of dispatch.
CREATE INDEX IF NOT EXISTS messenger_failed_messages_class_message ON {schema}.messenger_failed_messages (error_class, message_id);
CREATE INDEX IF NOT EXISTS messenger_failed_messages_group_message ON {schema}.messenger_failed_messages (failure_group, message_id);
