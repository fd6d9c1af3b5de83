package scheduler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schedule"
	"github.com/symphony-messenger/symphony/scheduler"
	"github.com/symphony-messenger/symphony/symphonytest/testclock"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// A report at nine on working days, in Berlin.
func ExampleScheduler() {
	ctx := context.Background()
	clock := testclock.New(time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)) // a program has the system's
	transport, err := sqlite.OpenTemporary(ctx, sqlite.Options{Clock: clock})
	if err != nil {
		log.Fatal(err)
	}
	defer transport.Close()
	bus, err := symphony.NewBus([]symphony.Transport{transport}, symphony.BusOptions{Clock: clock})
	if err != nil {
		log.Fatal(err)
	}
	store, err := schedule.Of(bus)
	if err != nil {
		log.Fatal(err)
	}
	s, err := scheduler.New(store, bus, scheduler.Options{Clock: clock})
	if err != nil {
		log.Fatal(err)
	}
	report, err := s.Create(ctx, schedule.Schedule{
		Name: "report", Cron: "0 9 * * MON-FRI", Timezone: "Europe/Berlin",
		Message: symphony.Message{Type: "DailyReport", Payload: json.RawMessage(`{"format":"pdf"}`)},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("next:", report.NextRunAt)

	clock.Advance(time.Hour)
	round, err := s.FireDue(ctx) // or Run, which goes on until its context ends
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("fired:", round.Fired)

	history, err := s.Runs(ctx, schedule.RunQuery{ScheduleID: report.ID})
	if err != nil {
		log.Fatal(err)
	}
	for _, run := range history.Runs {
		fmt.Println(run.Occurrence, run.Outcome)
	}
	// Output:
	// next: 2026-11-23 08:00:00 +0000 UTC
	// fired: 1
	// 2026-11-23 08:00:00 +0000 UTC fired
}

// When would it run? The hour from two to three is missing on that Sunday, and comes twice in autumn.
func ExamplePreview() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		log.Fatal(err)
	}
	times, err := scheduler.Preview(schedule.Schedule{Cron: "30 2 * * *", Timezone: "Europe/Berlin"}, time.Date(2027, 3, 27, 0, 0, 0, 0, berlin), 3)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range times {
		fmt.Println(t.In(berlin))
	}
	// Output:
	// 2027-03-27 02:30:00 +0100 CET
	// 2027-03-28 03:00:00 +0200 CEST
	// 2027-03-29 02:30:00 +0200 CEST
}
