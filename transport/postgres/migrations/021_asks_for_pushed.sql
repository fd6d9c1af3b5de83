-- compatible: 5
-- When somebody last asked also for the messages of a queue that are pushed to URLs of their own.
ALTER TABLE {schema}.messenger_asks ADD COLUMN pushed_at timestamptz;
