package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

var scheduleColumns = columns[schedule.Schedule]{
	{"id", func(s *schedule.Schedule, v cell) { s.ID = v.id() }},
	{"name", func(s *schedule.Schedule, v cell) { s.Name = v.text() }},
	{"source", func(s *schedule.Schedule, v cell) { s.Source = schedule.Source(v.text()) }},
	{"type", func(s *schedule.Schedule, v cell) { s.Message.Type = v.text() }},
	{"enabled", func(s *schedule.Schedule, v cell) { s.Disabled = !v.bool() }},
	{"definition", func(s *schedule.Schedule, v cell) { s.DecodeDefinition(v) }},
	{"payload", func(s *schedule.Schedule, v cell) { s.Message.Payload = bytes.Clone(v) }},
	{"next_run_at", func(s *schedule.Schedule, v cell) { s.NextRunAt = v.time() }},
	{"due_at", func(s *schedule.Schedule, v cell) { s.DueAt = v.time() }},
	{"last_run_at", func(s *schedule.Schedule, v cell) { s.LastRunAt = v.time() }},
	{"last_messages", func(s *schedule.Schedule, v cell) { s.LastMessages = schedule.DecodeMessages(v) }},
	{"run_count", func(s *schedule.Schedule, v cell) { s.RunCount = int(int8Column(v)) }},
	{"last_error", func(s *schedule.Schedule, v cell) { s.LastError = v.text() }},
	{"failures", func(s *schedule.Schedule, v cell) { s.Failures = v.int4() }},
	{"completed_at", func(s *schedule.Schedule, v cell) { s.CompletedAt = v.time() }},
	{"created_at", func(s *schedule.Schedule, v cell) { s.CreatedAt = v.time() }},
	{"updated_at", func(s *schedule.Schedule, v cell) { s.UpdatedAt = v.time() }},
	{"version", func(s *schedule.Schedule, v cell) { s.Version = int8Column(v) }},
}

var runColumns = columns[schedule.Run]{
	{"schedule_id", func(r *schedule.Run, v cell) { r.ScheduleID = v.id() }},
	{"seq", func(r *schedule.Run, v cell) { r.Seq = int8Column(v) }},
	{"occurrence", func(r *schedule.Run, v cell) { r.Occurrence = v.time() }},
	{"through", func(r *schedule.Run, v cell) { r.Through = v.time() }},
	{"fired_at", func(r *schedule.Run, v cell) { r.FiredAt = v.time() }},
	{"outcome", func(r *schedule.Run, v cell) { r.Outcome = schedule.Outcome(v.text()) }},
	{"manual", func(r *schedule.Run, v cell) { r.Manual = v.bool() }},
	{"messages", func(r *schedule.Run, v cell) { r.Messages = schedule.DecodeMessages(v) }},
	{"error", func(r *schedule.Run, v cell) { r.Error = v.text() }},
}

// assignment is a column that a statement sets: its name, the type of its parameter, and its value.
type assignment struct {
	column, kind string
	value        func(s *scheduleRow) []byte
}

// scheduleRow is a schedule as it is stored, with its definition as JSON.
type scheduleRow struct {
	schedule.Schedule
	definition []byte
}

// What is set once besides the id, what by every change of the definition, and what by every change.
var (
	newAssignments = []assignment{
		{"source", "text", func(s *scheduleRow) []byte { return []byte(s.Source) }},
		{"created_at", "timestamptz", func(s *scheduleRow) []byte { return givenTime(s.CreatedAt) }},
	}
	definitionAssignments = []assignment{
		{"name", "text", func(s *scheduleRow) []byte { return optionalText(s.Name) }},
		{"type", "text", func(s *scheduleRow) []byte { return []byte(cleanText(s.Message.Type)) }},
		{"enabled", "bool", func(s *scheduleRow) []byte { return boolParam(!s.Disabled) }},
		{"definition", "text", func(s *scheduleRow) []byte { return s.definition }},
		{"payload", "text", func(s *scheduleRow) []byte { return s.Message.Payload }},
		{"updated_at", "timestamptz", func(s *scheduleRow) []byte { return givenTime(s.UpdatedAt) }},
	}
	stateAssignments = []assignment{
		{"next_run_at", "timestamptz", func(s *scheduleRow) []byte { return givenTime(s.NextRunAt) }},
		{"due_at", "timestamptz", func(s *scheduleRow) []byte { return givenTime(s.DueAt) }},
		{"last_run_at", "timestamptz", func(s *scheduleRow) []byte { return givenTime(s.LastRunAt) }},
		{"last_messages", "text", func(s *scheduleRow) []byte { return schedule.EncodeMessages(s.LastMessages) }},
		{"run_count", "int8", func(s *scheduleRow) []byte { return int8Param(int64(s.RunCount)) }},
		{"last_error", "text", func(s *scheduleRow) []byte { return []byte(cleanText(s.LastError)) }},
		{"failures", "int4", func(s *scheduleRow) []byte { return int4Param(s.Failures) }},
		{"completed_at", "timestamptz", func(s *scheduleRow) []byte { return givenTime(s.CompletedAt) }},
		{"version", "int8", func(s *scheduleRow) []byte { return int8Param(s.Version + 1) }},
	}
)

