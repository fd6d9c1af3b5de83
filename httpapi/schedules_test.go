package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
)

const schedulesPath = "/api/symphony/schedules"

// schedule makes a schedule and returns it.
func (f *fixture) schedule(body string) map[string]any {
	f.Helper()
	a := f.call("POST", schedulesPath, body)
	if a.status != 201 {
		f.Fatalf("schedule: %d %s", a.status, a.raw)
	}
	return a.body["schedule"].(map[string]any)
}

// A list tells what is next without a call for each schedule: for those that are disabled and those that end, too.
func TestSchedules_list_their_next_occurrences(t *testing.T) {
	f := newFixture(t, nil)
	const message = `,"message":{"type":"Report","payload":{}}}`
	f.schedule(`{"name":"daily","cron":"0 9 * * *","timezone":"Europe/Berlin"` + message)
	f.schedule(`{"name":"twice","interval":60000,"maxRuns":2` + message)
	f.schedule(`{"name":"once","at":"2100-01-01T00:00:00Z"` + message)
	f.schedule(`{"name":"off","interval":60000,"enabled":false` + message)
	for _, row := range f.call("GET", schedulesPath+"?next=3", "").body["schedules"].([]any) {
		listed := row.(map[string]any)
		one := f.call("GET", schedulesPath+"/"+listed["id"].(string)+"?next=3", "").body["schedule"]
		if diff := cmp.Diff(one, row); diff != "" {
			t.Errorf("%s in the list (-alone +listed)\n%s", listed["name"], diff)
		}
		want := map[string]int{"daily": 3, "twice": 2, "once": 1}[listed["name"].(string)]
		if runs, _ := listed["nextRuns"].([]any); want != 0 && (len(runs) != want || runs[0] != listed["nextRunAt"]) {
			t.Errorf("%s has the next runs %v, want %d from %v on", listed["name"], runs, want, listed["nextRunAt"])
		}
	}
	for _, row := range f.call("GET", schedulesPath, "").body["schedules"].([]any) {
		if runs, told := row.(map[string]any)["nextRuns"]; told {
			t.Errorf("without next a list tells %v", runs)
		}
	}
}

func TestScheduleIsMadeShownChangedAndDeleted(t *testing.T) {
	f := newFixture(t, nil)
	made := f.schedule(`{"name":"report","cron":"0 9 * * MON-FRI","timezone":"Europe/Berlin","endAt":"2100-01-01T00:00:00Z","maxRuns":3,"jitter":1000,"missed":"skip","overlap":"skip",
		"message":{"type":"Report","payload":{"n":1.50},"metadata":{"a":1}},"options":{"queue":"low","priority":3,"headers":{"x":"y"},"concurrencyKey":"c"}}`)
	path := schedulesPath + "/" + made["id"].(string)
	shown := f.call("GET", path+"?next=2", "")
	got := shown.body["schedule"].(map[string]any)
	if runs, _ := got["nextRuns"].([]any); len(runs) != 2 || runs[0] != made["nextRunAt"] {
		t.Errorf("next runs %v, the first at %v", got["nextRuns"], made["nextRunAt"])
	}
	delete(got, "nextRuns")
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("shown (-made +shown)\n%s", diff)
	}
	want := map[string]any{"name": "report", "kind": "cron", "cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin", "missed": "skip", "overlap": "skip", "enabled": true, "state": "active", "source": "api"}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if !strings.Contains(shown.raw, `"payload":{"n":1.50}`) {
		t.Errorf("the payload lost a digit: %s", shown.raw)
	}
	a := f.call("PATCH", path, `{"cron":null,"timezone":null,"interval":90000,"maxRuns":null,"message":{"payload":{"m":2}},"options":{"priority":null,"queue":"high"}}`)
	if a.status != 200 {
		t.Fatalf("change: %d %s", a.status, a.raw)
	}
	changed := a.body["schedule"].(map[string]any)
	message, options := changed["message"].(map[string]any), changed["options"].(map[string]any)
	if changed["kind"] != "interval" || changed["cron"] != nil || changed["maxRuns"] != nil || changed["name"] != "report" || message["type"] != "Report" ||
		fmt.Sprint(message["payload"]) != "map[m:2]" || options["queue"] != "high" || options["priority"] != nil || options["concurrencyKey"] != "c" {
		t.Errorf("changed %s", a.raw)
	}
	for _, step := range []struct{ action, state string }{{"disable", "disabled"}, {"enable", "active"}} {
		a := f.call("POST", path+"/"+step.action, "")
		if a.status != 200 || a.body["schedule"].(map[string]any)["state"] != step.state {
			t.Errorf("%s: %d %s", step.action, a.status, a.raw)
		}
	}
	if a := f.call("DELETE", path, ""); a.status != 200 {
		t.Errorf("delete: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", path, ""); a.status != 404 {
		t.Errorf("deleted: %d %s", a.status, a.raw)
	}
}

