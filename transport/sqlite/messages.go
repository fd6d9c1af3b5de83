package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"zombiezen.com/go/sqlite"
)

// Messages are shown from one read transaction, on connections of their own, so that searches hold up neither the
// writer nor the receivers that read bodies. What a message is follows from the tables: failed ones are in the dead
// letter queue, completed ones have a row there, those in hand are listed by a lease, and all others wait.

// view is the database as one read transaction sees it.
type view struct {
	*reader
	transports []string
	lanes      map[int64]*laneView // these transports'
	claims     map[int64]claim     // by seq; completed and failed messages may be among them
	buf        []byte
	carefully  int
	kept       *kept
	own        bool                  // some messages say themselves how long they are kept
	now        int64                 // time of day, µs
	shown      func(int64) time.Time // the time of day of a steady time
	marks      byMarks
}

// laneView is a lane with its counts.
type laneView struct {
	id                             int64
	transport, queue               string
	controlled                     bool
	pending, processing, completed int64
	cancelled                      int64
}

// claim is a delivery as its lease's row has it.
type claim struct {
	lease          int64
	worker         string
	claimed, until int64
	attempt        int64
	cancel         *cancelling
}

// view runs f with one of some readers. It sees the messages of some transports, of this one
// where none are named.
func (t *Transport) view(
	ctx context.Context, readers chan *reader, doing string, f func(*view) error, transports ...string,
) error {
	if t.due() {
		// A disk that is full must not keep anybody from looking, so all is shown as it stands if that fails.
		_ = t.do(ctx, &houseOp{})
	}
	if len(transports) == 0 {
		transports = []string{t.name}
	}
	return t.readOn(ctx, readers, doing, func(r *reader) error {
		v := &view{reader: r, transports: transports, lanes: make(map[int64]*laneView), claims: make(map[int64]claim),
			carefully: t.carefully, shown: t.shown,
			kept: t.kept, now: micros(t.clock.Now())}
		if err := v.load(); err != nil {
			return err
		}
		return f(v)
	})
}

var laneColumns = columns[laneView]{
	{"lane", func(l *laneView, v cell) { l.id = v.int64() }},
	{"transport", func(l *laneView, v cell) { l.transport = v.text() }},
	{"queue", func(l *laneView, v cell) { l.queue = v.text() }},
	{"controlled", func(l *laneView, v cell) { l.controlled = v.bool() }},
	{"pending", func(l *laneView, v cell) { l.pending = v.int64() }},
	{"processing", func(l *laneView, v cell) { l.processing = v.int64() }},
	{"completed", func(l *laneView, v cell) { l.completed = v.int64() }},
	{"cancelled", func(l *laneView, v cell) { l.cancelled = v.int64() }},
}

// leaseView is a lease with its deliveries as they are kept.
type leaseView struct {
	claim
	live       bool // nobody has ended it
	deliveries []byte
	cancelled  []byte
}

var leaseColumns = columns[leaseView]{
	{"lease", func(l *leaseView, v cell) { l.lease = v.int64() }},
	{"worker", func(l *leaseView, v cell) { l.worker = v.text() }},
	{"claimed_at", func(l *leaseView, v cell) { l.claimed = v.int64() }},
	{"coalesce(until, 0)", func(l *leaseView, v cell) { l.until = v.int64() }},
	{"token IS NOT NULL", func(l *leaseView, v cell) { l.live = v.bool() }},
	{"deliveries", func(l *leaseView, v cell) { l.deliveries = v.bytes() }},
	{"cancel", func(l *leaseView, v cell) { l.cancelled = v.bytes() }},
}

// load reads the lanes and what is in hand: little, however many messages there are.
func (v *view) load() error {
	err := v.query("SELECT "+laneColumns.String()+" FROM messenger_lanes WHERE "+v.of(), func(s *sqlite.Stmt) bool {
		l := new(laneView)
		laneColumns.read(l, s, 0)
		v.lanes[l.id] = l
		return true
	}, v.named()...)
	if err != nil {
		return err
	}
	var damage error
	err = v.query("SELECT "+leaseColumns.String()+" FROM messenger_leases", func(s *sqlite.Stmt) bool {
		var (
			l    leaseView
			list []listed
		)
		leaseColumns.read(&l, s, 0)
		if list, damage = decodeLease(l.deliveries, l.live); damage == nil {
			l.cancel, damage = decodeCancelling(l.cancelled)
		}
		if damage != nil {
			return false
		}
		for _, d := range list {
			if d.seq != 0 {
				c := l.claim
				c.until, c.attempt = l.until+d.end, d.attempt
				v.claims[d.seq] = c
			}
		}
		return true
	})
	if err == nil && damage != nil {
		return fmt.Errorf("lease: %w", damage)
	}
	if err != nil {
		return err
	}
	return v.query("SELECT EXISTS (SELECT 1 FROM messenger_retained)", func(s *sqlite.Stmt) bool {
		v.own = s.ColumnInt(0) != 0
		return false
	})
}

