package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
)

// scheduleColumns are what readSchedule reads, in its order.
const scheduleColumns = `id, name, source, type, enabled, definition, payload, next_run_at, due_at, last_run_at, last_messages,
	run_count, last_error, failures, completed_at, created_at, updated_at, version`

func readSchedule(v [][]byte) schedule.Schedule {
	at := func(b []byte) time.Time { return fromMicros(timeColumn(b)) }
	s := schedule.Schedule{
		ID: uuidColumn(v[0]).String(), Name: string(v[1]), Source: schedule.Source(v[2]), Disabled: !boolColumn(v[4]),
		Message:   symphony.Message{Type: string(v[3]), Payload: bytes.Clone(v[6])},
		NextRunAt: at(v[7]), DueAt: at(v[8]), LastRunAt: at(v[9]), LastMessages: schedule.DecodeMessages(v[10]),
		RunCount: int(int8Column(v[11])), LastError: string(v[12]), Failures: int4Column(v[13]),
		CompletedAt: at(v[14]), CreatedAt: at(v[15]), UpdatedAt: at(v[16]), Version: int8Column(v[17]),
	}
	s.DecodeDefinition(v[5])
	return s
}

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

// stateColumns are what an advance changes, with the parameters 3 to 10 of scheduleState. The parameters before are the
// id and the version.
const stateColumns = `next_run_at = $3::timestamptz, due_at = $4::timestamptz, last_run_at = $5::timestamptz, last_messages = $6::text,
	run_count = $7::int8, last_error = $8::text, failures = $9::int4, completed_at = $10::timestamptz`

func scheduleState(id uuid, s *schedule.Schedule) [][]byte {
	return [][]byte{id[:], int8Param(s.Version), givenTime(s.NextRunAt), givenTime(s.DueAt), givenTime(s.LastRunAt), schedule.EncodeMessages(s.LastMessages),
		int8Param(int64(s.RunCount)), []byte(cleanText(s.LastError)), int4Param(s.Failures), givenTime(s.CompletedAt)}
}

var (
	createSchedule = newQuery("create_schedule", `INSERT INTO {schema}.messenger_schedules (id, version, next_run_at, due_at, last_run_at, last_messages,
			run_count, last_error, failures, completed_at, name, type, enabled, definition, payload, updated_at, source, created_at)
		VALUES ($1::uuid, $2::int8, $3::timestamptz, $4::timestamptz, $5::timestamptz, $6::text, $7::int8, $8::text, $9::int4, $10::timestamptz,
			$11::text, $12::text, $13::bool, $14::text, $15::text, $16::timestamptz, $17::text, $18::timestamptz)
		RETURNING `+scheduleColumns)

	updateSchedule = newQuery("update_schedule", `UPDATE {schema}.messenger_schedules SET `+stateColumns+`, name = $11::text, type = $12::text,
			enabled = $13::bool, definition = $14::text, payload = $15::text, updated_at = $16::timestamptz, version = version + 1
		WHERE id = $1::uuid AND version = $2::int8 RETURNING `+scheduleColumns)

	// Whoever changes the row's version has it for itself, so the greatest number in the statement's snapshot is the last.
	advanceSchedule = newQuery("advance_schedule", `WITH moved AS (
			UPDATE {schema}.messenger_schedules SET `+stateColumns+`, version = version + 1
			WHERE id = $1::uuid AND version = $2::int8 RETURNING `+scheduleColumns+`
		), last AS (
			SELECT coalesce(max(seq), 0) AS seq FROM {schema}.messenger_schedule_runs WHERE schedule_id = $1::uuid
		), recorded AS (
			INSERT INTO {schema}.messenger_schedule_runs (schedule_id, seq, occurrence, through, fired_at, outcome, manual, messages, error)
			SELECT moved.id, last.seq + r.place, r.occurrence, r.through, r.fired_at, r.outcome, r.manual, r.messages, r.error
			FROM moved, last, unnest($11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[], $15::bool[], $16::text[], $17::text[])
				WITH ORDINALITY AS r(occurrence, through, fired_at, outcome, manual, messages, error, place)
		), forgotten AS (
			DELETE FROM {schema}.messenger_schedule_runs o USING moved, last
			WHERE o.schedule_id = moved.id AND o.seq <= last.seq + cardinality($11::timestamptz[]) - $18::int8
		)
		SELECT `+scheduleColumns+` FROM moved`)

	getSchedule = newQuery("get_schedule", `SELECT `+scheduleColumns+` FROM {schema}.messenger_schedules WHERE id = $1::uuid`)

	deleteSchedule = newQuery("delete_schedule", `WITH runs AS (DELETE FROM {schema}.messenger_schedule_runs WHERE schedule_id = $1::uuid)
		DELETE FROM {schema}.messenger_schedules WHERE id = $1::uuid RETURNING id`)

	dueSchedules = newQuery("due_schedules", `SELECT `+scheduleColumns+` FROM {schema}.messenger_schedules
		WHERE due_at <= coalesce($1::timestamptz, now()) AND (due_at, id) > (coalesce($2::timestamptz, '-infinity'), $3::uuid) ORDER BY due_at, id LIMIT $4::int4`)

	nextSchedule = newQuery("next_schedule", `SELECT coalesce($1::timestamptz, now()),
		(SELECT min(due_at) FROM {schema}.messenger_schedules WHERE due_at > coalesce($1::timestamptz, now()))`)

	scheduleRuns = newQuery("schedule_runs", `SELECT seq, occurrence, through, fired_at, outcome, manual, messages, error
		FROM {schema}.messenger_schedule_runs WHERE schedule_id = $1::uuid AND ($2::int8 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3::int4`)

	unfinished = newQuery("unfinished", `SELECT EXISTS (SELECT FROM {schema}.messenger_messages WHERE id = ANY ($1::uuid[]))`)
)

