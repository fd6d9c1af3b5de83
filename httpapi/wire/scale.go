package wire

// ScaleResponse answers GET /api/symphony/scale: how many workers a queue needs, and what that follows from.
type ScaleResponse struct {
	Success        bool    `json:"success" required:"true"`
	Transport      string  `json:"transport" required:"true"`
	Queue          string  `json:"queue" required:"true"`
	Backlog        int64   `json:"backlog" required:"true" description:"Messages that are ready or wait for a retry; those scheduled for later are none."`
	Processing     int64   `json:"processing" required:"true" description:"Messages in hand."`
	OldestAge      int64   `json:"oldestAge" required:"true" description:"How long the oldest of the backlog has been ready, in milliseconds."`
	ArrivalRate    float64 `json:"arrivalRate" required:"true" description:"Messages dispatched, per second, in the last five minutes."`
	RetryRate      float64 `json:"retryRate" required:"true" description:"Attempts that failed with another to come, likewise."`
	HandleRate     float64 `json:"handleRate" required:"true" description:"Attempts that ended, likewise."`
	AverageRunTime float64 `json:"averageRunTime" required:"true" description:"Of attempts in the last five minutes, or else the last hour, in milliseconds; 0 without any."`
	Paused         bool    `json:"paused" required:"true" description:"The queue hands out nothing."`
	Concurrency    int     `json:"concurrency" required:"true" description:"How many messages a worker handles at a time, as asked for or configured."`
	Drain          int64   `json:"drain" required:"true" description:"Within how many milliseconds the backlog is to be handled."`
	DesiredWorkers int     `json:"desiredWorkers" required:"true"`
}
