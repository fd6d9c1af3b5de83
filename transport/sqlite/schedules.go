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

var scheduleColumns = columns[schedule.Schedule]{
	{"id", func(s *schedule.Schedule, v cell) { s.ID = v.text() }},
	{"name", func(s *schedule.Schedule, v cell) { s.Name = v.text() }},
	{"source", func(s *schedule.Schedule, v cell) { s.Source = schedule.Source(v.text()) }},
	{"type", func(s *schedule.Schedule, v cell) { s.Message.Type = v.text() }},
	{"enabled", func(s *schedule.Schedule, v cell) { s.Disabled = v.int() == 0 }},
	{"definition", func(s *schedule.Schedule, v cell) { s.DecodeDefinition(v.bytes()) }},
	{"payload", func(s *schedule.Schedule, v cell) { s.Message.Payload = v.bytes() }},
	{"next_run_at", func(s *schedule.Schedule, v cell) { s.NextRunAt = v.time() }},
	{"due_at", func(s *schedule.Schedule, v cell) { s.DueAt = v.time() }},
	{"last_run_at", func(s *schedule.Schedule, v cell) { s.LastRunAt = v.time() }},
	{"last_messages", func(s *schedule.Schedule, v cell) { s.LastMessages = schedule.DecodeMessages(v.bytes()) }},
	{"run_count", func(s *schedule.Schedule, v cell) { s.RunCount = v.int() }},
	{"last_error", func(s *schedule.Schedule, v cell) { s.LastError = v.text() }},
	{"failures", func(s *schedule.Schedule, v cell) { s.Failures = v.int() }},
	{"completed_at", func(s *schedule.Schedule, v cell) { s.CompletedAt = v.time() }},
	{"created_at", func(s *schedule.Schedule, v cell) { s.CreatedAt = v.time() }},
	{"updated_at", func(s *schedule.Schedule, v cell) { s.UpdatedAt = v.time() }},
	{"version", func(s *schedule.Schedule, v cell) { s.Version = v.int64() }},
}

var runColumns = columns[schedule.Run]{
	{"schedule_id", func(r *schedule.Run, v cell) { r.ScheduleID = v.text() }},
	{"seq", func(r *schedule.Run, v cell) { r.Seq = v.int64() }},
	{"occurrence", func(r *schedule.Run, v cell) { r.Occurrence = v.time() }},
	{"through", func(r *schedule.Run, v cell) { r.Through = v.time() }},
	{"fired_at", func(r *schedule.Run, v cell) { r.FiredAt = v.time() }},
	{"outcome", func(r *schedule.Run, v cell) { r.Outcome = schedule.Outcome(v.text()) }},
	{"manual", func(r *schedule.Run, v cell) { r.Manual = v.int() != 0 }},
	{"messages", func(r *schedule.Run, v cell) { r.Messages = schedule.DecodeMessages(v.bytes()) }},
	{"error", func(r *schedule.Run, v cell) { r.Error = v.text() }},
}

// newScheduleValues are set once, definitionValues by every change of the definition, and stateValues by every change.
func newScheduleValues(s *schedule.Schedule) []value {
	return []value{{"id", s.ID}, {"source", string(s.Source)}, {"created_at", micros(s.CreatedAt)}}
}

func definitionValues(s *schedule.Schedule, definition []byte) []value {
	return []value{
		{"name", textArg(s.Name)},
		{"type", s.Message.Type},
		{"enabled", boolArg(!s.Disabled)},
		{"definition", definition},
		{"payload", []byte(s.Message.Payload)},
		{"updated_at", micros(s.UpdatedAt)},
	}
}

func stateValues(s *schedule.Schedule) []value {
	return []value{
		{"next_run_at", timeArg(s.NextRunAt)},
		{"due_at", timeArg(s.DueAt)},
		{"last_run_at", timeArg(s.LastRunAt)},
		{"last_messages", schedule.EncodeMessages(s.LastMessages)},
		{"run_count", s.RunCount},
		{"last_error", s.LastError},
		{"failures", s.Failures},
		{"completed_at", timeArg(s.CompletedAt)},
		{"version", s.Version + 1},
	}
}

// value is what a column is set to.
type value struct {
	column string
	arg    any
}

