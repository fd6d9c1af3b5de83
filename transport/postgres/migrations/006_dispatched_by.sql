-- compatible: 5
-- Who had a message dispatched stands first in its extras. These indexes have only the messages of which it is known.
CREATE INDEX IF NOT EXISTS messenger_messages_dispatched_by ON {schema}.messenger_messages ((extras::json ->> 'dispatchedBy'), id)
  WHERE starts_with(extras, '{"dispatchedBy":');
CREATE INDEX IF NOT EXISTS messenger_completed_dispatched_by ON {schema}.messenger_completed ((extras::json ->> 'dispatchedBy'), id)
  WHERE starts_with(extras, '{"dispatchedBy":');
-- The dead letter queue is listed by the ids of its own, and among other messages by the messages'.
CREATE INDEX IF NOT EXISTS messenger_failed_messages_dispatched_by ON {schema}.messenger_failed_messages ((extras::json ->> 'dispatchedBy'), id)
  WHERE starts_with(extras, '{"dispatchedBy":');
CREATE INDEX IF NOT EXISTS messenger_failed_messages_caller_message ON {schema}.messenger_failed_messages ((extras::json ->> 'dispatchedBy'), message_id)
  WHERE starts_with(extras, '{"dispatchedBy":');