// runArrays are the columns of runs that are added, each an array parameter.
var runArrays = []struct {
	column, kind string
	make         func(n int) *array
	add          func(a *array, r *schedule.Run)
}{
	{"occurrence", "timestamptz", times, func(a *array, r *schedule.Run) { a.time(micros(r.Occurrence)) }},
	{"through", "timestamptz", times, func(a *array, r *schedule.Run) { a.time(micros(r.Through)) }},
	{"fired_at", "timestamptz", times, func(a *array, r *schedule.Run) { a.time(micros(r.FiredAt)) }},
	{"outcome", "text", texts, func(a *array, r *schedule.Run) { a.text(string(r.Outcome)) }},
	{"manual", "bool", bools, func(a *array, r *schedule.Run) { a.bool(r.Manual) }},
	{"messages", "text", texts, func(a *array, r *schedule.Run) { a.bytes(schedule.EncodeMessages(r.Messages)) }},
	{"error", "text", texts, func(a *array, r *schedule.Run) { a.text(cleanText(r.Error)) }},
}

// scheduleChange is a statement that changes a schedule and adds runs. It returns the schedule as stored, or nothing
// where that has another version. Its parameters are the id, how many runs to keep, those of runArrays, the
// assignments, and for a schedule that is there its version.
type scheduleChange struct {
	*query
	assignments []assignment
}

func newScheduleChange(name string, parts ...[]assignment) scheduleChange {
	c := scheduleChange{assignments: slices.Concat(parts...)}
	n := 2
	param := func(kind string) string {
		n++
		return fmt.Sprintf("$%d::%s", n, kind)
	}
	var runs, runParams []string
	for _, r := range runArrays {
		runs, runParams = append(runs, r.column), append(runParams, param(r.kind+"[]"))
	}
	into, values, set := []string{"id"}, []string{"$1::uuid"}, []string(nil)
	for _, s := range c.assignments {
		p := param(s.kind)
		into, values, set = append(into, s.column), append(values, p), append(set, s.column+" = "+p)
	}
	var change string
	if slices.Contains(into, "created_at") {
		change = fmt.Sprintf("INSERT INTO {schema}.messenger_schedules (%s) VALUES (%s) ON CONFLICT (id) DO NOTHING",
			strings.Join(into, ", "), strings.Join(values, ", "))
	} else {
		change = fmt.Sprintf("UPDATE {schema}.messenger_schedules SET %s WHERE id = $1::uuid AND version = %s",
			strings.Join(set, ", "), param("int8"))
	}
	list := strings.Join(runs, ", ")
	// Whoever changes the row's version has it for itself, so the greatest number in the statement's snapshot is the
	// last.
	c.query = newQuery(name, `WITH moved AS (`+change+` RETURNING `+scheduleColumns.String()+`), last AS (
			SELECT coalesce(max(seq), 0) AS seq FROM {schema}.messenger_schedule_runs WHERE schedule_id = $1::uuid
		), recorded AS (
			INSERT INTO {schema}.messenger_schedule_runs (schedule_id, seq, `+list+`)
			SELECT moved.id, last.seq + r.place, r.`+strings.Join(runs, ", r.")+`
			FROM moved, last, unnest(`+strings.Join(runParams, ", ")+`) WITH ORDINALITY AS r(`+list+`, place)
		), forgotten AS (
			DELETE FROM {schema}.messenger_schedule_runs o USING moved, last
			WHERE $2::int8 > 0 AND o.schedule_id = moved.id AND o.seq <= last.seq + cardinality(`+runParams[0]+`) - $2
		)
		SELECT * FROM moved`)
	return c
}

