package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// ScheduleQuery asks for a page of schedules. Zero fields select everything.
type ScheduleQuery struct {
	Name, Type, State, Source string
	Limit                     int    // 0: the server's default
	Cursor                    string // NextCursor of the page before
}

// Schedules returns a page of schedules, newest first.
func (c *Client) Schedules(ctx context.Context, q ScheduleQuery) (out wire.SchedulesResponse, err error) {
	values := url.Values{}
	for name, value := range map[string]string{"name": q.Name, "type": q.Type, "state": q.State, "source": q.Source, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return ask(ctx, c, wire.ListSchedules, "", values)
}

// CreateSchedule makes a schedule.
func (c *Client) CreateSchedule(ctx context.Context, r wire.ScheduleRequest) (wire.ScheduleResponse, error) {
	return send(ctx, c, wire.CreateSchedule, "", nil, r)
}

// Schedule returns one schedule with its next occurrences, as many as next says, up to 100.
func (c *Client) Schedule(ctx context.Context, id string, next int) (out wire.ScheduleResponse, err error) {
	values := url.Values{}
	if next != 0 {
		values.Set("next", strconv.Itoa(next))
	}
	return ask(ctx, c, wire.GetSchedule, id, values)
}

// PreviewSchedule tells when a schedule would fire.
func (c *Client) PreviewSchedule(ctx context.Context, r wire.PreviewRequest) (wire.PreviewResponse, error) {
	return send(ctx, c, wire.PreviewSchedule, "", nil, r)
}

// ChangeSchedule merges members into the definition of a schedule; nil takes away what is there. They are those of a
// ScheduleRequest; message and options are merged member by member. What is a jsontext.Value among them, such as a
// payload, goes byte for byte.
func (c *Client) ChangeSchedule(ctx context.Context, id string, patch map[string]any) (wire.ScheduleResponse, error) {
	return send(ctx, c, wire.PatchSchedule, id, nil, patch)
}

// DeleteSchedule deletes a schedule.
func (c *Client) DeleteSchedule(ctx context.Context, id string) (wire.DoneResponse, error) {
	return ask(ctx, c, wire.DeleteSchedule, id, nil)
}

// EnableSchedule switches a schedule on.
func (c *Client) EnableSchedule(ctx context.Context, id string) (wire.ScheduleResponse, error) {
	return ask(ctx, c, wire.EnableSchedule, id, nil)
}

// DisableSchedule switches a schedule off.
func (c *Client) DisableSchedule(ctx context.Context, id string) (wire.ScheduleResponse, error) {
	return ask(ctx, c, wire.DisableSchedule, id, nil)
}

// RunSchedule dispatches the message of a schedule at once.
func (c *Client) RunSchedule(ctx context.Context, id string) (wire.ScheduleRunResponse, error) {
	return ask(ctx, c, wire.RunSchedule, id, nil)
}

// SkipSchedule leaves out the next occurrence of a schedule. With an occurrence in r, only if it is that one.
func (c *Client) SkipSchedule(ctx context.Context, id string, r wire.SkipRequest) (wire.ScheduleResponse, error) {
	return send(ctx, c, wire.SkipSchedule, id, nil, r)
}

// ScheduleRuns returns a page of the history of a schedule, newest first. limit 0 is the server's default.
func (c *Client) ScheduleRuns(ctx context.Context, id string, limit int, cursor string) (out wire.ScheduleRunsResponse, err error) {
	values := url.Values{}
	if limit > 0 {
		values.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		values.Set("cursor", cursor)
	}
	return ask(ctx, c, wire.ListScheduleRuns, id, values)
}

// FireSchedules fires what is due, once. A server takes the cron secret for it, in place of an API key.
func (c *Client) FireSchedules(ctx context.Context) (wire.SchedulerResponse, error) {
	return ask(ctx, c, wire.RunCronScheduler, "", nil)
}
