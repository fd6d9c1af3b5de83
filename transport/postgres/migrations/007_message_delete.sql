-- compatible: 5
-- To delete a message that waits was called to cancel it, which now is something else. What the audit trail has of it goes
-- by the action's new name, as whoever looks for deletions expects. A program that does not know of this writes the old one.
UPDATE {schema}.messenger_log_entries SET kind = 'message.delete' WHERE log = 'audit' AND kind = 'message.cancel';