func noSchedule(id string) error { return fmt.Errorf("schedule %s: %w", id, symphony.ErrNotFound) }

// changeSchedule executes a statement that returns the schedule as stored, or nothing where it no longer has the version.
func (s *store) changeSchedule(ctx context.Context, doing string, q *query, n *schedule.Schedule, params func(id uuid) ([][]byte, error)) (stored schedule.Schedule, err error) {
	id, ok := parseUUID(n.ID)
	if !ok {
		return stored, noSchedule(n.ID)
	}
	values, err := params(id)
	if err != nil {
		return stored, fmt.Errorf("postgres: %s: %w", doing, err)
	}
	if err := s.usable(ctx); err != nil {
		return stored, err
	}
	err = s.retrying(func(ctx context.Context, l *link) error {
		return l.transact(ctx, call{query: q, params: values, row: func(v [][]byte) error {
			stored = readSchedule(v)
			return nil
		}})
	})
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == pgerrcode.UniqueViolation && refused.ConstraintName == "messenger_schedules_name_key":
		return stored, &schedule.NameError{Name: n.Name}
	case err != nil:
		return stored, s.storageError(doing, err)
	case stored.ID == "":
		if _, err := s.GetSchedule(ctx, n.ID); err != nil {
			return stored, err
		}
		return stored, &schedule.ConflictError{ID: n.ID, Version: n.Version}
	}
	return stored, nil
}

// definitionParams are those of scheduleState with the definition.
func definitionParams(id uuid, n *schedule.Schedule) ([][]byte, error) {
	definition, err := n.EncodeDefinition()
	return append(scheduleState(id, n), optionalText(n.Name), []byte(cleanText(n.Message.Type)), boolParam(!n.Disabled), definition, n.Message.Payload, givenTime(n.UpdatedAt)), err
}

// CreateSchedule stores a new schedule.
func (s *store) CreateSchedule(ctx context.Context, n schedule.Schedule) (schedule.Schedule, error) {
	n.Version = 1
	return s.changeSchedule(ctx, "create a schedule", createSchedule, &n, func(id uuid) ([][]byte, error) {
		params, err := definitionParams(id, &n)
		return append(params, []byte(n.Source), givenTime(n.CreatedAt)), err
	})
}

// UpdateSchedule replaces definition and state.
func (s *store) UpdateSchedule(ctx context.Context, n schedule.Schedule) (schedule.Schedule, error) {
	return s.changeSchedule(ctx, "update a schedule", updateSchedule, &n, func(id uuid) ([][]byte, error) { return definitionParams(id, &n) })
}

// AdvanceSchedule replaces the state and records runs.
func (s *store) AdvanceSchedule(ctx context.Context, n schedule.Schedule, runs []schedule.Run) (schedule.Schedule, error) {
	return s.changeSchedule(ctx, "advance a schedule", advanceSchedule, &n, func(id uuid) ([][]byte, error) {
		occurrences, throughs, fired := times(len(runs)), times(len(runs)), times(len(runs))
		outcomes, manual, messages, problems := texts(len(runs)), bools(len(runs)), texts(len(runs)), texts(len(runs))
		for i := range runs {
			r := &runs[i]
			occurrences.time(micros(r.Occurrence))
			throughs.time(micros(r.Through))
			fired.time(micros(r.FiredAt))
			outcomes.text(string(r.Outcome))
			manual.bool(r.Manual)
			messages.bytes(schedule.EncodeMessages(r.Messages))
			problems.text(cleanText(r.Error))
		}
		return append(scheduleState(id, &n), occurrences.value(), throughs.value(), fired.value(), outcomes.value(), manual.value(), messages.value(),
			problems.value(), int8Param(schedule.KeptRuns)), nil
	})
}

