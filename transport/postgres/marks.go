package postgres

import "context"

// What few messages carry is in messenger_marks, by symphony.Envelope.Marks, which messenger_marks_of repeats, and the
// messages' ids. Triggers write them with the messages. No row has a mark of its own to be deleted with it, as most
// messages go with whole partitions, so marks of messages that are gone are looked for.

var readMarked = newQuery("read_marked", `SELECT after::text FROM {schema}.messenger_marked WHERE after IS NOT NULL`)

// markedAfter is the id behind which all messages have their marks, empty where all have. Only a new index of metadata
// makes it greater, and has nothing to do with the other marks: for these, none is nothing to ask for again.
func (s *store) markedAfter(ctx context.Context) (after string, err error) {
	if s.allMarked.Load() {
		return "", nil
	}
	err = s.do(ctx, "read marks", call{query: readMarked, row: func(v [][]byte) error {
		after = string(v[0])
		return nil
	}})
	if err == nil && after == "" {
		s.allMarked.Store(true)
	}
	return after, err
}

const (
	// markEvery is the time between two steps of housekeeping that give messages their marks, µs.
	markEvery = 1_000_000
	// markTogether is how many steps are done at a time: 20,000 messages a second.
	markTogether = 10
	// markAgain is the time after which a node that found nothing to do looks again, µs: another node may have named an
	// index, or may have gone while it gave marks.
	markAgain = 60_000_000
	// sweptMarks is how many marks housekeeping looks at in one round where few of them are to be deleted: with a round
	// a minute, fourteen million a day.
	sweptMarks = 5 * houseRows
)

// fillMarks gives marks to the next messages that an older release has stored, the newest first. The result is how many
// it has looked at.
var fillMarks = newQuery("fill_marks", `WITH border AS MATERIALIZED (
		SELECT after FROM {schema}.messenger_marked WHERE after IS NOT NULL FOR UPDATE SKIP LOCKED
	), looked AS MATERIALIZED (
		SELECT id, key, extras, type, metadata FROM (
			(SELECT id, idempotency_key AS key, extras, type, metadata FROM {schema}.messenger_messages
				WHERE id <= (SELECT after FROM border) ORDER BY id DESC LIMIT $1::int4)
			UNION ALL (SELECT id, idempotency_key, extras, type, metadata FROM {schema}.messenger_completed
				WHERE id <= (SELECT after FROM border) ORDER BY id DESC LIMIT $1::int4)
			UNION ALL (SELECT id, idempotency_key, extras, type, metadata FROM {schema}.messenger_cancelled
				WHERE id <= (SELECT after FROM border) ORDER BY id DESC LIMIT $1::int4)
			UNION ALL (SELECT message_id, idempotency_key, extras, type, metadata
				FROM {schema}.messenger_failed_messages
				WHERE message_id <= (SELECT after FROM border) ORDER BY message_id DESC LIMIT $1::int4)
		) m ORDER BY id DESC LIMIT $1::int4
	), given AS (
		INSERT INTO {schema}.messenger_marks (mark, id)
		SELECT unnest({schema}.messenger_marks_of(key, extras)), id FROM looked
		WHERE key IS NOT NULL OR extras IS NOT NULL
		UNION ALL
		SELECT unnest({schema}.messenger_metadata_marks(type, metadata)), id FROM looked
		WHERE metadata IS NOT NULL AND EXISTS (SELECT FROM {schema}.messenger_indexed)
		ON CONFLICT DO NOTHING
	), moved AS (
		UPDATE {schema}.messenger_marked SET after =
			CASE WHEN (SELECT count(*) FROM looked) = $1::int4 THEN (SELECT id FROM looked ORDER BY id LIMIT 1) END
		WHERE EXISTS (SELECT FROM border)
	) SELECT count(*) FROM looked`)

// markOlder gives marks to messages that have none yet.
func (s *store) markOlder(ctx context.Context) error {
	if s.now() < s.markAt.Load() {
		return nil
	}
	for range markTogether {
		n, err := s.markSome(ctx, houseRows)
		if err != nil {
			return err
		}
		if n == 0 {
			s.markAt.Store(s.now() + markAgain)
			return nil
		}
	}
	return nil
}

// markSome gives marks to so many messages. The result is how many it has looked at.
func (s *store) markSome(ctx context.Context, rows int) (n int, err error) {
	c := call{query: fillMarks, params: [][]byte{int4Param(rows)}, row: func(v [][]byte) error {
		n = int(int8Column(v[0]))
		return nil
	}}
	return n, s.do(ctx, "give marks", c)
}

// sweepMarks deletes marks of messages that are nowhere any more, of some that come behind those that were looked at
// before. The result is how many it has looked at, and how many it has deleted. Each message is looked up by itself:
// else the planner might read whole tables.
var sweepMarks = newQuery("sweep_marks", `WITH place AS MATERIALIZED (
		SELECT swept_mark, swept_id FROM {schema}.messenger_marked FOR UPDATE SKIP LOCKED
	), looked AS MATERIALIZED (
		SELECT mark, id FROM {schema}.messenger_marks
		WHERE (mark, id) > ((SELECT swept_mark FROM place), (SELECT swept_id FROM place))
		ORDER BY mark, id LIMIT $1::int4
	), over AS MATERIALIZED (
		SELECT mark, id FROM looked s
		WHERE (SELECT true FROM {schema}.messenger_messages m WHERE m.id = s.id LIMIT 1) IS NULL
			AND (SELECT true FROM {schema}.messenger_failed_messages f WHERE f.message_id = s.id LIMIT 1) IS NULL
			AND (SELECT true FROM {schema}.messenger_cancelled c WHERE c.id = s.id LIMIT 1) IS NULL
			AND (SELECT true FROM {schema}.messenger_completed c WHERE c.id = s.id LIMIT 1) IS NULL
	), gone AS (
		DELETE FROM {schema}.messenger_marks k USING over WHERE k.mark = over.mark AND k.id = over.id RETURNING 1
	), last AS (
		(SELECT mark, id FROM looked WHERE (SELECT count(*) FROM looked) = $1::int4 ORDER BY mark DESC, id DESC LIMIT 1)
		UNION ALL SELECT '', '00000000-0000-0000-0000-000000000000' LIMIT 1
	), moved AS (
		UPDATE {schema}.messenger_marked SET swept_mark = last.mark, swept_id = last.id FROM last
		WHERE EXISTS (SELECT FROM place) AND (swept_mark, swept_id) <> (last.mark, last.id)
	) SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM gone)`)

// forgetMarks goes through all marks, some in each round, and goes on at once where it finds many to delete.
func (s *store) forgetMarks(ctx context.Context) error {
	for looked := 0; looked < sweptMarks; {
		n, gone := 0, 0
		err := s.do(ctx, "forget marks", call{query: sweepMarks, params: [][]byte{int4Param(houseRows)},
			row: func(v [][]byte) error {
				n, gone = int(int8Column(v[0])), int(int8Column(v[1]))
				return nil
			}})
		if err != nil || n < houseRows {
			return err
		}
		if gone < houseRows/10 {
			looked += n
		}
	}
	return nil
}
