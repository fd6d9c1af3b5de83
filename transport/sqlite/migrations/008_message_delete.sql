-- To delete a message that waits was called to cancel it, which now is something else. What the audit trail has of it goes
-- by the action's new name, as whoever looks for deletions expects.
UPDATE messenger_log_entries SET kind = 'message.delete'
WHERE kind = 'message.cancel' AND log = (SELECT log FROM messenger_logs WHERE name = 'audit');
