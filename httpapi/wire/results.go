package wire

import "github.com/go-json-experiment/json/jsontext"

// MaxWait bounds how long GET of a message waits for its end, in milliseconds.
const MaxWait = 30_000

// MaxLogLines bounds the lines of one extend.
const MaxLogLines = 100

// AckItem acks one message that leaves an output.
type AckItem struct {
	Receipt string         `json:"receipt" required:"true"`
	Output  jsontext.Value `json:"output,omitzero" description:"Any JSON value, kept with the message."`
}

// Report is how far the handling of a message has come, as its worker tells.
type Report struct {
	Done  *int64  `json:"done" required:"true" minimum:"0"`
	Total *int64  `json:"total,omitzero" minimum:"1" description:"Of how much, if known."`
	Text  *string `json:"text,omitzero" maxLength:"200" description:"The same for people."`
}
