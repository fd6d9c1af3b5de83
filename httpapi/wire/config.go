package wire

// ConfigResponse answers GET /api/symphony/config.
type ConfigResponse struct {
	Success  bool      `json:"success" required:"true"`
	File     string    `json:"file" required:"true" description:"That was read; empty for none."`
	Settings []Setting `json:"settings" required:"true" description:"What is set, and the defaults in force."`
}

// Setting is one setting that is in force.
type Setting struct {
	Key    string `json:"key" required:"true"`
	Value  any    `json:"value" required:"true" description:"Masked where it is secret."`
	Source string `json:"source" required:"true" description:"file:line:column, a variable, a flag, or default."`
}
