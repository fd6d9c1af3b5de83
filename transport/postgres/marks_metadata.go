package postgres

import (
	"context"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// Metadata by which messages are looked up has marks, too, which triggers write: they are there as long as there are
// indexes, and only for the types of these, so that all else costs nothing. messenger_indexed says which there are, and
// messenger_index makes those that nodes name and drops those that none has named for a day. Whoever looks by one reads
// that table first, so that it does not matter which node knows of which.

var indexQuery = newQuery("index_metadata",
	`SELECT {schema}.messenger_index($1::text[], $2::text[], coalesce($3::timestamptz, now()))`)

// indexTries is how often an index is tried to be made at the start, when live transactions are in the way.
const indexTries = 3

// declareIndexes makes the indexes that this node names. What cannot be made now, housekeeping tries again; until then
// messages are looked at one after the other.
func (s *store) declareIndexes(ctx context.Context) {
	types, paths := texts(len(s.indexes)), texts(len(s.indexes))
	for _, x := range s.indexes {
		types.text(cleanText(x.Type))
		paths.text(cleanText(x.Path))
	}
	var err error
	for range indexTries {
		added := false
		err = s.do(ctx, "index metadata", call{query: indexQuery,
			params: [][]byte{types.value(), paths.value(), s.nowParam()}, row: func(v [][]byte) error {
				added = boolColumn(v[0])
				return nil
			}})
		if added {
			s.markAt.Store(0)
		}
		if !isLocked(err) {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("messages are not found by their metadata faster than one after the other; it is tried again",
			"error", err)
	}
}

var readIndexed = newQuery("read_indexed", `SELECT coalesce(m.after::text, ''), i.type, i.path
	FROM {schema}.messenger_indexed i CROSS JOIN {schema}.messenger_marked m`)

// markOf is the mark by which a query is answered. Empty: there is none.
func (t *Transport) markOf(ctx context.Context, q *symphony.MessageQuery) (by byMark, err error) {
	if by.mark = q.Mark(); by.mark != "" {
		by.after, err = t.markedAfter(ctx)
		return by, err
	}
	if q.DispatchedBy != "" || len(q.Metadata) == 0 {
		return by, nil
	}
	var list []storage.Index
	err = t.do(ctx, "read indexes", call{query: readIndexed, row: func(v [][]byte) error {
		by.after = string(v[0])
		list = append(list, storage.Index{Type: string(v[1]), Path: string(v[2])})
		return nil
	}})
	by.mark = storage.MetadataMark(list, &q.MessageFilter)
	return by, err
}
