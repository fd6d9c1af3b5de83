package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
)

var errNoSchedules = unsupported("keeps no schedules: the default transport cannot, or the API was made without Options.Scheduler")

// scheduled is for routes that need the scheduler.
func scheduled(serve func(*call, *scheduler.Scheduler) error) func(*call) error {
	return func(c *call) error {
		if c.api.o.Scheduler == nil {
			return errNoSchedules
		}
		return serve(c, c.api.o.Scheduler)
	}
}

func schedulesList(c *call, s *scheduler.Scheduler) error {
	q := schedule.Query{Name: c.query["name"], Source: schedule.Source(c.query["source"]), Type: c.query["type"],
		State: schedule.State(c.query["state"]), After: c.query["cursor"]}
	var list []symphony.Problem
	q.Limit = c.limit(&list)
	n := c.number("next", 0, wire.MaxListedNext, &list)
	switch q.State {
	case "", schedule.Active, schedule.Disabled, schedule.Completed:
	default:
		list = append(list, symphony.Problem{Path: "state", Message: "must be active, disabled or completed"})
	}
	switch q.Source {
	case "", schedule.SourceAPI, schedule.SourceConfig:
	default:
		list = append(list, symphony.Problem{Path: "source", Message: "must be api or config"})
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	q.Bytes = symphony.MaxPageBytes
	page, err := s.List(c.Context(), q.WithDefaults())
	if err != nil {
		return err
	}
	answer := wire.SchedulesResponse{Success: true, Schedules: make([]wire.Schedule, len(page.Schedules)), HasMore: page.HasMore}
	for i := range page.Schedules {
		row := &answer.Schedules[i]
		*row = wireSchedule(&page.Schedules[i])
		if err := c.tellNext(row, page.Schedules[i], n); err != nil {
			return err
		}
	}
	if page.HasMore {
		answer.NextCursor = page.Schedules[len(page.Schedules)-1].ID
	}
	return c.answer(http.StatusOK, answer)
}

// limit reads the parameter of that name; 0 is the default.
func (c *call) limit(list *[]symphony.Problem) int {
	return c.number("limit", 1, schedule.MaxPage, list)
}

// number reads a query parameter that is a number, 0 where it is not given.
func (c *call) number(name string, low, high int, list *[]symphony.Problem) int {
	text, ok := c.query[name]
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		*list = append(*list, symphony.Problem{Path: name, Message: fmt.Sprintf("must be %d to %d", low, high)})
	}
	return n
}

func schedulesCreate(c *call, s *scheduler.Scheduler) error {
	var req wire.ScheduleRequest
	var sch schedule.Schedule
	err := c.accept(&req, func(wrong bool) (list []symphony.Problem) {
		if sch, list = c.schedule(&req); wrong || len(list) > 0 {
			return c.scheduleProblems(s, &req)
		}
		return nil
	})
	if err != nil {
		return err
	}
	made, err := s.Create(c.Context(), sch)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, wire.ScheduleResponse{Success: true, Schedule: wireSchedule(&made)})
}

// scheduleProblems are all of a definition that fits its shape, each place once.
func (c *call) scheduleProblems(s *scheduler.Scheduler, req *wire.ScheduleRequest) []symphony.Problem {
	sch, list := c.schedule(req)
	sch.CreatedAt = c.api.stored.Now()
	own := len(list)
	for _, p := range s.Problems(sch, "") {
		if !slices.ContainsFunc(list[:own], func(q symphony.Problem) bool { return q.Path == p.Path }) {
			list = append(list, p)
		}
	}
	return list
}

// schedule makes a definition of a request. It notes what the domain cannot see: that something was given, and empty.
func (c *call) schedule(req *wire.ScheduleRequest) (schedule.Schedule, []symphony.Problem) {
	var list []symphony.Problem
	for _, given := range [...]struct {
		path string
		text *string
	}{{"name", req.Name}, {"cron", req.Cron}, {"timezone", req.Timezone}, {"missed", req.Missed}, {"overlap", req.Overlap}} {
		if given.text != nil && *given.text == "" {
			list = append(list, symphony.Problem{Path: given.path, Message: "must not be empty"})
		}
	}
	for _, given := range [...]struct {
		path   string
		number *int
		low    int
	}{{"interval", req.Interval, 1}, {"maxRuns", req.MaxRuns, 1}, {"jitter", req.Jitter, 0}} {
		if given.number != nil && *given.number < given.low {
			list = append(list, symphony.Problem{Path: given.path, Message: fmt.Sprintf("must be at least %d", given.low)})
		}
	}
	asked := wire.DispatchRequest{Message: value(req.Message)}
	asked.Options.DispatchOptions = value(req.Options)
	out, problems := c.outgoing(&asked, "")
	list = append(list, problems...)
	sch := schedule.Schedule{
		Name: value(req.Name), At: instant(req.At, "at", &list), Cron: value(req.Cron), Timezone: value(req.Timezone), Interval: span(req.Interval),
		StartAt: instant(req.StartAt, "startAt", &list), EndAt: instant(req.EndAt, "endAt", &list), MaxRuns: value(req.MaxRuns), Jitter: span(req.Jitter),
		Missed: schedule.MissedPolicy(value(req.Missed)), Overlap: schedule.OverlapPolicy(value(req.Overlap)),
		Disabled: req.Enabled != nil && !*req.Enabled, Message: out.Message, Options: out.Options,
	}
	// The body goes back to its pool, and a schedule may be kept.
	sch.Message.Payload = append([]byte(nil), sch.Message.Payload...)
	return sch, list
}

