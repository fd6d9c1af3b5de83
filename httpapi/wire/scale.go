package wire

// ScaleResponse answers GET /api/symphony/scale: how many workers a queue needs, and what that follows from.
type ScaleResponse struct {
	Success        bool    `json:"success" required:"true"`
	Transport      string  `json:"transport" required:"true"`
	Queue          string  `json:"queue" required:"true"`
	Backlog        int64   `json:"backlog" required:"true" description:"Ready, or waiting for a retry."`
	Processing     int64   `json:"processing" required:"true" description:"Messages in hand."`
	OldestAge      int64   `json:"oldestAge" required:"true" description:"Of the backlog, in milliseconds."`
	ArrivalRate    float64 `json:"arrivalRate" required:"true" description:"Dispatched per second, over five minutes."`
	RetryRate      float64 `json:"retryRate" required:"true" description:"Attempts to be repeated, likewise."`
	HandleRate     float64 `json:"handleRate" required:"true" description:"Attempts that ended, likewise."`
	AverageRunTime float64 `json:"averageRunTime" required:"true" description:"Milliseconds; 0: not known."`
	Paused         bool    `json:"paused" required:"true" description:"The queue hands out nothing."`
	Concurrency    int     `json:"concurrency" required:"true" description:"Messages at a time, of a worker."`
	Drain          int64   `json:"drain" required:"true" description:"Milliseconds for the backlog."`
	DesiredWorkers int     `json:"desiredWorkers" required:"true"`
}
