package sqlite

import (
	"errors"

	"github.com/symphony-messenger/symphony"
)

// Messages that carry a DispatchedBy are in indexes of their own, by it and their ids. A search for those of one caller
// looks at his alone, however many others there are.

// ofCaller selects the rows of one caller, whose name is its parameter. It repeats the condition of the indexes.
const ofCaller = "substr(extras, 1, 16) = '" + symphony.ExtrasDispatchedBy + "' AND extras ->> '$.dispatchedBy' = ?"

func (f *filter) ownQuery(q *symphony.MessageQuery) string {
	return "SELECT seq, id, lane, " + f.columns("id") + " FROM messenger_messages INDEXED BY messenger_messages_dispatched_by WHERE " + ofCaller +
		" AND id>=? AND id<? ORDER BY id" + direction(q)
}

func (v *view) ownFailedQuery(f *filter, q *symphony.MessageQuery) string {
	return "SELECT id, message_id, queue, " + f.failedColumns() + " FROM messenger_failed_messages INDEXED BY messenger_failed_messages_caller_message WHERE " + ofCaller +
		" AND " + v.of() + " AND message_id>=? AND message_id<? ORDER BY message_id" + direction(q)
}

// walkOwn goes through the messages of one caller.
func (v *view) walkOwn(q *symphony.MessageQuery, f *filter, limit int) (list []found, next string, err error) {
	from, to := idRange(q)
	var sources []*source
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.stmt.Reset())
		}
	}()
	if q.Status != symphony.Failed {
		err = v.source(&sources, false, f.ownQuery(q), f.by, from, to)
	}
	if err == nil && (q.Status == "" || q.Status == symphony.Failed) {
		err = v.source(&sources, true, v.ownFailedQuery(f, q), append([]any{f.by}, v.named(from, to)...)...)
	}
	if err != nil {
		return nil, "", err
	}
	return v.mergeSources(sources, q, f, limit, q.Scan)
}
