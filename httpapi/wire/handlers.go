package wire

import "time"

// The values of Handler.Source.
const (
	HandlerSet       = "api"
	HandlerOfConfig  = "config"
	HandlerOfProgram = "program"
)

// HandlerRequest is the body of PUT /api/symphony/handlers/{id}. It replaces the settings of the handler.
type HandlerRequest struct {
	URL string `json:"url" mask:"text" audit:"given" required:"true" minLength:"1" maxLength:"2048"`
	HandlerSettings
	Secret *string `json:"secret,omitzero" audit:"given" minLength:"1" description:"Signs alone. Default: see above."`
}

// HandlerSettings are how messages are pushed. What is left out is the default.
type HandlerSettings struct {
	Retry       *HandlerRetry `json:"retry,omitzero" audit:"within"`
	Timeout     *int          `json:"timeout,omitzero" audit:"keep" minimum:"100" maximum:"86400000"`
	KeepOutput  *bool         `json:"keepOutput,omitzero" audit:"keep" default:"false"`
	Concurrency *int          `json:"concurrency,omitzero" audit:"keep" minimum:"1" maximum:"10000"`
	Queues      Names         `json:"queues,omitzero" audit:"keep" absent:"all" minItems:"1" maxItems:"1000"`
}

// HandlerRetry says how failed messages of a handler are retried.
type HandlerRetry struct {
	MaxRetries *int   `json:"maxRetries,omitzero" audit:"keep" minimum:"0" maximum:"100"`
	RetryDelay Delays `json:"retryDelay,omitzero" minItems:"1" maxItems:"100" description:"Milliseconds before each."`
}

// HandlerSecretRequest is the body of POST /api/symphony/handlers/{id}/rotate.
type HandlerSecretRequest struct {
	Secret *string `json:"secret,omitzero" audit:"given" minLength:"1" description:"whsec_…. Default: one is made."`
}

// Handler is what handles the messages of a pattern of types.
type Handler struct {
	Pattern string `json:"pattern" required:"true"`
	Queue   string `json:"queue,omitzero" description:"It is for this queue alone, before all others."`
	Name    string `json:"name,omitzero" description:"Of several handlers of a pattern."`
	Source  string `json:"source" enum:"api,config,program" required:"true" description:"api: it is set at run time."`
	Kind    string `json:"kind" enum:"http,command,go" required:"true"`
	URL     string `json:"url,omitzero" mask:"text" description:"Of configured ones scheme and host only."`
	HandlerSettings
	Secrets      int        `json:"secrets,omitzero" description:"How many sign: two while one is rotated."`
	CreatedAt    *time.Time `json:"createdAt,omitzero"`
	UpdatedAt    *time.Time `json:"updatedAt,omitzero"`
	By           string     `json:"by,omitzero" description:"Who changed it last."`
	OverriddenBy string     `json:"overriddenBy,omitzero" description:"A configured pattern that takes all of it."`
	Problem      string     `json:"problem,omitzero" mask:"text" description:"Why this node cannot push by it."`
}

// HandlersResponse lists the handlers: configured ones, those of the program, and those that are set.
type HandlersResponse struct {
	Success  bool      `json:"success" required:"true"`
	Handlers []Handler `json:"handlers" required:"true"`
}

// HandlerResponse is about one handler.
type HandlerResponse struct {
	Success bool    `json:"success" required:"true"`
	Handler Handler `json:"handler" required:"true"`
	Secret  string  `json:"secret,omitzero" description:"What was made just now. It is told this once."`
}
