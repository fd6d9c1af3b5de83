package wire

// PurgeRequest is the body of POST /api/symphony/purge.
type PurgeRequest struct {
	Transport *string `json:"transport,omitzero" absent:"default" audit:"keep" description:"Default: the default transport."`
	Queue     *string `json:"queue,omitzero" absent:"all" audit:"keep" minLength:"1" maxLength:"100" description:"Default: all."`
	Type      *string `json:"type,omitzero" absent:"all" audit:"keep" minLength:"1" maxLength:"255" description:"Only this type."`
	Confirm   string  `json:"confirm" required:"true" description:"Must repeat the name of the queue, or of the transport where no queue is given: what is purged is gone."`
}

// PurgeResponse counts what was deleted.
type PurgeResponse struct {
	Success bool  `json:"success" required:"true"`
	Count   int   `json:"count" audit:"keep" required:"true"`
	Pending int64 `json:"pending" required:"true" description:"Messages of the transport that still wait."`
}