// status is where a message of the messages' table is.
func (v *view) status(seq int64) (status symphony.Status, err error) {
	if _, claimed := v.claims[seq]; claimed {
		status = symphony.Processing
	} else {
		status = symphony.Pending
	}
	err = v.query(`SELECT 1 FROM messenger_completed WHERE seq=?1
		UNION ALL SELECT 2 FROM messenger_cancelled WHERE seq=?1`, func(s *sqlite.Stmt) bool {
		status = symphony.Completed
		if s.ColumnInt(0) == 2 {
			status = symphony.Cancelled
		}
		return false
	}, seq)
	return status, err
}

// ListMessages answers a query.
func (t *Transport) ListMessages(ctx context.Context, q symphony.MessageQuery) (page symphony.MessagePage, err error) {
	q = q.WithDefaults()
	if q.ByFailure {
		return t.listFailed(ctx, &q)
	}
	readers, doing := t.searchers, "list messages in"
	if q.ID != "" {
		readers, doing = t.readers, "read message in"
	}
	if mark, indexed := t.markOf(&q); q.ID == "" && mark != "" {
		after := *t.marked.Load()
		page, err = storage.Marked(q, after, func(q symphony.MessageQuery, use bool) (symphony.MessagePage, error) {
			return t.list(ctx, readers, doing, q, byMarks{use, after, mark})
		})
		page.Indexed = indexed
		return page, err
	}
	return t.list(ctx, readers, doing, q, byMarks{})
}

// list answers a query in the order of dispatch.
func (t *Transport) list(
	ctx context.Context, readers chan *reader, doing string, q symphony.MessageQuery, by byMarks,
) (page symphony.MessagePage, err error) {
	var held []heldMessage
	err = t.view(ctx, readers, doing, func(v *view) error {
		v.marks = by
		list, err := v.find(&q, &page)
		if err != nil {
			return err
		}
		bytes := storage.NewPageBytes(q.Bytes)
		for _, f := range list {
			m, err := v.row(f, bytes)
			if err == nil && q.ID != "" {
				err = v.notes(&m)
			}
			if err != nil {
				return err
			}
			page.Messages = append(page.Messages, m)
			if m.Status == symphony.Processing {
				held = append(held, heldMessage{v.claims[f.seq].lease, f.seq, len(page.Messages) - 1})
			}
		}
		return nil
	}, q.Transports...)
	if err != nil {
		return symphony.MessagePage{}, err
	}
	t.leaseEnds(ctx, page.Messages, held)
	if q.ID != "" {
		err = t.retriedAs(ctx, &page, q.ID)
	}
	return page, err
}

// find returns the messages to list, and sets what else a page has.
func (v *view) find(q *symphony.MessageQuery, page *symphony.MessagePage) (list []found, err error) {
	switch {
	case q.ID != "":
		q.Bytes = symphony.MaxPageBytes
		f, err := v.one(q.ID)
		if f.id != "" {
			list = append(list, f)
		}
		return list, err
	case q.CountOnly:
		list, page.Next, err = v.search(q, q.Scan)
		page.Total, page.Counts = int64(len(list)), make(map[symphony.Status]int64)
		for _, f := range list {
			status := symphony.Failed
			if f.failed == "" && err == nil {
				status, err = v.status(f.seq)
			}
			page.Counts[status]++
		}
		return nil, err
	}
	list, page.Next, err = v.search(q, q.Limit)
	return list, err
}

// heldMessage is a message in hand that is shown.
type heldMessage struct {
	lease, seq int64
	place      int // in the list
}

// leaseEnds asks the writer, who alone knows, until when leases were extended. One that ended meanwhile is shown with
// the end that it had when it was claimed.
func (t *Transport) leaseEnds(ctx context.Context, list []symphony.MessageInfo, held []heldMessage) {
	if len(held) == 0 {
		return
	}
	o := &leaseEndsOp{want: make(map[[2]int64]int64)}
	for _, h := range held {
		o.want[[2]int64{h.lease, h.seq}] = 0
	}
	if t.do(ctx, o) != nil {
		return
	}
	for _, h := range held {
		if until := o.want[[2]int64{h.lease, h.seq}]; until != 0 {
			list[h.place].LeasedUntil = t.shown(until)
		}
	}
}

// leaseEndsOp sets the ends of deliveries by lease and seq.
type leaseEndsOp struct{ want map[[2]int64]int64 }

func (*leaseEndsOp) rows() int { return 0 }

func (o *leaseEndsOp) apply(w *writer) error {
	for _, l := range w.leases {
		for i := range l.items {
			it := &l.items[i]
			if _, ok := o.want[[2]int64{l.id, it.seq}]; ok && !it.settled {
				o.want[[2]int64{l.id, it.seq}] = it.expires
			}
		}
	}
	return nil
}
