//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// scheduled is a schedule as the API shows it.
type scheduled struct {
	ID, Name, State, LastError string
	RunCount                   int
}

// scheduleRun is an entry in its history.
type scheduleRun struct {
	Occurrence, Through time.Time
	Outcome             string
	Messages            []struct{ ID string }
}

func (s *server) schedule(body string) scheduled {
	s.Helper()
	var r struct {
		Error    string
		Schedule scheduled
	}
	if status, err := s.call("POST", "/api/symphony/schedules", body, &r); err != nil || status != 201 {
		s.Fatalf("schedule %s: %d %s %v", body, status, r.Error, err)
	}
	return r.Schedule
}

// shown is a schedule as it is now, with its history, oldest first.
func (s *server) shown(id string) (scheduled, []scheduleRun) {
	s.Helper()
	var one, again struct{ Schedule scheduled }
	var page struct{ Runs []scheduleRun }
	read := func(path string, out any) {
		if status, err := s.call("GET", "/api/symphony/schedules/"+id+path, "", out); err != nil || status != 200 {
			s.Fatalf("schedule%s: %d %v", path, status, err)
		}
	}
	// What fires between two answers is in one of them alone: they count together where the schedule stood still.
	read("", &again)
	for first := true; first || one.Schedule.RunCount != again.Schedule.RunCount; first = false {
		one = again
		page.Runs = nil
		read("/runs?limit=100", &page)
		read("", &again)
	}
	for i, j := 0, len(page.Runs)-1; i < j; i, j = i+1, j-1 {
		page.Runs[i], page.Runs[j] = page.Runs[j], page.Runs[i]
	}
	return one.Schedule, page.Runs
}

// Every kind of schedule, with its limits and policies, while the only node dies for some seconds.
func TestScheduleKinds(t *testing.T) {
	onEachStorage(t, func(t *testing.T, database string) {
		s := newServer(t, database, "worker: {continuous: {queues: [nobody]}}\n")
		s.run("drain", "--queue", "refused")
		const message = `"message": {"type": "Tick", "payload": {}}`
		at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		broken := s.schedule(`{"name": "broken", "interval": 1000, "options": {"queue": "refused"}, ` + message + `}`)
		past := s.schedule(`{"at": "2020-01-01T00:00:00Z", ` + message + `}`)
		once := s.schedule(fmt.Sprintf(`{"at": %q, %s}`, at(2*time.Second), message))
		six := s.schedule(`{"cron": "* * * * * *", "timezone": "Europe/Berlin", "maxRuns": 2, ` + message + `}`)
		ending := s.schedule(fmt.Sprintf(`{"interval": 1000, "startAt": %q, "endAt": %q, %s}`, at(time.Second), at(2*time.Second), message))
		all := s.schedule(`{"interval": 1000, "missed": "all", ` + message + `}`)
		last := s.schedule(`{"interval": 1000, "missed": "last", ` + message + `}`)
		skip := s.schedule(`{"interval": 1000, "missed": "skip", ` + message + `}`)
		overlap := s.schedule(`{"interval": 1000, "overlap": "skip", ` + message + `}`)

		until(t, "three occurrences", func() bool { now, _ := s.shown(all.ID); return now.RunCount >= 3 })
		s.kill()
		away := time.NewTimer(3500 * time.Millisecond)
		<-away.C
		s.start(strings.TrimPrefix(s.url, "http://"))
		until(t, "occurrences of the new process", func() bool { now, _ := s.shown(all.ID); return now.RunCount >= 9 })

		for _, done := range []struct {
			id, what string
			runs     int
		}{{past.ID, "at a time that is past", 1}, {once.ID, "once", 1}, {six.ID, "cron with six fields and two runs", 2}, {ending.ID, "one that ends", 2}} {
			if now, runs := s.shown(done.id); now.State != "completed" || now.RunCount != done.runs || len(runs) < done.runs {
				t.Errorf("%s: %+v %+v, want it completed after %d", done.what, now, runs, done.runs)
			}
		}
		if now, _ := s.shown(broken.ID); now.RunCount != 0 || !strings.Contains(now.LastError, "draining") {
			t.Errorf("one that cannot fire: %+v", now)
		}
		check := func(what, id string, missing string, least int) {
			t.Helper()
			_, runs := s.shown(id)
			count := make(map[string]int)
			for i, r := range runs {
				count[r.Outcome]++
				if i > 0 && r.Occurrence.Sub(runs[i-1].Through) != time.Second {
					t.Errorf("%s: %s comes after %s", what, r.Occurrence, runs[i-1].Through)
				}
				if (r.Outcome == "fired") != (len(r.Messages) == 1) {
					t.Errorf("%s: %+v", what, r)
				}
			}
			if count["fired"] < least || missing == "" && len(count) != 1 || missing != "" && count[missing] == 0 {
				t.Errorf("%s: outcomes %v", what, count)
			}
		}
		check("missed: all", all.ID, "", 9)
		check("missed: last", last.ID, "skipped_missed", 5)
		check("missed: skip", skip.ID, "skipped_missed", 4)
		check("overlap: skip", overlap.ID, "skipped_overlap", 1)
		if now, _ := s.shown(overlap.ID); now.RunCount != 1 {
			t.Errorf("overlap: skip made %d messages while the first was unfinished", now.RunCount)
		}
	})
}

// The cron route and the command line fire what is due where nothing runs all the time.
func TestScheduleWithoutAProcess(t *testing.T) {
	onEachStorage(t, func(t *testing.T, database string) {
		const secret = "a-cron-secret-of-this-test-0123456789"
		s := newServer(t, database, "cron: {secret: "+secret+"}\nworker: {continuous: {queues: [nobody]}}\n")
		id := s.schedule(`{"interval": 1000, "maxRuns": 50, "missed": "all", "message": {"type": "Tick", "payload": {}}}`).ID
		call := func(secret string) int {
			req, err := http.NewRequest("GET", s.url+"/api/cron/symphony-scheduler", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+secret)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			return resp.StatusCode
		}
		if status := call(secret); status != 200 {
			t.Errorf("the cron route: %d", status)
		}
		if status := call("another"); status != 401 {
			t.Errorf("the cron route with another secret: %d", status)
		}
		s.kill()
		away := time.NewTimer(3500 * time.Millisecond) // three occurrences, however fast all else is
		<-away.C
		if out := s.run("schedules", "fire"); !strings.Contains(out, " fired, 0 skipped, 0 failed") || strings.HasPrefix(out, "0 ") {
			t.Errorf("schedules fire: %s", out)
		}
		s.start(strings.TrimPrefix(s.url, "http://"))
		now, runs := s.shown(id)
		if now.RunCount < 3 || len(runs) != now.RunCount {
			t.Errorf("%d runs and %d in the history", now.RunCount, len(runs))
		}
		for i := 1; i < len(runs); i++ {
			if d := runs[i].Occurrence.Sub(runs[i-1].Occurrence); d != time.Second {
				t.Errorf("%s between two occurrences", d)
			}
		}
	})
}
