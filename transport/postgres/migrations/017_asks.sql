-- compatible: 5
-- When workers last asked for the messages of queues; an empty name is all queues of a transport. A node writes with its
-- heartbeat what it has seen since the one before.
CREATE TABLE {schema}.messenger_asks (
  transport text NOT NULL,
  queue     text NOT NULL,
  asked_at  timestamptz NOT NULL,
  PRIMARY KEY (transport, queue)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
