package wire

import "time"

// LimitRequest is the body of PUT /api/symphony/limits/…. It replaces what was set: a member that is null or left out
// is unlimited.
type LimitRequest struct {
	Concurrency *int       `json:"concurrency,omitzero" audit:"keep" minimum:"1" description:"At the same time."`
	Rate        *string    `json:"rate,omitzero" audit:"keep" minLength:"1" description:"A number, a slash, a time."`
	Burst       *int       `json:"burst,omitzero" audit:"keep" minimum:"1" description:"Starts at the same moment."`
	Until       *time.Time `json:"until,omitzero" audit:"keep" description:"When it ends by itself."`
}

// LimitValue is a limit. A member that is not there is unlimited.
type LimitValue struct {
	Concurrency int    `json:"concurrency,omitzero"`
	Rate        string `json:"rate,omitzero"`
	Burst       int    `json:"burst,omitzero"`
}

// LimitSet is a limit that was set at run time.
type LimitSet struct {
	LimitValue
	Since time.Time `json:"since" required:"true"`
	Until time.Time `json:"until,omitzero"`
	By    string    `json:"by,omitzero"`
}

// LimitPressure is what an endpoint asked for.
type LimitPressure struct {
	Until  time.Time `json:"until,omitzero" description:"Its messages wait until then."`
	Factor float64   `json:"factor" required:"true" minimum:"0.01" maximum:"1" description:"What is left of the rate."`
	From   string    `json:"from,omitzero" mask:"text" description:"Which endpoint, and what it answered."`
}

// Limit is a limit that is configured or set, and how much of it is used.
type Limit struct {
	Kind       string         `json:"kind" enum:"type,queue,key" required:"true"`
	Type       string         `json:"type,omitzero" description:"The pattern of types."`
	Transport  string         `json:"transport,omitzero"`
	Queue      string         `json:"queue,omitzero"`
	Key        string         `json:"key,omitzero" mask:"text"`
	Configured *LimitValue    `json:"configured,omitzero"`
	PerKey     *LimitValue    `json:"perKey,omitzero" description:"For each concurrency key."`
	Set        *LimitSet      `json:"set,omitzero"`
	Pressure   *LimitPressure `json:"pressure,omitzero"`
	Now        LimitValue     `json:"now" required:"true" description:"What holds at this moment."`
	Running    int            `json:"running" required:"true" description:"In workers' hands."`
	Waiting    int            `json:"waiting" required:"true" description:"Messages that wait because of it."`
	Tokens     *int           `json:"tokens,omitzero" description:"How many may start at this moment by the rate."`
}

// LimitsResponse lists what is configured and set in a storage.
type LimitsResponse struct {
	Success bool    `json:"success" required:"true"`
	Limits  []Limit `json:"limits" required:"true"`
}