// params are the parameters of the statement.
func (c scheduleChange) params(id uuid, s *scheduleRow, runs []schedule.Run, keep int) [][]byte {
	list := [][]byte{id[:], int8Param(int64(keep))}
	for _, column := range runArrays {
		a := column.make(len(runs))
		for i := range runs {
			column.add(a, &runs[i])
		}
		list = append(list, a.value())
	}
	for _, set := range c.assignments {
		list = append(list, set.value(s))
	}
	if s.Version > 0 {
		list = append(list, int8Param(s.Version))
	}
	return list
}

var (
	createSchedule  = newScheduleChange("create_schedule", newAssignments, definitionAssignments, stateAssignments)
	updateSchedule  = newScheduleChange("update_schedule", definitionAssignments, stateAssignments)
	advanceSchedule = newScheduleChange("advance_schedule", stateAssignments)

	deleteSchedule = newQuery("delete_schedule", `WITH runs AS (
			DELETE FROM {schema}.messenger_schedule_runs WHERE schedule_id = $1::uuid
		) DELETE FROM {schema}.messenger_schedules WHERE id = $1::uuid RETURNING id`)

	// What every node asks every second is prepared; see ListSchedules.
	dueSchedules = newQuery("due_schedules", `SELECT `+scheduleColumns.String()+` FROM {schema}.messenger_schedules
		WHERE due_at <= coalesce($1::timestamptz, now()) ORDER BY due_at, id LIMIT $2::int4`)

	nextSchedule = newQuery("next_schedule", `SELECT coalesce($1::timestamptz, now()),
		(SELECT min(due_at) FROM {schema}.messenger_schedules WHERE due_at > coalesce($1::timestamptz, now()))`)

	scheduleRuns = newQuery("schedule_runs", `SELECT `+runColumns.String()+` FROM {schema}.messenger_schedule_runs
		WHERE schedule_id = $1::uuid AND ($2::int8 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3::int4`)
)

// givenTime is a time, NULL for none.
func givenTime(t time.Time) []byte {
	if t.IsZero() {
		return nil
	}
	return timeParam(micros(t))
}

// optionalText is a text, NULL for none.
func optionalText(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(cleanText(s))
}

// nameKey is the constraint that keeps names unique.
const nameKey = "messenger_schedules_name_key"

// PutSchedule makes a change of a schedule.
func (s *store) PutSchedule(ctx context.Context, c schedule.Change) (stored schedule.Schedule, err error) {
	row, doing, change := &scheduleRow{Schedule: c.Schedule}, "update a schedule", updateSchedule
	switch {
	case c.StateOnly:
		doing, change = "advance a schedule", advanceSchedule
	case c.Schedule.Version == 0:
		doing, change = "create a schedule", createSchedule
	}
	if !c.StateOnly {
		if row.definition, err = row.EncodeDefinition(); err != nil {
			return stored, fmt.Errorf("postgres: %s: %w", doing, err)
		}
	}
	conflict := fmt.Errorf("schedule %s has another version than %d: %w", row.ID, row.Version, symphony.ErrConflict)
	id, ok := parseUUID(row.ID)
	if !ok {
		return stored, conflict
	}
	if err := s.usable(ctx); err != nil {
		return stored, err
	}
	params := change.params(id, row, c.Runs, c.Keep)
	err = s.retrying(func(ctx context.Context, l *link) error {
		return l.transact(ctx, call{query: change.query, params: params, row: func(v [][]byte) error {
			scheduleColumns.read(&stored, v)
			return nil
		}})
	})
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == pgerrcode.UniqueViolation && refused.ConstraintName == nameKey:
		return stored, &schedule.NameError{Name: row.Name}
	case err != nil:
		return stored, s.storageError(doing, err)
	case stored.ID == "":
		return stored, conflict
	}
	return stored, nil
}

