package wire

import "time"

// MetricsResponse answers GET /api/symphony/metrics.
type MetricsResponse struct {
	Success   bool      `json:"success" required:"true"`
	StartTime time.Time `json:"startTime" required:"true" description:"Of the time that was added up: that asked for, widened to whole minutes, or to whole hours beyond the last 48."`
	EndTime   time.Time `json:"endTime" required:"true"`
	Step      int       `json:"step" required:"true" description:"Minutes between two entries of series."`
	Totals    Totals    `json:"totals" required:"true"`
	Timing
	ByMessageType map[string]Figures `json:"byMessageType" required:"true" description:"At most 200 types, and the type other for all beyond."`
	ByTransport   map[string]Figures `json:"byTransport" required:"true"`
	Errors        []ErrorCount       `json:"errors" required:"true" description:"Failed attempts by class of their error, the most frequent first."`
	Series        []MetricsPoint     `json:"series" required:"true" description:"One entry for each step, also where nothing happened."`
	GroupBy       string             `json:"groupBy,omitzero" description:"As it was asked for."`
	Groups        []MetricsGroup     `json:"groups,omitzero"`
}

// MetricsGroup are the figures of one type, queue, worker or status. Those with the most attempts come first; other has
// what is beyond those that were asked for, and what releases counted that did not tell them apart.
type MetricsGroup struct {
	Transport string `json:"transport,omitzero" description:"Of a queue or worker."`
	Name      string `json:"name" required:"true" description:"Of the type, queue, worker or status."`
	Figures
	Errors []ErrorCount   `json:"errors" required:"true"`
	Series []MetricsPoint `json:"series" required:"true" description:"One entry for each step."`
}

// Totals count messages and attempts.
type Totals struct {
	Dispatched int64 `json:"dispatched" required:"true" description:"Messages that were stored; duplicates and what was dropped are none."`
	Processed  int64 `json:"processed" required:"true" description:"Attempts that ended: succeeded and failed."`
	Succeeded  int64 `json:"succeeded" required:"true"`
	Failed     int64 `json:"failed" required:"true" description:"Attempts that failed: retried and dead."`
	Retried    int64 `json:"retried" required:"true" description:"Attempts that failed with another to come."`
	Dead       int64 `json:"dead" required:"true" description:"Attempts that failed for good."`
	Released   int64 `json:"released" required:"true" description:"Deliveries that were given back; they are no attempts."`
	Cancelled  int64 `json:"cancelled" required:"true" description:"Messages that were cancelled; they are no attempts."`
}

// Timing tells how long things took, in milliseconds. Percentiles are within 2% of the exact ones.
type Timing struct {
	AverageProcessingTime float64 `json:"averageProcessingTime" required:"true" description:"Of the handlers of attempts, whatever came of them. All are 0 without any."`
	P50                   float64 `json:"p50" required:"true"`
	P95                   float64 `json:"p95" required:"true"`
	P99                   float64 `json:"p99" required:"true"`
	MaxProcessingTime     float64 `json:"maxProcessingTime" required:"true"`
	Waiting               Waiting `json:"waiting" required:"true"`
	SuccessRate           float64 `json:"successRate" required:"true" description:"The share of attempts that succeeded, 0 to 1; 0 without any."`
	FailureRate           float64 `json:"failureRate" required:"true" description:"The share of attempts that failed, 0 to 1; 0 without any."`
	Throughput            float64 `json:"throughput" required:"true" description:"Attempts that ended, per second."`
}

// Waiting is how long messages that were ready waited for their first attempt, in milliseconds.
type Waiting struct {
	Average float64 `json:"average" required:"true"`
	P50     float64 `json:"p50" required:"true"`
	P95     float64 `json:"p95" required:"true"`
	P99     float64 `json:"p99" required:"true"`
	Max     float64 `json:"max" required:"true"`
}

// Figures are those of a type or a transport.
type Figures struct {
	Totals
	Timing
}

// ErrorCount is how many attempts failed with errors of a class.
type ErrorCount struct {
	ErrorClass string `json:"errorClass" required:"true"`
	Count      int64  `json:"count" required:"true"`
}

// MetricsPoint is one step of a series.
type MetricsPoint struct {
	Time time.Time `json:"time" required:"true" description:"When the step begins."`
	Totals
	AverageProcessingTime float64 `json:"averageProcessingTime" required:"true" description:"Milliseconds."`
	P50                   float64 `json:"p50" required:"true"`
	P95                   float64 `json:"p95" required:"true"`
	P99                   float64 `json:"p99" required:"true"`
	AverageWaitingTime    float64 `json:"averageWaitingTime" required:"true"`
	WaitingP50            float64 `json:"waitingP50" required:"true"`
	WaitingP95            float64 `json:"waitingP95" required:"true"`
	WaitingP99            float64 `json:"waitingP99" required:"true"`
}
