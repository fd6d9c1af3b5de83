package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"zombiezen.com/go/sqlite"
)

// scheduleColumns are what readSchedule reads, in its order.
const scheduleColumns = `id, name, source, type, enabled, definition, payload, next_run_at, due_at, last_run_at, last_messages,
	run_count, last_error, failures, completed_at, created_at, updated_at, version`

func readSchedule(s *sqlite.Stmt) schedule.Schedule {
	sch := schedule.Schedule{
		ID: s.ColumnText(0), Name: s.ColumnText(1), Source: schedule.Source(s.ColumnText(2)), Disabled: !s.ColumnBool(4),
		Message:   symphony.Message{Type: s.ColumnText(3), Payload: columnBytes(s, 6)},
		NextRunAt: fromMicros(s.ColumnInt64(7)), DueAt: fromMicros(s.ColumnInt64(8)), LastRunAt: fromMicros(s.ColumnInt64(9)),
		LastMessages: schedule.DecodeMessages(columnBytes(s, 10)), RunCount: s.ColumnInt(11), LastError: s.ColumnText(12), Failures: s.ColumnInt(13),
		CompletedAt: fromMicros(s.ColumnInt64(14)), CreatedAt: fromMicros(s.ColumnInt64(15)), UpdatedAt: fromMicros(s.ColumnInt64(16)), Version: s.ColumnInt64(17),
	}
	sch.DecodeDefinition(columnBytes(s, 5))
	return sch
}

