package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
)

func (f *fixture) queues(query string) (list []string, got wire.QueuesResponse) {
	f.Helper()
	a := f.call("GET", "/api/symphony/queues"+query, "")
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 {
		f.Fatal(a.status, a.raw, err)
	}
	for _, q := range got.Queues {
		list = append(list, fmt.Sprintf("%s/%s %d %d %d", q.Transport, q.Queue, q.Pending, len(q.Holds), len(q.Limits)))
	}
	return list, got
}

func TestQueues_have_figures_and_what_stops_and_limits_them(t *testing.T) {
	f := newFixture(t, nil)
	f.send("Job", `{}`, `{"queue":"slow"}`)
	f.send("Job", `{}`, `{"queue":"slow","groupKey":"g"}`) // in a lane of its own
	f.send("Job", `{}`, `{"queue":"slow","scheduledAt":"2100-01-01T00:00:00Z"}`)
	f.send("Mail", `{}`, `{"transport":"email"}`)
	f.call("POST", "/api/symphony/pause", `{"queue":"paused"}`)
	f.call("POST", "/api/symphony/pause", `{"type":"Mail"}`)
	f.call("POST", "/api/symphony/drain", `{"transport":"email"}`)
	f.call("PUT", "/api/symphony/limits/queue/default/limited", `{"concurrency":1}`)
	f.call("PUT", "/api/symphony/limits/queue/default/slow", `{"concurrency":1}`)
	for query, want := range map[string]string{
		"?limit=200": "default/limited 0 0 1, default/paused 0 1 0, default/slow 3 0 1, " +
			"email/default 1 1 0",
		"?transport=email":                        "email/default 1 1 0",
		"?transport=default&limit=1":              "default/limited 0 0 1",
		"?limit=1&cursor=default/limited":         "default/paused 0 1 0",
		"?transport=sync":                         "",
		"?transport=default&cursor=default%2Fpau": "default/paused 0 1 0, default/slow 3 0 1",
	} {
		if list, _ := f.queues(query); strings.Join(list, ", ") != want {
			t.Errorf("%s: got %s, want %s", query, strings.Join(list, ", "), want)
		}
	}
	_, got := f.queues("?transport=default&limit=2")
	if p := got.Pagination; !p.HasMore || p.NextCursor != "default/paused" {
		t.Errorf("pagination %+v", p)
	}
	if _, got := f.queues("?cursor=default/paused&limit=1"); got.Queues[0].ScheduledMessages != 1 {
		t.Errorf("scheduled: %+v", got.Queues[0])
	}
}

// What is counted of a queue is told with it; of one of which nothing is counted, that nothing is.
func TestQueues_have_figures_of_the_last_hour(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, nil)
	for range 3 {
		f.dispatch("Order", `{"queue":"fast"}`)
	}
	receipts := f.receive(`{"queues":["fast"],"max":2}`)
	f.call("POST", nackPath, `{"receipt":"`+receipts[0]["receipt"].(string)+`","errorClass":"busy"}`)
	f.call("POST", ackPath, `{"receipts":["`+receipts[1]["receipt"].(string)+`"]}`)
	f.call("PUT", "/api/symphony/limits/queue/default/idle", `{"concurrency":1}`)
	_, got := f.queues("")
	var told []string
	for _, q := range got.Queues {
		sum := int64(0)
		for _, n := range q.Series {
			sum += n
		}
		told = append(told, fmt.Sprintf("%s %d of %d in %d of %d steps",
			q.Queue, q.Figures.Failed, q.Figures.Processed, sum, len(q.Series)))
	}
	want := "fast 1 of 2 in 2 of 12 steps, idle 0 of 0 in 0 of 12 steps"
	if strings.Join(told, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(told, ", "), want)
	}
	if _, got := newFixture(t, nil).queues(""); len(got.Queues) > 0 && got.Queues[0].Figures != nil {
		t.Errorf("where nothing is counted: %+v", got.Queues[0])
	}
}
