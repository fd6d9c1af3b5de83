-- Messages under flow control wait in lanes of their own, so that all others are claimed without a look at each. Programs
-- that do not know of this would hand them out regardless, so this needs programs that know it.
ALTER TABLE {schema}.messenger_lanes ADD COLUMN controlled boolean NOT NULL DEFAULT false;
ALTER TABLE {schema}.messenger_lanes DROP CONSTRAINT messenger_lanes_transport_queue_key;
ALTER TABLE {schema}.messenger_lanes ADD UNIQUE (transport, queue, controlled);

-- JSON object of the fields that few messages have: correlation, causation, keys of flow control.
ALTER TABLE {schema}.messenger_messages ADD COLUMN extras text;
ALTER TABLE {schema}.messenger_completed ADD COLUMN extras text;
ALTER TABLE {schema}.messenger_failed_messages ADD COLUMN extras text;

-- Set in controlled lanes, whose messages can be found by their id.
ALTER TABLE {schema}.messenger_ready ADD COLUMN controlled boolean;
CREATE INDEX messenger_ready_controlled ON {schema}.messenger_ready (id) WHERE controlled IS NOT NULL;

-- Of a claim in controlled lanes: what each delivery gives up when it ends, as JSON.
ALTER TABLE {schema}.messenger_leases ADD COLUMN passes text[];

-- Its one row is locked first by every transaction that changes what is below, so that these follow one another.
CREATE TABLE {schema}.messenger_flow (one boolean PRIMARY KEY DEFAULT true CHECK (one));
INSERT INTO {schema}.messenger_flow VALUES (true);

-- What messages must pass together: limits, groups, paused types.
CREATE TABLE {schema}.messenger_gates (
  name    text PRIMARY KEY,
  used    integer NOT NULL, -- messages behind the gate; of a group, those in line
  next    bigint NOT NULL,  -- when a rate's next start is due, in nanoseconds since 1970
  parked  integer NOT NULL, -- messages before it
  wake_at timestamptz       -- when to look at it again
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX messenger_gates_wake ON {schema}.messenger_gates (wake_at) WHERE wake_at IS NOT NULL;

-- Messages that wait before a gate, in the order in which they are let through. They are pending, and not ready.
CREATE TABLE {schema}.messenger_parked (
  gate         text NOT NULL,
  place        smallint NOT NULL, -- the rank; in groups 0
  available_at timestamptz NOT NULL,
  ord          integer NOT NULL, -- this and the following as in messenger_ready
  id           uuid NOT NULL,
  lane         integer NOT NULL,
  rank         smallint NOT NULL,
  attempt      integer NOT NULL,
  lost         integer NOT NULL,
  size         integer NOT NULL,
  PRIMARY KEY (gate, place, available_at, ord, id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX messenger_parked_id ON {schema}.messenger_parked (id);
CREATE INDEX messenger_parked_lane ON {schema}.messenger_parked (lane, id);

-- One row for each message that expires. Those of messages that were begun stay until then.
CREATE TABLE {schema}.messenger_expiring (
  expires_at timestamptz NOT NULL,
  id         uuid NOT NULL,
  PRIMARY KEY (expires_at, id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);

-- The message of each debounce or throttle key that waits and was never begun.
CREATE TABLE {schema}.messenger_unique (
  transport  text NOT NULL,
  kind       text NOT NULL, -- debounce, throttle
  key        text NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (transport, kind, key)
);

-- What is paused or drained. Empty names mean the whole transport.
CREATE TABLE {schema}.messenger_holds (
  transport text NOT NULL,
  queue     text NOT NULL,
  type      text NOT NULL,
  mode      text NOT NULL,
  since     timestamptz NOT NULL,
  by        text NOT NULL,
  reason    text NOT NULL,
  PRIMARY KEY (transport, queue, type)
);
