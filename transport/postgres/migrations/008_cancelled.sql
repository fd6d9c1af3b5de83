-- compatible: 5
-- Messages that were cancelled, as long as they are kept. A program that does not know of this shows none of them.
CREATE TABLE {schema}.messenger_cancelled (
  id              uuid PRIMARY KEY,
  created_at      timestamptz NOT NULL,
  scheduled_at    timestamptz,
  started_at      timestamptz, -- this, worker, token and place where it was in hand: its last delivery
  cancelled_at    timestamptz NOT NULL,
  lane            integer NOT NULL,
  priority        smallint NOT NULL,
  attempt         integer NOT NULL, -- deliveries
  type            text NOT NULL,
  worker          text,
  idempotency_key text,
  headers         text,
  metadata        text,
  attempts        jsonb,
  payload         text NOT NULL,
  extras          text,
  requested_at    timestamptz NOT NULL,
  by              text NOT NULL,
  reason          text NOT NULL,
  token           uuid,
  place           integer
);
CREATE INDEX messenger_cancelled_order ON {schema}.messenger_cancelled (cancelled_at);
CREATE INDEX messenger_cancelled_dispatched_by ON {schema}.messenger_cancelled ((extras::json ->> 'dispatchedBy'), id)
  WHERE starts_with(extras, '{"dispatchedBy":');

-- Messages in hand that are to be cancelled: token and place are the delivery out of which each was taken. It has a lease of
-- its own by now, which never ends by itself: a program that does not know of this shows the message as in hand, and gives
-- it to nobody.
CREATE TABLE {schema}.messenger_cancelling (
  id           uuid PRIMARY KEY,
  lease        uuid NOT NULL,
  token        uuid NOT NULL,
  place        integer NOT NULL,
  until        timestamptz NOT NULL, -- the end of the delivery's lease: the message is cancelled then at the latest
  requested_at timestamptz NOT NULL,
  by           text NOT NULL,
  reason       text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX messenger_cancelling_until ON {schema}.messenger_cancelling (until);

-- Ever, also those no longer kept. Programs that do not know of this fold the rows of a shard without it, so it stands in
-- shard 0 alone.
ALTER TABLE {schema}.messenger_counters ADD COLUMN cancelled bigint NOT NULL DEFAULT 0;
