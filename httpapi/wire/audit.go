package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The tag "audit" says what the audit trail keeps of a request or an answer; what has none is not kept.
//
//	audit:"keep"    the value
//	audit:"within"  what the tags of its members say
//	audit:"given"   that there was one, not what it was
//
// The tag "absent" says what it means in a request that a member is left out: all, the default, or nothing. There null
// and empty must not be taken for that, and are refused.

// AuditResponse is a page of the audit trail, newest first.
type AuditResponse struct {
	Success    bool         `json:"success" required:"true"`
	Entries    []AuditEntry `json:"entries" required:"true"`
	HasMore    bool         `json:"hasMore" required:"true"`
	NextCursor string       `json:"nextCursor,omitzero" description:"Pass as cursor to read on. A page may have fewer entries than asked for, or none, and a cursor: then nothing more was found in as much of the trail as is looked at for one page."`
}

// AuditEntry is one action that somebody took.
type AuditEntry struct {
	ID         int64          `json:"id" required:"true" description:"Orders the entries."`
	At         time.Time      `json:"at" required:"true" description:"When it began."`
	Action     string         `json:"action" required:"true" description:"What was done, such as failed.retry or key.create."`
	Who        AuditWho       `json:"who" required:"true"`
	RequestID  string         `json:"requestId,omitzero" description:"X-Request-Id, under which the server's log tells more."`
	Remote     string         `json:"remote,omitzero" description:"The address that the request came from: the proxy's behind one. Left out for a command on the server's own machine."`
	Target     jsontext.Value `json:"target,omitzero" description:"What it was done to: transport, queue, id, ids, filter and the like, as they were asked for. Never a payload."`
	Outcome    string         `json:"outcome" enum:"ok,refused,failed,unfinished" required:"true" description:"ok. refused: nothing was done. failed: the server failed, and a part may have been done. unfinished: it goes on, or the server ended before it could say."`
	Code       string         `json:"code,omitzero" description:"Of the error, where it was refused or failed."`
	Result     jsontext.Value `json:"result,omitzero" description:"Ids and counts of what was done."`
	FinishedAt *time.Time     `json:"finishedAt,omitzero"`
	Count      int64          `json:"count,omitzero" description:"How often the caller was refused this within a minute, where more than once: the entry is of the first time, finishedAt of the last."`
	Unreadable bool           `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
}

// AuditWho is who did it.
type AuditWho struct {
	Kind string `json:"kind" enum:"user,api_key,service,local" required:"true" description:"user (of Supabase), api_key, service (the service_role key or the cron secret) or local (a command on the server's own machine)."`
	ID   string `json:"id" required:"true" description:"A user's subject, a key's id, service_role, cron or local."`
	Name string `json:"name,omitzero" description:"A user's e-mail address, a key's name, the user of the operating system."`
}