// span is a number of milliseconds. One that is too large for a duration is as large as can be, and refused as that.
func span(ms *int) time.Duration {
	const most = int(1<<63-1) / int(time.Millisecond)
	return time.Duration(min(value(ms), most)) * time.Millisecond
}

func schedulesShow(c *call, s *scheduler.Scheduler) error {
	var list []symphony.Problem
	n := c.number("next", 0, scheduler.MaxPreview, &list)
	if len(list) > 0 {
		return invalid(list...)
	}
	sch, err := s.Get(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	answer := wire.ScheduleResponse{Success: true, Schedule: wireSchedule(&sch)}
	if err := c.tellNext(&answer.Schedule, sch, n); err != nil {
		return err
	}
	return c.answer(http.StatusOK, answer)
}

// tellNext adds the next n occurrences of a schedule, where it can be read.
func (c *call) tellNext(to *wire.Schedule, sch schedule.Schedule, n int) (err error) {
	if n > 0 && sch.DecodeErr == nil {
		to.NextRuns, err = scheduler.Preview(sch, c.api.stored.Now(), n)
	}
	return err
}

func schedulesPreview(c *call, _ *scheduler.Scheduler) error {
	var req wire.PreviewRequest
	var (
		n   int
		sch schedule.Schedule
	)
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		n = consumeSetting{"next", req.Next, 1, scheduler.MaxPreview, wire.DefaultPreview}.get(&list)
		req.Message, req.Options = nil, nil // only when it fires is of interest
		var more []symphony.Problem
		sch, more = c.schedule(&req.ScheduleRequest)
		return append(list, more...)
	})
	if err != nil {
		return err
	}
	times, err := scheduler.Preview(sch, c.api.stored.Now(), n)
	if err != nil {
		return err
	}
	if times == nil {
		times = []time.Time{}
	}
	return c.answer(http.StatusOK, wire.PreviewResponse{Success: true, NextRuns: times})
}

// schedulesChange applies a JSON merge patch (RFC 7396) to the definition, where message and options are merged member
// by member and payload and metadata are replaced as a whole: null takes away what is there.
func schedulesChange(c *call, s *scheduler.Scheduler) error {
	var patch map[string]jsontext.Value
	if err := c.accept(&patch, nil); err != nil {
		return err
	}
	var message map[string]jsontext.Value // nil if it is no object, which is told below
	_ = json.Unmarshal(patch["message"], &message)
	changed, err := s.Update(c.Context(), c.PathValue("id"), func(sch *schedule.Schedule) error {
		was := wireSchedule(sch).ScheduleRequest
		whole, err := json.Marshal(was)
		if err != nil {
			return err
		}
		if whole, err = mergePatch(whole, patch, 2); err != nil {
			return err
		}
		var req wire.ScheduleRequest
		if err := decode(c.Context(), whole, &req); err != nil {
			return explain(err, &req, func(bool) []symphony.Problem { return c.scheduleProblems(s, &req) })
		}
		if req.Message != nil && req.Message.Payload != nil { // byte for byte, which merging does not keep
			req.Message.Payload = jsontext.Value(sch.Message.Payload)
			if given, ok := message["payload"]; ok {
				req.Message.Payload = given
			}
		}
		want, list := c.schedule(&req)
		if len(list) > 0 {
			return invalid(c.scheduleProblems(s, &req)...)
		}
		want.Source, want.Options.DispatchedBy = sch.Source, sch.Options.DispatchedBy
		*sch = want
		return nil
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ScheduleResponse{Success: true, Schedule: wireSchedule(&changed)})
}

// mergePatch merges the members of two objects, down to a depth.
func mergePatch(into []byte, patch map[string]jsontext.Value, depth int) ([]byte, error) {
	var have map[string]jsontext.Value
	if err := json.Unmarshal(into, &have); err != nil {
		return nil, err
	}
	if have == nil {
		have = make(map[string]jsontext.Value)
	}
	for name, v := range patch {
		switch {
		case v.Kind() == 'n':
			delete(have, name)
		case depth > 1 && v.Kind() == '{' && (name == "message" || name == "options"):
			inner := have[name]
			if inner == nil {
				inner = jsontext.Value("{}")
			}
			var members map[string]jsontext.Value
			if err := json.Unmarshal(v, &members); err != nil {
				return nil, err
			}
			merged, err := mergePatch(inner, members, depth-1)
			if err != nil {
				return nil, err
			}
			have[name] = merged
		default:
			have[name] = v
		}
	}
	return json.Marshal(have)
}

func schedulesDelete(c *call, s *scheduler.Scheduler) error {
	if err := s.Delete(c.Context(), c.PathValue("id")); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The schedule was deleted. Messages that it dispatched are left alone."})
}

func schedulesEnable(c *call, s *scheduler.Scheduler) error {
	sch, err := s.Enable(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ScheduleResponse{Success: true, Schedule: wireSchedule(&sch)})
}

func schedulesDisable(c *call, s *scheduler.Scheduler) error {
	sch, err := s.Disable(c.Context(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ScheduleResponse{Success: true, Schedule: wireSchedule(&sch)})
}

func schedulesRun(c *call, s *scheduler.Scheduler) error {
	run, err := s.RunNow(c.traced(), c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ScheduleRunResponse{Success: true, Run: wireRun(&run)})
}

func schedulesSkip(c *call, s *scheduler.Scheduler) error {
	var req wire.SkipRequest
	var occurrence time.Time
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		occurrence = instant(req.Occurrence, "occurrence", &list)
		return list
	})
	if err != nil {
		return err
	}
	sch, err := s.Skip(c.Context(), c.PathValue("id"), occurrence)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.ScheduleResponse{Success: true, Schedule: wireSchedule(&sch)})
}

