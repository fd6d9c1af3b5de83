-- Dead letters of a class of errors or a group of failures, in the order of dispatch.
CREATE INDEX messenger_failed_messages_class_message ON messenger_failed_messages (error_class, message_id);
CREATE INDEX messenger_failed_messages_group_message ON messenger_failed_messages (failure_group, message_id);