// A payload is stored byte for byte, whatever else of its schedule changes.
func TestChangesOfAScheduleKeepItsPayload(t *testing.T) {
	f := newFixture(t, nil)
	const first, second = `{"b": 1,  "a":"\u003c\/", "n":1.50e2}`, `{ "c" : "\u00e9", "n":2.0 }`
	path := schedulesPath + "/" + f.schedule(`{"interval":3600000,"message":{"type":"Report","payload":` + first + `}}`)["id"].(string)
	for _, change := range []struct{ patch, want string }{
		{`{"interval":7200000}`, first},
		{`{"message":{"type":"Other"}}`, first},
		{`{"message":{"payload":` + second + `}}`, second},
		{`{"options":{"priority":9},"message":{"metadata":{"a":1}}}`, second},
	} {
		if a := f.call("PATCH", path, change.patch); a.status != 200 {
			t.Fatalf("%s: %d %s", change.patch, a.status, a.raw)
		}
		if a := f.call("POST", path+"/run", ""); a.status != 200 {
			t.Fatalf("run: %d %s", a.status, a.raw)
		}
		got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
		if err != nil || len(got) != 1 || string(got[0].Payload) != change.want {
			t.Fatalf("after %s: %v, %v; want the payload %s", change.patch, got, err, change.want)
		}
	}
	if a := f.call("PATCH", path, `{"message":{"payload":null}}`); a.status != 400 {
		t.Errorf("without a payload: %d %s", a.status, a.raw)
	}
}

