package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/flow"
	"github.com/symphony-messenger/symphony/triage"
	"zombiezen.com/go/sqlite"
)

// Settle ends deliveries in one transaction, shared with concurrent calls.
func (t *Transport) Settle(ctx context.Context, settlements []symphony.Settlement) []error {
	o := &settleOp{list: settlements}
	if err := t.do(ctx, o); err != nil {
		return allFailed(len(settlements), err)
	}
	return o.errs
}

type settleOp struct {
	list []symphony.Settlement
	errs []error
}

func (o *settleOp) rows() int { return len(o.list) }

func (o *settleOp) apply(w *writer) error {
	o.errs = nil
	var (
		last     *lease // deliveries of one claim mostly come together
		returned bool
		ends     []flow.Departure
	)
	flush := func() error {
		if last == nil {
			return nil
		}
		return w.tidy(last, returned)
	}
	for i := range o.list {
		st := &o.list[i]
		l, it := w.item(st.Lease)
		if l == nil {
			gone, err := o.lost(w, i)
			if err != nil {
				return err
			}
			ends = append(ends, gone...)
			continue
		}
		if l != last {
			if err := flush(); err != nil {
				return err
			}
			last, returned = l, false
		}
		if err := w.settle(l, it, st); err != nil {
			return fmt.Errorf("%s %s: %w", st.Outcome, st.Lease.MessageID, err)
		}
		if it.pass != nil {
			ends = append(ends, flow.Departure{Pass: it.pass, Outcome: st.Outcome, Attempt: int(it.attempt)})
		}
		w.close(l, it)
		returned = returned || st.Outcome == symphony.Retry || st.Outcome == symphony.Release
	}
	if err := flush(); err != nil {
		return err
	}
	return w.depart(ends)
}

// lost says why the i-th delivery is lost. Where its message is to be cancelled, it is now, and what it gives up is
// returned.
func (o *settleOp) lost(w *writer, i int) ([]flow.Departure, error) {
	own, why, err := w.lostFor(o.list[i].Lease)
	if err != nil {
		return nil, err
	}
	if o.errs = failed(o.errs, len(o.list), i, why); own == nil {
		return nil, nil
	}
	return w.endCancelling(own)
}

func (w *writer) settle(l *lease, it *leased, st *symphony.Settlement) error {
	r := it.readyRow
	w.touch(r.lane)
	switch st.Outcome {
	case symphony.Ack:
		return w.complete(r, l, st)
	case symphony.Release:
		if err := w.keepDone(r, st.Done); err != nil {
			return err
		}
		r.attempt--
		if st.Delay > 0 {
			r.available = w.now + st.Delay.Microseconds()
			if err := w.exec("UPDATE messenger_messages SET delay=?-created_at WHERE seq=?", r.available, r.seq); err != nil {
				return err
			}
		}
		w.ready(r)
		return nil
	case symphony.Retry:
		r.available = w.now + max(st.Delay, 0).Microseconds()
		if err := w.noteAttempt(r, l.worker, micros(st.StartedAt), micros(st.FinishedAt), st.Error, st.ErrorClass, r.available); err != nil {
			return err
		}
		if err := w.keepDone(r, st.Done); err != nil {
			return err
		}
		w.ready(r)
		return nil
	case symphony.Fail:
		return w.fail(r, l.worker, st)
	}
	return fmt.Errorf("sqlite: unknown outcome %d", st.Outcome)
}

// keepDone stores which handlers must not run again.
func (w *writer) keepDone(r readyRow, names []string) error {
	if len(names) == 0 {
		return nil
	}
	done, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return w.exec("UPDATE messenger_messages SET done=? WHERE seq=?", done, r.seq)
}

// complete keeps a note of the message, or deletes it where nothing is kept.
func (w *writer) complete(r readyRow, l *lease, st *symphony.Settlement) error {
	r.lane.next.completed++
	if r.pass != nil && r.pass.Follows {
		err := w.follow(r, symphony.Source{Status: symphony.Completed, Output: st.Output, Attempts: int(r.attempt)})
		if err != nil {
			return err
		}
	}
	if keeps, err := w.keeps(symphony.Completed, r.seq); err != nil {
		return err
	} else if !keeps {
		w.noteEnd(r.lane, symphony.Completed, st.Lease.MessageID)
		return w.erase(r)
	}
	if err := w.keepOutput(r.seq, st); err != nil {
		return err
	}
	worker, err := w.workerID(l.worker)
	if err != nil {
		return err
	}
	started := l.claimed
	if !st.StartedAt.IsZero() {
		started = micros(st.StartedAt)
	}
	w.inserts.completed.list = append(w.inserts.completed.list,
		completedRow{r.seq, w.wall, r.attempt, w.wall - started, worker})
	return nil
}

