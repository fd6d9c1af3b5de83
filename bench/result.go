package main

// Result is one measurement. What a case does not measure is left out.
type Result struct {
	Peer string `json:"peer"`
	Case string `json:"case"`
	Rep  int    `json:"rep"` // from 1

	N    int     `json:"n,omitempty"`    // messages, requests or calls
	Secs float64 `json:"secs,omitempty"` // measured
	Rate float64 `json:"rate,omitempty"` // N each second
	// Shares are the messages of each worker process, in percent.
	Shares []float64 `json:"shares,omitempty"`
	Errors int       `json:"errors,omitempty"` // calls that failed, or messages handled more than once

	EndToEnd *Quantiles `json:"e2e,omitempty"`    // from before the enqueue call to the handler's first line
	Pickup   *Quantiles `json:"pickup,omitempty"` // from the enqueue call's return to there; below 0 when the worker is faster
	Call     *Quantiles `json:"call,omitempty"`   // of single calls or requests

	CPUPercent *float64 `json:"cpu_percent,omitempty"` // of one core
	RSS        float64  `json:"rss_mib,omitempty"`     // peak resident memory of the measured process, MiB
}

// Quantiles are in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}