func TestSchedulesAreChecked(t *testing.T) {
	f := newFixture(t, nil)
	f.schedule(`{"name":"taken","interval":60000,"message":{"type":"Report","payload":{}}}`)
	const message = `,"message":{"type":"Report","payload":{}}`
	tests := []struct {
		name, body string
		want       []string
	}{
		{"nothing", `{}`, []string{"at", "message.type", "message.payload"}},
		{"everything", `{"at":"2030-01-01T00:00:00Z","cron":"x","interval":5,"jitter":-1,"maxRuns":-1,"missed":"never","overlap":"no","message":{"type":"","payload":[]},"options":{"scheduledAt":"2030-01-01T00:00:00Z","priority":11}}`,
			[]string{"jitter", "maxRuns", "cron", "interval", "missed", "overlap", "options.scheduledAt", "cron", "message.type", "message.payload", "options.priority"}},
		{"a cron expression that never happens", `{"cron":"0 0 30 2 *"` + message + `}`, []string{"cron"}},
		{"an unknown zone", `{"cron":"@daily","timezone":"Mars/Base"` + message + `}`, []string{"timezone"}},
		{"wrong shapes", `{"interval":"1m","enabled":1` + message + `}`, []string{"enabled", "interval"}},
		{"unknown fields", `{"every":5,"interval":60000` + message + `}`, []string{"every"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := f.call("POST", schedulesPath, test.body)
			if a.status != 400 {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			for _, path := range test.want {
				found := false
				for _, p := range a.paths() {
					found = found || p == path
				}
				if !found {
					t.Errorf("no problem of %s in %s", path, a.raw)
				}
			}
			if n := strings.Count(a.raw, `"path":"jitter"`) + strings.Count(a.raw, `"path":"maxRuns"`); n > 2 {
				t.Errorf("a problem is told twice: %s", a.raw)
			}
		})
	}
	if a := f.call("POST", schedulesPath, `{"name":"taken","interval":60000`+message+`}`); a.status != 409 || a.code() != "schedule_name_taken" {
		t.Errorf("a name that is taken: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", schedulesPath+"/preview", `{"cron":"*/15 * * * *","next":3}`); a.status != 200 || len(a.body["nextRuns"].([]any)) != 3 {
		t.Errorf("preview: %d %s", a.status, a.raw)
	}
	if a := f.call("POST", schedulesPath+"/preview", `{"cron":"x","next":101}`); a.status != 400 {
		t.Errorf("preview of nonsense: %d %s", a.status, a.raw)
	}
	for _, query := range []string{"limit=0", "limit=1000000", "next=11", "next=-1", "state=odd", "source=odd", "nope=1"} {
		if a := f.call("GET", schedulesPath+"?"+query, ""); a.status != 400 || len(a.paths()) != 1 {
			t.Errorf("list with %s: %d %s", query, a.status, a.raw)
		}
	}
}

func TestSchedulesFireByTheCronRouteAndByHand(t *testing.T) {
	f := newFixture(t, nil)
	once := f.schedule(`{"at":"2020-01-01T00:00:00Z","message":{"type":"Once","payload":{}}}`)
	later := f.schedule(`{"interval":3600000,"message":{"type":"Later","payload":{}}}`)
	secret := []string{"Authorization", "Bearer " + cronSecret}
	a := f.call("POST", "/api/cron/symphony-scheduler", "", secret...)
	if a.status != 200 || fmt.Sprintf("%v %v %v", a.body["fired"], a.body["failed"], a.body["more"]) != "1 0 false" || a.body["nextRunAt"] != later["nextRunAt"] {
		t.Errorf("cron route: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/cron/symphony-scheduler", "", secret...); a.status != 200 || fmt.Sprint(a.body["fired"]) != "0" {
		t.Errorf("cron route again: %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/cron/symphony-scheduler", ""); a.status != 401 {
		t.Errorf("without the secret: %d %s", a.status, a.raw)
	}
	a = f.call("POST", schedulesPath+"/"+later["id"].(string)+"/run", "")
	if run, _ := a.body["run"].(map[string]any); a.status != 200 || run["manual"] != true || run["outcome"] != "fired" || len(run["messages"].([]any)) != 1 {
		t.Errorf("run: %d %s", a.status, a.raw)
	}
	runs := f.call("GET", schedulesPath+"/"+once["id"].(string)+"/runs", "")
	list, _ := runs.body["runs"].([]any)
	if runs.status != 200 || len(list) != 1 || list[0].(map[string]any)["occurrence"] != "2020-01-01T00:00:00Z" {
		t.Errorf("runs: %d %s", runs.status, runs.raw)
	}
	got, err := f.tr.Receive(context.Background(), symphony.ReceiveOptions{})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	page := f.call("GET", schedulesPath+"?limit=1", "")
	first := page.body["schedules"].([]any)
	if len(first) != 1 || page.body["hasMore"] != true || page.body["nextCursor"] == nil {
		t.Fatalf("first page: %s", page.raw)
	}
	second := f.call("GET", schedulesPath+"?limit=1&cursor="+page.body["nextCursor"].(string), "")
	// Made in one millisecond, they may come in either order.
	list = append(first, second.body["schedules"].([]any)...)
	states := make(map[any]any)
	for _, s := range list {
		states[s.(map[string]any)["id"]] = s.(map[string]any)["state"]
	}
	if diff := cmp.Diff(map[any]any{once["id"]: "completed", later["id"]: "active"}, states); len(list) != 2 || second.body["hasMore"] != false || diff != "" {
		t.Errorf("second page: %s", second.raw)
	}
}

func TestSchedules_skip(t *testing.T) {
	f := newFixture(t, nil)
	a := f.call("POST", "/api/symphony/schedules", `{"interval":3600000,"message":{"type":"Tick","payload":{}}}`)
	made, _ := a.body["schedule"].(map[string]any)
	id, next := made["id"].(string), made["nextRunAt"].(string)
	skip := "/api/symphony/schedules/" + id + "/skip"
	for name, test := range map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"an occurrence that is not next": {skip, `{"occurrence":"2030-01-01T00:00:00Z"}`, 409, "conflict"},
		"a time that is none":            {skip, `{"occurrence":"soon"}`, 400, "validation_failed"},
		"what is unknown":                {skip, `{"when":"now"}`, 400, "validation_failed"},
		"an unknown one":                 {"/api/symphony/schedules/0197/skip", ``, 404, "not_found"},
	} {
		if a := f.call("POST", test.path, test.body); a.status != test.status || a.code() != test.code {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	a = f.call("POST", skip, `{"occurrence":"`+next+`"}`)
	if after, _ := a.body["schedule"].(map[string]any); a.status != 200 || after["nextRunAt"].(string) <= next {
		t.Errorf("got %d %s, after %s", a.status, a.raw, next)
	}
	runs := f.call("GET", "/api/symphony/schedules/"+id+"/runs", "")
	if !strings.Contains(runs.raw, `"outcome":"skipped"`) || !strings.Contains(runs.raw, `"manual":true`) {
		t.Errorf("the history is %s", runs.raw)
	}
	f.call("POST", "/api/symphony/schedules/"+id+"/disable", "")
	if a := f.call("POST", skip, ""); a.status != 409 || a.code() != "no_next_run" {
		t.Errorf("a disabled one: %d %s", a.status, a.raw)
	}
	want := "schedule.skip ok map[id:" + id + " occurrence:" + next
	if trail := f.trail("action=schedule.skip&target=" + id); len(trail) != 3 || !strings.HasPrefix(trail[1], want) {
		t.Errorf("the audit trail has %q, want %s… in the middle", trail, want)
	}
}