// insertRow adds a row to a table.
func (w *writer) insertRow(table string, row []value) error {
	names, args := make([]string, len(row)), make([]any, len(row))
	for i, v := range row {
		names[i], args[i] = v.column, v.arg
	}
	places := "?" + strings.Repeat(", ?", len(row)-1)
	return w.exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+places+")", args...)
}

// updateRow sets columns of the row of a table that has an id.
func (w *writer) updateRow(table, id string, row []value) error {
	sets, args := make([]string, len(row)), make([]any, len(row), len(row)+1)
	for i, v := range row {
		sets[i], args[i] = v.column+"=?", v.arg
	}
	return w.exec("UPDATE "+table+" SET "+strings.Join(sets, ", ")+" WHERE id=?", append(args, id)...)
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

// PutSchedule makes a change of a schedule.
func (s *store) PutSchedule(ctx context.Context, c schedule.Change) (stored schedule.Schedule, err error) {
	o := &putScheduleOp{Change: c}
	if !c.StateOnly {
		if o.definition, err = c.Schedule.EncodeDefinition(); err != nil {
			return stored, fmt.Errorf("sqlite: schedule %s: %w", c.Schedule.ID, err)
		}
	}
	if err := s.do(ctx, o); err != nil {
		return stored, err
	}
	return o.stored, o.refused
}

type putScheduleOp struct {
	schedule.Change
	definition []byte
	refused    error // nothing was changed
	stored     schedule.Schedule
}

func (o *putScheduleOp) rows() int { return 1 + len(o.Runs) }

func (o *putScheduleOp) apply(w *writer) error {
	o.refused, o.stored = nil, schedule.Schedule{}
	s := &o.Schedule
	if err := o.compare(w); err != nil || o.refused != nil {
		return err
	}
	row := stateValues(s)
	if !o.StateOnly {
		row = append(row, definitionValues(s, o.definition)...)
	}
	var err error
	if s.Version == 0 {
		err = w.insertRow("messenger_schedules", append(row, newScheduleValues(s)...))
	} else {
		err = w.updateRow("messenger_schedules", s.ID, row)
	}
	if err == nil {
		err = o.record(w)
	}
	if err != nil {
		return err
	}
	stored := "SELECT " + scheduleColumns.String() + " FROM messenger_schedules WHERE id=?"
	return w.query(stored, func(row *sqlite.Stmt) bool {
		scheduleColumns.read(&o.stored, row, 0)
		return false
	}, s.ID)
}

// compare refuses a change of another version, or that would give a second schedule the name.
func (o *putScheduleOp) compare(w *writer) error {
	s, version := &o.Schedule, int64(0)
	err := w.query("SELECT version FROM messenger_schedules WHERE id=?", func(s *sqlite.Stmt) bool {
		version = s.ColumnInt64(0)
		return false
	}, s.ID)
	if err != nil {
		return err
	}
	if version != s.Version {
		o.refused = fmt.Errorf("schedule %s has version %d: %w", s.ID, version, symphony.ErrConflict)
		return nil
	}
	if o.StateOnly {
		return nil
	}
	return w.query("SELECT 1 FROM messenger_schedules WHERE name=? AND id<>?", func(*sqlite.Stmt) bool {
		o.refused = &schedule.NameError{Name: s.Name}
		return false
	}, s.Name, s.ID)
}

// record adds runs to the history.
func (o *putScheduleOp) record(w *writer) error {
	if len(o.Runs) == 0 {
		return nil
	}
	id, last := o.Schedule.ID, int64(0)
	err := w.query("SELECT max(seq) FROM messenger_schedule_runs WHERE schedule_id=?", func(s *sqlite.Stmt) bool {
		last = s.ColumnInt64(0)
		return false
	}, id)
	for i := range o.Runs {
		r := &o.Runs[i]
		last++
		if err == nil {
			err = w.insertRow("messenger_schedule_runs", []value{
				{"schedule_id", id},
				{"seq", last},
				{"occurrence", micros(r.Occurrence)},
				{"through", micros(r.Through)},
				{"fired_at", micros(r.FiredAt)},
				{"outcome", string(r.Outcome)},
				{"manual", boolArg(r.Manual)},
				{"messages", schedule.EncodeMessages(r.Messages)},
				{"error", r.Error},
			})
		}
	}
	if err != nil || o.Keep == 0 {
		return err
	}
	return w.exec("DELETE FROM messenger_schedule_runs WHERE schedule_id=? AND seq<=?", id, last-int64(o.Keep))
}

// DeleteSchedule deletes a schedule with its history.
func (s *store) DeleteSchedule(ctx context.Context, id string) error {
	o := &deleteScheduleOp{id: id}
	if err := s.do(ctx, o); err != nil {
		return err
	}
	if !o.found {
		return fmt.Errorf("schedule %s: %w", id, symphony.ErrNotFound)
	}
	return nil
}

type deleteScheduleOp struct {
	id    string
	found bool
}

func (o *deleteScheduleOp) rows() int { return 1 }

func (o *deleteScheduleOp) apply(w *writer) error {
	err := w.exec("DELETE FROM messenger_schedules WHERE id=?", o.id)
	if o.found = w.conn.Changes() > 0; err != nil || !o.found {
		return err
	}
	return w.exec("DELETE FROM messenger_schedule_runs WHERE schedule_id=?", o.id)
}

// ListSchedules returns a page of schedules.
func (s *store) ListSchedules(ctx context.Context, q schedule.Query) (page schedule.Page, err error) {
	q = q.WithDefaults()
	conditions, args := []string{"1"}, []any(nil)
	add := func(condition string, a ...any) {
		conditions, args = append(conditions, condition), append(args, a...)
	}
	for _, c := range []struct{ condition, value string }{
		{"id=?", q.ID}, {"name=?", q.Name}, {"source=?", string(q.Source)}, {"type=?", q.Type},
	} {
		if c.value != "" {
			add(c.condition, c.value)
		}
	}
	switch q.State {
	case schedule.Active:
		add("completed_at IS NULL AND enabled")
	case schedule.Disabled:
		add("completed_at IS NULL AND NOT enabled")
	case schedule.Completed:
		add("completed_at IS NOT NULL")
	}
	order := "id DESC"
	switch {
	case q.Due != nil:
		order = "due_at, id"
		page.Now = s.clock.Now().UTC().Truncate(time.Microsecond)
		place := int64(0)
		if !q.Due.DueAt.IsZero() {
			place = micros(q.Due.DueAt)
		}
		add("due_at<=? AND (due_at, id)>(?, ?)", micros(page.Now), place, q.Due.ID)
	case q.After != "":
		add("id<?", q.After)
	}
	query := "SELECT " + scheduleColumns.String() + " FROM messenger_schedules WHERE " + strings.Join(conditions, " AND ") +
		" ORDER BY " + order + " LIMIT +?"
	bytes := q.PageBytes()
	err = s.read(ctx, "list schedules in", func(r *reader) error {
		err := r.query(query, func(row *sqlite.Stmt) bool {
			if page.HasMore = len(page.Schedules) == q.Limit; !page.HasMore {
				var one schedule.Schedule
				scheduleColumns.read(&one, row, 0)
				one.Count(bytes)
				page.Schedules = append(page.Schedules, one)
			}
			return true
		}, append(args, q.Limit+1)...)
		if err != nil || q.Due == nil {
			return err
		}
		return r.query("SELECT min(due_at) FROM messenger_schedules WHERE due_at>?", func(s *sqlite.Stmt) bool {
			page.Next = fromMicros(s.ColumnInt64(0))
			return false
		}, micros(page.Now))
	})
	return page, err
}

// ScheduleRuns returns a page of a history, newest first.
func (s *store) ScheduleRuns(ctx context.Context, q schedule.RunQuery) (page schedule.RunPage, err error) {
	q = q.WithDefaults()
	query := "SELECT " + runColumns.String() + ` FROM messenger_schedule_runs
		WHERE schedule_id=?1 AND (?2=0 OR seq<?2) ORDER BY seq DESC LIMIT +?3`
	err = s.read(ctx, "read runs in", func(r *reader) error {
		return r.query(query, func(row *sqlite.Stmt) bool {
			if page.HasMore = len(page.Runs) == q.Limit; !page.HasMore {
				var one schedule.Run
				runColumns.read(&one, row, 0)
				page.Runs = append(page.Runs, one)
			}
			return true
		}, q.ScheduleID, q.Before, q.Limit+1)
	})
	return page, err
}
