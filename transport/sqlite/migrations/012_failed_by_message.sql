-- Failed messages are looked up, and listed, by the messages' ids whatever their transport is.
CREATE INDEX messenger_failed_messages_by_message ON messenger_failed_messages (message_id, transport);
DROP INDEX messenger_failed_messages_message;