func schedulesRuns(c *call, s *scheduler.Scheduler) error {
	q := schedule.RunQuery{ScheduleID: c.PathValue("id")}
	var list []symphony.Problem
	q.Limit = c.limit(&list)
	if cursor, ok := c.query["cursor"]; ok {
		var err error
		if q.Before, err = strconv.ParseInt(cursor, 10, 64); err != nil || q.Before < 1 {
			list = append(list, symphony.Problem{Path: "cursor", Message: "is not one of this list's"})
		}
	}
	if len(list) > 0 {
		return invalid(list...)
	}
	page, err := s.Runs(c.Context(), q.WithDefaults())
	if err != nil {
		return err
	}
	answer := wire.ScheduleRunsResponse{Success: true, Runs: make([]wire.ScheduleRun, len(page.Runs)), HasMore: page.HasMore}
	for i := range page.Runs {
		answer.Runs[i] = wireRun(&page.Runs[i])
	}
	if page.HasMore {
		answer.NextCursor = strconv.FormatInt(page.Runs[len(page.Runs)-1].Seq, 10)
	}
	return c.answer(http.StatusOK, answer)
}

func cronScheduler(c *call, s *scheduler.Scheduler) error {
	c.cronDuties()
	report, err := s.FireDue(c.Context())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.SchedulerResponse{Success: true, Fired: report.Fired, Skipped: report.Skipped, Failed: report.Failed,
		More: report.More, NextRunAt: optional(report.Next)})
}

func wireSchedule(s *schedule.Schedule) wire.Schedule {
	enabled := !s.Disabled
	out := wire.Schedule{
		ID: s.ID, Kind: string(s.Kind()), Source: string(s.Source), State: string(s.State()), NextRunAt: optional(s.NextRunAt), LastRunAt: optional(s.LastRunAt),
		LastMessages: wireScheduled(s.LastMessages), RunCount: s.RunCount, LastError: s.LastError, Failures: s.Failures,
		CompletedAt: optional(s.CompletedAt), CreatedAt: s.CreatedAt.UTC(), UpdatedAt: s.UpdatedAt.UTC(),
		ScheduleRequest: wire.ScheduleRequest{
			Name: given(s.Name), At: optional(s.At), Cron: given(s.Cron), Timezone: given(s.Timezone), Interval: given(int(s.Interval.Milliseconds())),
			StartAt: optional(s.StartAt), EndAt: optional(s.EndAt), MaxRuns: given(s.MaxRuns), Jitter: given(int(s.Jitter.Milliseconds())),
			Missed: given(string(s.Missed)), Overlap: given(string(s.Overlap)), Enabled: &enabled,
			Message: &wire.Message{Type: s.Message.Type, Payload: payload(s.Message.Payload), Metadata: metadata(s.Message.Metadata)},
		},
	}
	if s.DecodeErr != nil {
		out.LastError, out.Unreadable = "the stored definition cannot be read: "+s.DecodeErr.Error(), true
	}
	out.Options = new(wire.DispatchOptions)
	toldOptions.tell(&s.Options, out.Options)
	if s.Omitted != nil {
		out.Message.Payload, out.Omitted = jsontext.Value("{}"), omitted(s.Omitted)
	}
	return out
}

// given is nil for the zero value, which stands for what was not given.
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func wireScheduled(list []schedule.MessageRef) []wire.ScheduledMessage {
	out := make([]wire.ScheduledMessage, len(list))
	for i, m := range list {
		out[i] = wire.ScheduledMessage{ID: m.ID, Transport: m.Transport}
	}
	return out
}

func wireRun(r *schedule.Run) wire.ScheduleRun {
	return wire.ScheduleRun{Seq: r.Seq, Occurrence: r.Occurrence.UTC(), Through: r.Through.UTC(), FiredAt: r.FiredAt.UTC(), Outcome: string(r.Outcome),
		Messages: wireScheduled(r.Messages), Error: r.Error, Manual: r.Manual}
}