// DeleteSchedule deletes a schedule with its history.
func (s *store) DeleteSchedule(ctx context.Context, id string) error {
	key, ok := parseUUID(id)
	if !ok {
		return noSchedule(id)
	}
	found := false
	err := s.do(ctx, "delete a schedule", call{query: deleteSchedule, params: [][]byte{key[:]}, row: func([][]byte) error {
		found = true
		return nil
	}})
	if err == nil && !found {
		err = noSchedule(id)
	}
	return err
}

// GetSchedule returns one schedule.
func (s *store) GetSchedule(ctx context.Context, id string) (sch schedule.Schedule, err error) {
	if key, ok := parseUUID(id); ok {
		err = s.do(ctx, "read a schedule", call{query: getSchedule, params: [][]byte{key[:]}, row: func(v [][]byte) error {
			sch = readSchedule(v)
			return nil
		}})
	}
	if err == nil && sch.ID == "" {
		err = noSchedule(id)
	}
	return sch, err
}

// ListSchedules returns a page of schedules, newest first.
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
	if q.After != "" {
		after, ok := parseUUID(q.After)
		if !ok {
			return page, s.usable(ctx)
		}
		where.add("id < ?::uuid", after[:])
	}
	switch q.State {
	case schedule.Active:
		where.terms = append(where.terms, "completed_at IS NULL AND enabled")
	case schedule.Disabled:
		where.terms = append(where.terms, "completed_at IS NULL AND NOT enabled")
	case schedule.Completed:
		where.terms = append(where.terms, "completed_at IS NOT NULL")
	}
	sql := fmt.Sprintf("SELECT %s FROM {schema}.messenger_schedules WHERE %s ORDER BY id DESC LIMIT %d", scheduleColumns, where, q.Limit+1)
	bytes := q.PageBytes()
	err = s.do(ctx, "list schedules", call{query: &query{sql: sql}, params: where.params, row: func(v [][]byte) error {
		if page.HasMore = len(page.Schedules) == q.Limit; !page.HasMore {
			sch := readSchedule(v)
			bytes.Schedule(&sch)
			page.Schedules = append(page.Schedules, sch)
		}
		return nil
	}})
	return page, err
}

// DueSchedules returns schedules whose time has come. Both statements see one time.
func (s *store) DueSchedules(ctx context.Context, after schedule.DuePlace, limit int) (due schedule.Due, err error) {
	place, _ := parseUUID(after.ID)
	now := s.nowParam()
	err = s.do(ctx, "read due schedules",
		call{query: dueSchedules, params: [][]byte{now, givenTime(after.DueAt), place[:], int4Param(limit)}, row: func(v [][]byte) error {
			due.Schedules = append(due.Schedules, readSchedule(v))
			return nil
		}},
		call{query: nextSchedule, params: [][]byte{now}, row: func(v [][]byte) error {
			due.Now, due.Next = fromMicros(timeColumn(v[0])), fromMicros(timeColumn(v[1]))
			return nil
		}})
	return due, err
}

// ScheduleRuns returns a page of a history, newest first.
func (s *store) ScheduleRuns(ctx context.Context, q schedule.RunQuery) (page schedule.RunPage, err error) {
	id, ok := parseUUID(q.ScheduleID)
	if !ok {
		return page, s.usable(ctx)
	}
	q = q.WithDefaults()
	at := func(b []byte) time.Time { return fromMicros(timeColumn(b)) }
	err = s.do(ctx, "read runs", call{query: scheduleRuns, params: [][]byte{id[:], int8Param(q.Before), int4Param(q.Limit + 1)}, row: func(v [][]byte) error {
		if page.HasMore = len(page.Runs) == q.Limit; !page.HasMore {
			page.Runs = append(page.Runs, schedule.Run{
				ScheduleID: q.ScheduleID, Seq: int8Column(v[0]), Occurrence: at(v[1]), Through: at(v[2]), FiredAt: at(v[3]),
				Outcome: schedule.Outcome(v[4]), Manual: boolColumn(v[5]), Messages: schedule.DecodeMessages(v[6]), Error: string(v[7]),
			})
		}
		return nil
	}})
	return page, err
}

// Unfinished looks for messages that wait or are leased. All others are in other tables.
func (s *store) Unfinished(ctx context.Context, ids []string) (found bool, err error) {
	var wanted []uuid
	for _, id := range ids {
		if key, ok := parseUUID(id); ok {
			wanted = append(wanted, key)
		}
	}
	err = s.do(ctx, "look for messages", call{query: unfinished, params: [][]byte{uuidArray(wanted)}, row: func(v [][]byte) error {
		found = boolColumn(v[0])
		return nil
	}})
	return found, err
}
