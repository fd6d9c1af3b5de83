package wire

import "time"

// ScheduleRequest is the definition of a schedule: the body of POST /api/symphony/schedules. Exactly one of at, cron
// and interval says when.
type ScheduleRequest struct {
	Name     *string          `json:"name,omitzero" audit:"keep" minLength:"1" maxLength:"100" description:"For people. Unique."`
	At       *time.Time       `json:"at,omitzero" audit:"keep" description:"Once, at this time. In the past means now."`
	Cron     *string          `json:"cron,omitzero" audit:"keep" minLength:"1" description:"Five fields, six with seconds first, or @daily and the like."`
	Timezone *string          `json:"timezone,omitzero" audit:"keep" minLength:"1" description:"The time zone of cron, such as Europe/Berlin. Default: UTC."`
	Interval *int             `json:"interval,omitzero" audit:"keep" minimum:"1000" description:"Milliseconds between two occurrences, counted from startAt or from now. It does not drift."`
	StartAt  *time.Time       `json:"startAt,omitzero" audit:"keep" description:"No occurrence is before."`
	EndAt    *time.Time       `json:"endAt,omitzero" audit:"keep" description:"No occurrence is after."`
	MaxRuns  *int             `json:"maxRuns,omitzero" audit:"keep" minimum:"1" description:"Completes the schedule after so many."`
	Jitter   *int             `json:"jitter,omitzero" audit:"keep" minimum:"0" description:"Delays each occurrence's message by up to so many milliseconds, the same on all nodes."`
	Missed   *string          `json:"missed,omitzero" enum:"all,last,skip" audit:"keep" description:"What becomes of occurrences that could not fire in time: all, last or skip. Default: last."`
	Overlap  *string          `json:"overlap,omitzero" enum:"allow,skip" audit:"keep" description:"allow, or skip an occurrence while the message of the last one is unfinished. Default: allow."`
	Enabled  *bool            `json:"enabled,omitzero" audit:"keep" default:"true"`
	Message  *Message         `json:"message,omitzero" audit:"within" description:"What is dispatched. Required, except for a preview."`
	Options  *DispatchOptions `json:"options,omitzero" audit:"within" description:"How it is dispatched; without scheduledAt and idempotencyKey, which belong to the schedule."`
}

// ScheduleChange is the body of PATCH /api/symphony/schedules/{id}, a JSON merge patch (RFC 7396): what is given
// replaces what is there, null takes it away, and message and options are merged member by member.
type ScheduleChange ScheduleRequest

// PreviewRequest is the body of POST /api/symphony/schedules/preview.
type PreviewRequest struct {
	ScheduleRequest
	Next *int `json:"next,omitzero" minimum:"1" maximum:"100" default:"5" description:"How many occurrences to tell."`
}

// Schedule is a schedule with its state.
type Schedule struct {
	ID string `json:"id" audit:"keep" required:"true"`
	ScheduleRequest
	Kind         string             `json:"kind" enum:"once,cron,interval" required:"true" description:"once, cron or interval."`
	Source       string             `json:"source" enum:"api,config" required:"true" description:"api, or config for those of the configuration file."`
	State        string             `json:"state" enum:"active,disabled,completed" required:"true" description:"active, disabled or completed."`
	NextRunAt    *time.Time         `json:"nextRunAt,omitzero" description:"The next occurrence."`
	LastRunAt    *time.Time         `json:"lastRunAt,omitzero"`
	LastMessages []ScheduledMessage `json:"lastMessages" required:"true" description:"What the last run dispatched."`
	RunCount     int                `json:"runCount" required:"true" description:"Occurrences that were dispatched; runs by hand do not count."`
	LastError    string             `json:"lastError,omitzero" mask:"text" description:"Why the last attempt to fire failed. It is tried again."`
	Failures     int                `json:"failures,omitzero" description:"How many attempts have failed in a row."`
	CompletedAt  *time.Time         `json:"completedAt,omitzero"`
	CreatedAt    time.Time          `json:"createdAt" required:"true"`
	UpdatedAt    time.Time          `json:"updatedAt" required:"true"`
	NextRuns     []time.Time        `json:"nextRuns,omitzero" description:"The next occurrences, where asked for."`
	Unreadable   bool               `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
	Omitted      *Omitted           `json:"omitted,omitzero" description:"Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one schedule has all."`
}

// ScheduledMessage is a message that a schedule dispatched.
type ScheduledMessage struct {
	ID        string `json:"id" required:"true"`
	Transport string `json:"transport" required:"true"`
}

// ScheduleResponse is one schedule.
type ScheduleResponse struct {
	Success  bool     `json:"success" required:"true"`
	Schedule Schedule `json:"schedule" audit:"within" required:"true"`
}

// SchedulesResponse is a page of schedules, newest first.
type SchedulesResponse struct {
	Success    bool       `json:"success" required:"true"`
	Schedules  []Schedule `json:"schedules" required:"true"`
	HasMore    bool       `json:"hasMore" required:"true"`
	NextCursor string     `json:"nextCursor,omitzero" description:"Pass as cursor to read on."`
}

// PreviewResponse tells occurrences.
type PreviewResponse struct {
	Success  bool        `json:"success" required:"true"`
	NextRuns []time.Time `json:"nextRuns" required:"true"`
}

// ScheduleRun is an entry in a schedule's history.
type ScheduleRun struct {
	Seq        int64              `json:"seq" required:"true"`
	Occurrence time.Time          `json:"occurrence" required:"true" description:"When it was meant to be."`
	Through    time.Time          `json:"through" required:"true" description:"The newest occurrence that the entry stands for, where several were skipped together."`
	FiredAt    time.Time          `json:"firedAt" required:"true"`
	Outcome    string             `json:"outcome" enum:"fired,skipped,skipped_overlap,skipped_missed,failed" audit:"keep" required:"true" description:"fired, skipped (by hand), skipped_overlap, skipped_missed or failed."`
	Messages   []ScheduledMessage `json:"messages" audit:"keep" required:"true"`
	Error      string             `json:"error,omitzero" mask:"text"`
	Manual     bool               `json:"manual,omitzero" description:"By hand."`
	Unreadable bool               `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
}

// ScheduleRunsResponse is a page of a history, newest first.
type ScheduleRunsResponse struct {
	Success    bool          `json:"success" required:"true"`
	Runs       []ScheduleRun `json:"runs" required:"true"`
	HasMore    bool          `json:"hasMore" required:"true"`
	NextCursor string        `json:"nextCursor,omitzero" description:"Pass as cursor to read on."`
}

// ScheduleRunResponse is one run.
type ScheduleRunResponse struct {
	Success bool        `json:"success" required:"true"`
	Run     ScheduleRun `json:"run" audit:"within" required:"true"`
}

// SchedulerResponse answers the cron route of the scheduler.
type SchedulerResponse struct {
	Success   bool       `json:"success" required:"true"`
	Fired     int        `json:"fired" required:"true" description:"Occurrences that were dispatched."`
	Skipped   int        `json:"skipped" required:"true"`
	Failed    int        `json:"failed" required:"true" description:"Schedules that could not fire; they are tried again."`
	More      bool       `json:"more" required:"true" description:"Something is due still: call again."`
	NextRunAt *time.Time `json:"nextRunAt,omitzero" description:"When something will be due next."`
}

// SkipRequest is the body of POST /api/symphony/schedules/{id}/skip.
type SkipRequest struct {
	Occurrence *time.Time `json:"occurrence,omitzero" audit:"keep" description:"That is meant. Default: the next one."`
}
