-- Who had a message dispatched stands first in its extras. These indexes have only the messages of which it is known.
CREATE INDEX messenger_messages_dispatched_by ON messenger_messages (extras ->> '$.dispatchedBy', id)
  WHERE substr(extras, 1, 16) = '{"dispatchedBy":';
-- The dead letter queue is listed by the ids of its own, and among other messages by the messages'.
CREATE INDEX messenger_failed_messages_dispatched_by ON messenger_failed_messages (extras ->> '$.dispatchedBy', id)
  WHERE substr(extras, 1, 16) = '{"dispatchedBy":';
CREATE INDEX messenger_failed_messages_caller_message ON messenger_failed_messages (extras ->> '$.dispatchedBy', message_id)
  WHERE substr(extras, 1, 16) = '{"dispatchedBy":';