// erase deletes a message and its attempts.
func (w *writer) erase(r readyRow) error {
	if err := w.dropOwn(r.seq); err != nil {
		return err
	}
	if err := w.dropMarks(marksOf, r.seq); err != nil {
		return err
	}
	s, err := w.stmt("DELETE FROM messenger_messages WHERE seq=?")
	if err != nil {
		return err
	}
	s.BindInt64(1, r.seq)
	if err := stepOnce(s); err != nil || r.attempt <= 1 {
		return err
	}
	return w.exec("DELETE FROM messenger_attempts WHERE seq=?", r.seq)
}

// noteAttempt stores an attempt that did not succeed; retry is when the next may begin, 0 for never.
func (w *writer) noteAttempt(r readyRow, worker string, started, finished int64, text, class string, retry int64) error {
	return w.exec(`INSERT OR REPLACE INTO messenger_attempts (seq, attempt, started_at, finished_at, worker, error, error_class, retry_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, r.seq, r.attempt, started, finished, worker, symphony.ClipError(text), class, nullable(retry))
}

// fail moves a message to the dead letter queue with all its attempts.
func (w *writer) fail(r readyRow, worker string, st *symphony.Settlement) error {
	if !st.Untried {
		if err := w.noteAttempt(r, worker, micros(st.StartedAt), micros(st.FinishedAt), st.Error, st.ErrorClass, 0); err != nil {
			return err
		}
	}
	return w.bury(r, st)
}

// reason is why a message fails.
func (w *writer) reason(r readyRow, st *symphony.Settlement) (text, class string, err error) {
	var last *symphony.Attempt
	if st.Untried {
		err = w.query("SELECT error, error_class FROM messenger_attempts WHERE seq=? ORDER BY attempt DESC LIMIT 1", func(s *sqlite.Stmt) bool {
			last = &symphony.Attempt{Error: s.ColumnText(0), ErrorClass: s.ColumnText(1)}
			return true
		}, r.seq)
	}
	text, class = st.Reason(last)
	return text, class, err
}

// bury moves a message to the dead letter queue. The caller has touched the lane.
func (w *writer) bury(r readyRow, st *symphony.Settlement) error {
	var done any
	if len(st.Done) > 0 {
		raw, err := json.Marshal(st.Done)
		if err != nil {
			return err
		}
		done = raw
	}
	text, class, err := w.reason(r, st)
	if err != nil {
		return err
	}
	typ := ""
	err = w.query("SELECT type FROM messenger_messages WHERE seq=?", func(s *sqlite.Stmt) bool {
		typ = s.ColumnText(0)
		return false
	}, r.seq)
	if err != nil {
		return err
	}
	text = symphony.ClipError(text)
	attempts := int(r.attempt)
	if st.Untried {
		attempts--
	}
	err = w.follow(r, symphony.Source{Status: symphony.Failed, Error: text, ErrorClass: class,
		Attempts: max(attempts, 0)})
	if err != nil {
		return err
	}
	err = w.exec(`INSERT INTO messenger_failed_messages (id, transport, queue, message_id, type, priority, created_at, scheduled_at,
			failed_at, idempotency_key, headers, metadata, done, error, error_class, retry_count, max_retries, attempts, payload, extras,
			failure_group)
		SELECT ?1, ?2, ?3, id, type, priority, created_at, scheduled_at, ?4, idempotency_key, headers, metadata, coalesce(?5, done), ?6, ?7, ?8, ?9,
			(SELECT json_group_array(json_object('attempt', attempt, 'startedAt', started_at, 'finishedAt', finished_at,
				'worker', worker, 'error', error, 'errorClass', error_class, 'retryAt', retry_at) ORDER BY attempt) FROM messenger_attempts WHERE seq=?10), payload, extras, ?11
		FROM messenger_messages WHERE seq=?10`,
		symphony.NewID(w.failureTime()), r.lane.transport, r.lane.queue, w.wall, done,
		text, class, st.Retries(int(r.attempt)), st.MaxRetries, r.seq, triage.Fingerprint(typ, class, text))
	if err != nil {
		return err
	}
	r.lane.next.failed++
	return w.takeOut(r.seq)
}

// failureTime is now, moved on a little where two failures share it: the dead letter queue is ordered by ids, which
// tell times apart by about a quarter of a microsecond.
func (w *writer) failureTime() time.Time {
	t := time.UnixMicro(w.now)
	if next := w.lastFailure.Add(500 * time.Nanosecond); t.Before(next) {
		t = next
	}
	w.lastFailure = t
	return t
}
