package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// FailureGroup is what there is in the dead letter queue of one kind of failure.
type FailureGroup struct {
	Group      string    `json:"group" required:"true" description:"Its fingerprint, or other for all that have none."`
	Transport  string    `json:"transport" required:"true"`
	Type       string    `json:"type" required:"true"`
	ErrorClass string    `json:"errorClass" required:"true"`
	Sample     string    `json:"sample" mask:"text" required:"true" description:"The text of its newest failure."`
	Count      int64     `json:"count" required:"true" description:"Dead letters."`
	Attempts   int64     `json:"attempts" required:"true" description:"That they have had."`
	FirstSeen  time.Time `json:"firstSeen" required:"true"`
	LastSeen   time.Time `json:"lastSeen" required:"true"`
	Series     []int64   `json:"series" required:"true" description:"Failures by hour; the last is this hour."`
}

// FailureGroupsResponse is a page of groups, those that failed last first.
type FailureGroupsResponse struct {
	Success    bool           `json:"success" required:"true"`
	Groups     []FailureGroup `json:"groups" required:"true"`
	HasMore    bool           `json:"hasMore" required:"true"`
	NextCursor string         `json:"nextCursor,omitzero" description:"Pass as cursor to read on."`
}

// GroupRetryRequest is the optional body of POST /api/symphony/failed/groups/{group}/retry.
type GroupRetryRequest struct {
	Patch  jsontext.Value `json:"patch,omitzero" audit:"given" description:"A JSON merge patch of the payloads."`
	Rate   *int           `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"A second."`
	DryRun *bool          `json:"dryRun,omitzero" audit:"keep" description:"Only count, with three examples."`
}

// GroupPreviewResponse tells what the retry of a group would do.
type GroupPreviewResponse struct {
	Success  bool           `json:"success" required:"true"`
	DryRun   bool           `json:"dryRun" audit:"keep" required:"true"`
	Count    int64          `json:"count" audit:"keep" required:"true" description:"Dead letters of the group now."`
	Examples []PatchExample `json:"examples" audit:"drop" required:"true"`
}

// PatchExample is a dead letter's payload before and after a patch.
type PatchExample struct {
	ID       string         `json:"id" required:"true" description:"Of the dead letter."`
	Before   jsontext.Value `json:"before" mask:"value" required:"true"`
	After    jsontext.Value `json:"after,omitzero" mask:"value"`
	Problems []PatchProblem `json:"problems" required:"true" description:"It stays where it is because of them."`
}

// PatchProblem is why a dead letter would be refused with a patch.
type PatchProblem struct {
	Path    string `json:"path" required:"true"`
	Message string `json:"message" required:"true"`
}
