package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// FailureGroup is what there is in the dead letter queue of one kind of failure.
type FailureGroup struct {
	Group      string    `json:"group" required:"true" description:"A fingerprint, or other."`
	Transport  string    `json:"transport" required:"true"`
	Type       string    `json:"type" required:"true"`
	ErrorClass string    `json:"errorClass" required:"true"`
	Sample     string    `json:"sample" mask:"text" required:"true" description:"The text of its newest failure."`
	Count      int64     `json:"count" required:"true" description:"Dead letters that are there."`
	Failures   int64     `json:"failures" required:"true" description:"All since firstSeen, also what is gone."`
	Attempts   int64     `json:"attempts" required:"true" description:"That these failures have had."`
	FirstSeen  time.Time `json:"firstSeen" required:"true"`
	LastSeen   time.Time `json:"lastSeen" required:"true"`
	Series     []int64   `json:"series" required:"true" description:"Failures by hour; the last is this hour."`

	State string `json:"state" enum:"open,ignored,resolved" required:"true"`
	Note  string `json:"note" mask:"text" required:"true" description:"What was said when it was ignored or resolved."`

	Until     *time.Time `json:"until,omitzero" description:"It is ignored until then."`
	Regressed bool       `json:"regressed,omitzero" description:"It was resolved, and has failed since."`
}

// GroupDeleteRequest is the optional body of POST /api/symphony/failed/groups/{group}/delete.
type GroupDeleteRequest struct {
	Rate   *int  `json:"rate,omitzero" audit:"keep" minimum:"1" maximum:"100000" description:"A second."`
	DryRun *bool `json:"dryRun,omitzero" audit:"keep" description:"Only count."`
}

// GroupIgnoreRequest is the optional body of POST /api/symphony/failed/groups/{group}/ignore. Without until and count
// it is ignored until somebody says otherwise.
type GroupIgnoreRequest struct {
	Until *time.Time `json:"until,omitzero" audit:"keep" description:"It is open again from then on."`
	Count *int64     `json:"count,omitzero" audit:"keep" minimum:"1" maximum:"1000000" description:"Or so often."`
	Note  *string    `json:"note,omitzero" audit:"given" maxLength:"1000" description:"For people."`
}

// GroupResolveRequest is the optional body of POST /api/symphony/failed/groups/{group}/resolve.
type GroupResolveRequest struct {
	Note *string `json:"note,omitzero" audit:"given" maxLength:"1000" description:"For people."`
}

// FailureGroupResponse is one group.
type FailureGroupResponse struct {
	Success bool         `json:"success" required:"true"`
	Group   FailureGroup `json:"group" required:"true"`
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
	Type     string         `json:"type" mask:"type" required:"true" description:"Of the message."`
	Before   jsontext.Value `json:"before" mask:"value" required:"true"`
	After    jsontext.Value `json:"after,omitzero" mask:"value"`
	Problems []PatchProblem `json:"problems" required:"true" description:"It stays where it is because of them."`
}

// PatchProblem is why a dead letter would be refused with a patch.
type PatchProblem struct {
	Path    string `json:"path" required:"true"`
	Message string `json:"message" required:"true"`
}