// DeleteSchedule deletes a schedule with its history.
func (s *store) DeleteSchedule(ctx context.Context, id string) (err error) {
	found := false
	if key, ok := parseUUID(id); ok {
		row := func([][]byte) error {
			found = true
			return nil
		}
		err = s.do(ctx, "delete a schedule", call{query: deleteSchedule, params: [][]byte{key[:]}, row: row})
	}
	if err == nil && !found {
		err = fmt.Errorf("schedule %s: %w", id, symphony.ErrNotFound)
	}
	return err
}

// ListSchedules returns a page of schedules.
func (s *store) ListSchedules(ctx context.Context, q schedule.Query) (page schedule.Page, err error) {
	q = q.WithDefaults()
	where := &condition{terms: []string{"true"}}
	for _, c := range []struct{ term, value string }{
		{"name = ?::text", q.Name}, {"source = ?::text", string(q.Source)}, {"type = ?::text", q.Type},
	} {
		if c.value != "" {
			where.add(c.term, []byte(cleanText(c.value)))
		}
	}
	if q.Due != nil {
		q.After = ""
	}
	for _, c := range []struct{ term, value string }{{"id = ?::uuid", q.ID}, {"id < ?::uuid", q.After}} {
		if c.value == "" {
			continue
		}
		id, ok := parseUUID(c.value)
		if !ok {
			return page, s.usable(ctx) // no schedule has it
		}
		where.add(c.term, id[:])
	}
	switch q.State {
	case schedule.Active:
		where.terms = append(where.terms, "completed_at IS NULL AND enabled")
	case schedule.Disabled:
		where.terms = append(where.terms, "completed_at IS NULL AND NOT enabled")
	case schedule.Completed:
		where.terms = append(where.terms, "completed_at IS NOT NULL")
	}
	order, now := "id DESC", s.nowParam()
	var calls []call
	if q.Due != nil {
		order = "due_at, id"
		where.add("due_at <= coalesce(?::timestamptz, now())", now)
		if !q.Due.DueAt.IsZero() {
			id, _ := parseUUID(q.Due.ID)
			where.params = append(where.params, givenTime(q.Due.DueAt), id[:])
			n := len(where.params)
			where.terms = append(where.terms, fmt.Sprintf("(due_at, id) > ($%d::timestamptz, $%d::uuid)", n-1, n))
		}
		// Both statements see one time.
		calls = append(calls, call{query: nextSchedule, params: [][]byte{now}, row: func(v [][]byte) error {
			page.Now, page.Next = cell(v[0]).time(), cell(v[1]).time()
			return nil
		}})
	}
	where.params = append(where.params, int4Param(q.Limit+1))
	list := &query{sql: fmt.Sprintf("SELECT %s FROM {schema}.messenger_schedules WHERE %s ORDER BY %s LIMIT $%d::int4",
		scheduleColumns, where, order, len(where.params))}
	if q.Due != nil && *q.Due == (schedule.DuePlace{}) && q == (schedule.Query{Due: q.Due, Limit: q.Limit}) {
		list = dueSchedules // it has the same parameters
	}
	bytes := q.PageBytes()
	calls = append(calls, call{query: list, params: where.params, row: func(v [][]byte) error {
		if page.HasMore = len(page.Schedules) == q.Limit; !page.HasMore {
			var one schedule.Schedule
			scheduleColumns.read(&one, v)
			one.Count(bytes)
			page.Schedules = append(page.Schedules, one)
		}
		return nil
	}})
	return page, s.do(ctx, "list schedules", calls...)
}

// ScheduleRuns returns a page of a history, newest first.
func (s *store) ScheduleRuns(ctx context.Context, q schedule.RunQuery) (page schedule.RunPage, err error) {
	id, ok := parseUUID(q.ScheduleID)
	if !ok {
		return page, s.usable(ctx)
	}
	q = q.WithDefaults()
	params := [][]byte{id[:], int8Param(q.Before), int4Param(q.Limit + 1)}
	err = s.do(ctx, "read runs", call{query: scheduleRuns, params: params, row: func(v [][]byte) error {
		if page.HasMore = len(page.Runs) == q.Limit; !page.HasMore {
			var one schedule.Run
			runColumns.read(&one, v)
			page.Runs = append(page.Runs, one)
		}
		return nil
	}})
	return page, err
}
