-- Messages that are pushed to URLs of their own wait in lanes of their own, for those who push. A program that does not know of
-- this would hand them to anybody, so this needs programs that know it.
ALTER TABLE {schema}.messenger_lanes ADD COLUMN pushed boolean NOT NULL DEFAULT false;
ALTER TABLE {schema}.messenger_lanes DROP CONSTRAINT messenger_lanes_transport_queue_controlled_key;
ALTER TABLE {schema}.messenger_lanes ADD UNIQUE (transport, queue, controlled, pushed);
