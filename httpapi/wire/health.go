package wire

import "time"

// HealthReport answers GET /api/symphony/health. Where it is unhealthy the answer is 503 with code unhealthy, and this
// is its details.
type HealthReport struct {
	Success   bool          `json:"success" required:"true"`
	Status    string        `json:"status" enum:"healthy,degraded,unhealthy" required:"true" description:"healthy, degraded (work flows, and somebody should look) or unhealthy (work does not flow): that of the worst check. Idle is healthy."`
	Checks    []HealthCheck `json:"checks" required:"true" description:"Always all: storage, lag, error_rate, workers, stuck, scheduler, circuits, dead_letters."`
	Timestamp time.Time     `json:"timestamp" required:"true"`
}

// HealthCheck is one thing that was looked at.
type HealthCheck struct {
	Name      string  `json:"name" required:"true"`
	Status    string  `json:"status" enum:"healthy,degraded,unhealthy" required:"true"`
	Message   string  `json:"message" required:"true" description:"For people: what is wrong and where."`
	Value     float64 `json:"value" required:"true" description:"What was measured."`
	Threshold float64 `json:"threshold,omitzero" description:"From when on the value is a problem."`
	Unit      string  `json:"unit" required:"true" description:"ms, ratio, messages, workers or circuits."`
}

// HealthResponse answers /healthz and /readyz.
type HealthResponse struct {
	Success bool   `json:"success" required:"true"`
	Status  string `json:"status" required:"true"`
	Version string `json:"version,omitzero"`
}
