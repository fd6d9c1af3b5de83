package wire

import (
	"github.com/go-json-experiment/json/jsontext"
)

// Error is the body of every answer that is not a success.
type Error struct {
	Error   string         `json:"error" required:"true" description:"A sentence for people."`
	Code    string         `json:"code" required:"true" description:"A stable word for programs."`
	Details jsontext.Value `json:"details,omitzero" description:"With code validation_failed: an array of path and message, at most 100 of them."`
	// MoreProblems counts the others.
	MoreProblems int `json:"moreProblems,omitzero" description:"How many problems there are beside those in details."`
}