// timeArg is a time as it is stored, NULL for none.
func timeArg(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

func boolArg(b bool) int {
	if b {
		return 1
	}
	return 0
}

func textArg(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// state are the values of the columns that an advance changes, in the order of stateColumns.
func state(s *schedule.Schedule) []any {
	return []any{timeArg(s.NextRunAt), timeArg(s.DueAt), timeArg(s.LastRunAt), schedule.EncodeMessages(s.LastMessages), s.RunCount, s.LastError, s.Failures, timeArg(s.CompletedAt)}
}

const stateColumns = `next_run_at=?, due_at=?, last_run_at=?, last_messages=?, run_count=?, last_error=?, failures=?, completed_at=?`

// scheduleOp changes one schedule and returns it as stored.
type scheduleOp struct {
	id      string
	change  func(w *writer) error
	runs    []schedule.Run
	refused error // nothing was changed
	stored  schedule.Schedule
}

func (o *scheduleOp) rows() int { return 1 + len(o.runs) }

func (o *scheduleOp) apply(w *writer) error {
	o.refused, o.stored = nil, schedule.Schedule{}
	if err := o.change(w); err != nil || o.refused != nil {
		return err
	}
	for i := range o.runs {
		r := &o.runs[i]
		if err := w.exec(`INSERT INTO messenger_schedule_runs (schedule_id, seq, occurrence, through, fired_at, outcome, manual, messages, error)
			SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM messenger_schedule_runs WHERE schedule_id=?1`,
			o.id, micros(r.Occurrence), micros(r.Through), micros(r.FiredAt), string(r.Outcome), boolArg(r.Manual), schedule.EncodeMessages(r.Messages), r.Error); err != nil {
			return err
		}
	}
	if len(o.runs) > 0 {
		if err := w.exec(`DELETE FROM messenger_schedule_runs WHERE schedule_id=?1 AND seq <=
			(SELECT max(seq) FROM messenger_schedule_runs WHERE schedule_id=?1) - ?2`, o.id, schedule.KeptRuns); err != nil {
			return err
		}
	}
	return w.query("SELECT "+scheduleColumns+" FROM messenger_schedules WHERE id=?", func(s *sqlite.Stmt) bool {
		o.stored = readSchedule(s)
		return false
	}, o.id)
}

// current refuses an operation on a schedule that no longer has the version.
func (o *scheduleOp) current(w *writer, version int64) error {
	o.refused = noSchedule(o.id)
	return w.query("SELECT version FROM messenger_schedules WHERE id=?", func(s *sqlite.Stmt) bool {
		if o.refused = nil; s.ColumnInt64(0) != version {
			o.refused = &schedule.ConflictError{ID: o.id, Version: version}
		}
		return false
	}, o.id)
}

func noSchedule(id string) error { return fmt.Errorf("schedule %s: %w", id, symphony.ErrNotFound) }

// nameFree refuses an operation that would give a second schedule the name.
func (o *scheduleOp) nameFree(w *writer, name string) error {
	return w.query("SELECT 1 FROM messenger_schedules WHERE name=? AND id<>?", func(*sqlite.Stmt) bool {
		o.refused = &schedule.NameError{Name: name}
		return false
	}, name, o.id)
}

func (s *store) changeSchedule(ctx context.Context, o *scheduleOp) (schedule.Schedule, error) {
	if err := s.do(ctx, o); err != nil {
		return schedule.Schedule{}, err
	}
	return o.stored, o.refused
}

// CreateSchedule stores a new schedule.
func (s *store) CreateSchedule(ctx context.Context, n schedule.Schedule) (schedule.Schedule, error) {
	definition, err := n.EncodeDefinition()
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("sqlite: schedule %s: %w", n.ID, err)
	}
	o := &scheduleOp{id: n.ID}
	o.change = func(w *writer) error {
		if err := o.nameFree(w, n.Name); err != nil || o.refused != nil {
			return err
		}
		if err := w.exec(`INSERT INTO messenger_schedules (id, name, source, type, enabled, definition, payload, run_count, last_error, failures, created_at, updated_at, version)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', 0, ?, ?, 1)`,
			n.ID, textArg(n.Name), string(n.Source), n.Message.Type, boolArg(!n.Disabled), definition, []byte(n.Message.Payload), micros(n.CreatedAt), micros(n.UpdatedAt)); err != nil {
			return err
		}
		return w.exec("UPDATE messenger_schedules SET "+stateColumns+" WHERE id=?", append(state(&n), n.ID)...)
	}
	return s.changeSchedule(ctx, o)
}

// UpdateSchedule replaces definition and state.
func (s *store) UpdateSchedule(ctx context.Context, n schedule.Schedule) (schedule.Schedule, error) {
	definition, err := n.EncodeDefinition()
	if err != nil {
		return schedule.Schedule{}, fmt.Errorf("sqlite: schedule %s: %w", n.ID, err)
	}
	o := &scheduleOp{id: n.ID}
	o.change = func(w *writer) error {
		if err := o.current(w, n.Version); err != nil || o.refused != nil {
			return err
		}
		if err := o.nameFree(w, n.Name); err != nil || o.refused != nil {
			return err
		}
		return w.exec("UPDATE messenger_schedules SET "+stateColumns+`, name=?, type=?, enabled=?, definition=?, payload=?, updated_at=?, version=version+1 WHERE id=?`,
			append(state(&n), textArg(n.Name), n.Message.Type, boolArg(!n.Disabled), definition, []byte(n.Message.Payload), micros(n.UpdatedAt), n.ID)...)
	}
	return s.changeSchedule(ctx, o)
}

// AdvanceSchedule replaces the state and records runs.
func (s *store) AdvanceSchedule(ctx context.Context, n schedule.Schedule, runs []schedule.Run) (schedule.Schedule, error) {
	o := &scheduleOp{id: n.ID, runs: runs}
	o.change = func(w *writer) error {
		if err := o.current(w, n.Version); err != nil || o.refused != nil {
			return err
		}
		return w.exec("UPDATE messenger_schedules SET "+stateColumns+", version=version+1 WHERE id=?", append(state(&n), n.ID)...)
	}
	return s.changeSchedule(ctx, o)
}

// DeleteSchedule deletes a schedule with its history.
func (s *store) DeleteSchedule(ctx context.Context, id string) error {
	o := &scheduleOp{id: id}
	o.change = func(w *writer) error {
		if err := w.exec("DELETE FROM messenger_schedules WHERE id=?", id); err != nil {
			return err
		}
		if w.conn.Changes() == 0 {
			o.refused = noSchedule(id)
			return nil
		}
		return w.exec("DELETE FROM messenger_schedule_runs WHERE schedule_id=?", id)
	}
	_, err := s.changeSchedule(ctx, o)
	return err
}

// GetSchedule returns one schedule.
func (s *store) GetSchedule(ctx context.Context, id string) (sch schedule.Schedule, err error) {
	err = s.read(ctx, "read schedule in", func(r *reader) error {
		err := r.query("SELECT "+scheduleColumns+" FROM messenger_schedules WHERE id=?", func(s *sqlite.Stmt) bool {
			sch = readSchedule(s)
			return false
		}, id)
		if err == nil && sch.ID == "" {
			return noSchedule(id)
		}
		return err
	})
	return sch, err
}

// ListSchedules returns a page of schedules, newest first.
func (s *store) ListSchedules(ctx context.Context, q schedule.Query) (page schedule.Page, err error) {
	q = q.WithDefaults()
	conditions, args := []string{"1"}, []any(nil)
	for _, c := range []struct{ condition, value string }{
		{"name=?", q.Name}, {"source=?", string(q.Source)}, {"type=?", q.Type}, {"id<?", q.After},
	} {
		if c.value != "" {
			conditions, args = append(conditions, c.condition), append(args, c.value)
		}
	}
	switch q.State {
	case schedule.Active:
		conditions = append(conditions, "completed_at IS NULL AND enabled")
	case schedule.Disabled:
		conditions = append(conditions, "completed_at IS NULL AND NOT enabled")
	case schedule.Completed:
		conditions = append(conditions, "completed_at IS NOT NULL")
	}
	query := "SELECT " + scheduleColumns + " FROM messenger_schedules WHERE " + strings.Join(conditions, " AND ") + " ORDER BY id DESC LIMIT ?"
	bytes := q.PageBytes()
	err = s.read(ctx, "list schedules in", func(r *reader) error {
		return r.query(query, func(s *sqlite.Stmt) bool {
			if page.HasMore = len(page.Schedules) == q.Limit; !page.HasMore {
				sch := readSchedule(s)
				bytes.Schedule(&sch)
				page.Schedules = append(page.Schedules, sch)
			}
			return true
		}, append(args, q.Limit+1)...)
	})
	return page, err
}

// DueSchedules returns schedules whose time has come.
func (s *store) DueSchedules(ctx context.Context, after schedule.DuePlace, limit int) (due schedule.Due, err error) {
	due.Now = s.clock.Now().UTC().Truncate(time.Microsecond)
	place := int64(0)
	if !after.DueAt.IsZero() {
		place = micros(after.DueAt)
	}
	err = s.read(ctx, "read due schedules in", func(r *reader) error {
		err := r.query("SELECT "+scheduleColumns+" FROM messenger_schedules WHERE due_at<=? AND (due_at, id)>(?, ?) ORDER BY due_at, id LIMIT ?", func(s *sqlite.Stmt) bool {
			due.Schedules = append(due.Schedules, readSchedule(s))
			return true
		}, micros(due.Now), place, after.ID, limit)
		if err != nil {
			return err
		}
		return r.query("SELECT min(due_at) FROM messenger_schedules WHERE due_at>?", func(s *sqlite.Stmt) bool {
			due.Next = fromMicros(s.ColumnInt64(0))
			return false
		}, micros(due.Now))
	})
	return due, err
}

// ScheduleRuns returns a page of a history, newest first.
func (s *store) ScheduleRuns(ctx context.Context, q schedule.RunQuery) (page schedule.RunPage, err error) {
	q = q.WithDefaults()
	err = s.read(ctx, "read runs in", func(r *reader) error {
		return r.query(`SELECT seq, occurrence, through, fired_at, outcome, manual, messages, error FROM messenger_schedule_runs
			WHERE schedule_id=?1 AND (?2=0 OR seq<?2) ORDER BY seq DESC LIMIT ?3`, func(s *sqlite.Stmt) bool {
			if page.HasMore = len(page.Runs) == q.Limit; !page.HasMore {
				page.Runs = append(page.Runs, schedule.Run{
					ScheduleID: q.ScheduleID, Seq: s.ColumnInt64(0), Occurrence: fromMicros(s.ColumnInt64(1)), Through: fromMicros(s.ColumnInt64(2)),
					FiredAt: fromMicros(s.ColumnInt64(3)), Outcome: schedule.Outcome(s.ColumnText(4)), Manual: s.ColumnBool(5),
					Messages: schedule.DecodeMessages(columnBytes(s, 6)), Error: s.ColumnText(7),
				})
			}
			return true
		}, q.ScheduleID, q.Before, q.Limit+1)
	})
	return page, err
}

// Unfinished looks for messages that are not completed. Those that failed are in a table of their own.
func (s *store) Unfinished(ctx context.Context, ids []string) (found bool, err error) {
	err = s.read(ctx, "look for messages in", func(r *reader) error {
		for _, id := range ids {
			if err := r.query(`SELECT 1 FROM messenger_messages m WHERE id=? AND NOT EXISTS (SELECT 1 FROM messenger_completed c WHERE c.seq=m.seq)`,
				func(*sqlite.Stmt) bool {
					found = true
					return false
				}, id); err != nil || found {
				return err
			}
		}
		return nil
	})
	return found, err
}
