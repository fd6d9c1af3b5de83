package sqlite

import (
	"math/bits"
	"strings"

	"zombiezen.com/go/sqlite"
)

// Rows that most messages have are not inserted one by one: a statement that inserts many takes half as long as many
// that insert one each. They wait in memory until another statement is asked for, which may look at them. That is at the
// latest the commit.

const (
	// insertSizes is of how many sizes there are statements: for 1, 2, 4, … rows.
	insertSizes = 6
	// insertBytes is how many bytes of messages wait at most.
	insertBytes = 128 << 10
	// largeInsert is from how many bytes on what was bound to a statement does not stay until it is executed again.
	largeInsert = 1 << 20
)

// inserts are the rows that wait to be inserted.
type inserts struct {
	messages  rows[newMessage]
	ready     rows[readyRow]
	completed rows[completedRow]
	marks     rows[markRow]
	bytes     int // of the messages
}

// newMessage is a message to be inserted.
type newMessage struct {
	*messageRow
	seq       int64
	lane      int64
	available int64
}

// completedRow is a message that was completed.
type completedRow struct {
	seq, at, attempt, took, worker int64
}

func newInserts() inserts {
	return inserts{
		messages: newRows("INSERT INTO messenger_messages", []string{"seq", "id", "lane", "type", "priority",
			"created_at", "scheduled_at", "idempotency_key", "headers", "metadata", "done", "payload", "extras", "delay"}, bindMessage),
		ready: newRows("INSERT INTO messenger_ready", []string{"lane", "rank", "available_at", "seq", "attempt", "lost",
			"size", "controlled"}, bindReady),
		completed: newRows("INSERT INTO messenger_completed",
			[]string{"seq", "completed_at", "attempt", "took", "worker"}, bindCompleted),
		// Messages that are given marks after the fact may have some.
		marks: newRows("INSERT OR IGNORE INTO messenger_marks", []string{"mark", "id"}, bindMark),
	}
}

func bindMessage(p *params, m *newMessage) {
	p.int(m.seq)
	p.text(m.ID)
	p.int(m.lane)
	p.text(m.Type)
	p.int(int64(m.Priority))
	p.int(micros(m.CreatedAt))
	p.time(m.scheduledAt)
	p.textOrNull(m.IdempotencyKey)
	p.bytes(m.headers)
	p.bytes(m.metadata)
	p.bytes(m.done)
	p.bytes(m.Payload)
	p.bytes(m.extras)
	p.int(m.available - micros(m.CreatedAt))
}

func bindReady(p *params, r *readyRow) {
	for _, v := range [...]int64{r.lane.id, r.rank, r.available, r.seq, r.attempt, r.lost, r.size} {
		p.int(v)
	}
	if r.lane.controlled {
		p.int(1)
	} else {
		p.null()
	}
}

func bindCompleted(p *params, r *completedRow) {
	for _, v := range [...]int64{r.seq, r.at, r.attempt, r.took, r.worker} {
		p.int(v)
	}
}

// flushInserts inserts what waits.
func (w *writer) flushInserts() error {
	if len(w.inserts.messages.list) > 0 {
		if err := w.inserts.messages.insert(w); err != nil {
			return err
		}
		w.inserts.bytes = 0
	}
	if len(w.inserts.ready.list) > 0 {
		if err := w.inserts.ready.insert(w); err != nil {
			return err
		}
	}
	if len(w.inserts.completed.list) > 0 {
		if err := w.inserts.completed.insert(w); err != nil {
			return err
		}
	}
	if len(w.inserts.marks.list) > 0 {
		return w.inserts.marks.insert(w)
	}
	return nil
}

// dropInserts forgets what waits.
func (w *writer) dropInserts() {
	w.inserts.messages.drop()
	w.inserts.ready.drop()
	w.inserts.completed.drop()
	w.inserts.marks.drop()
	w.inserts.bytes = 0
}

// rows wait to be inserted into one table.
type rows[T any] struct {
	texts [insertSizes]string // of the statements
	width int
	bind  func(*params, *T)
	list  []T
}

func newRows[T any](insert string, columns []string, bind func(*params, *T)) rows[T] {
	r := rows[T]{width: len(columns), bind: bind}
	one := "(?" + strings.Repeat(", ?", r.width-1) + ")"
	for i := range r.texts {
		r.texts[i] = insert + " (" + strings.Join(columns, ", ") + ") VALUES " +
			one + strings.Repeat(", "+one, 1<<i-1)
	}
	return r
}

func (r *rows[T]) insert(w *writer) error {
	for list := r.list; len(list) > 0; {
		power := min(bits.Len(uint(len(list))), insertSizes) - 1
		n := 1 << power
		s, err := w.prepared(r.texts[power])
		if err != nil {
			return err
		}
		p := params{s: s}
		for i := range n {
			r.bind(&p, &list[i])
		}
		if err := stepOnce(s); err != nil {
			return err
		}
		if p.size > largeInsert { // SQLite has a copy of it as long as it is bound
			if err := s.ClearBindings(); err != nil {
				return err
			}
		}
		list = list[n:]
	}
	r.drop()
	return nil
}

func (r *rows[T]) drop() {
	clear(r.list)
	r.list = r.list[:0]
}

// params binds one parameter of a statement after another.
type params struct {
	s    *sqlite.Stmt
	n    int
	size int // of the bytes
}

func (p *params) next() int { p.n++; return p.n }

func (p *params) null()         { p.s.BindNull(p.next()) }
func (p *params) int(v int64)   { p.s.BindInt64(p.next(), v) }
func (p *params) text(v string) { p.s.BindText(p.next(), v) }
func (p *params) time(us int64) { bindTime(p.s, p.next(), us) }

func (p *params) bytes(v []byte) {
	bindText(p.s, p.next(), v)
	p.size += len(v)
}

func (p *params) textOrNull(v string) {
	if v == "" {
		p.null()
		return
	}
	p.text(v)
}
