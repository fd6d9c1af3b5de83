package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// How long tokens for end users are good, in seconds.
const (
	MinTokenTTL     = 60
	MaxTokenTTL     = 86_400
	DefaultTokenTTL = 3600
)

// TokenRequest is the body of POST /api/symphony/messages/{id}/token.
type TokenRequest struct {
	TTL *int `json:"ttl,omitzero" audit:"keep" minimum:"60" maximum:"86400" description:"Seconds. Default: 3600."`
}

// TokenResponse has a token that shows one message.
type TokenResponse struct {
	Success   bool      `json:"success" required:"true"`
	Token     string    `json:"token" required:"true" description:"smt_…: for who may see this message alone."`
	ExpiresAt time.Time `json:"expiresAt" required:"true"`
}

// PublicMessage is what a token shows of a message, or of the one that has taken its place when it was retried.
type PublicMessage struct {
	ID          string         `json:"id" required:"true" description:"That of the token, also once it was retried."`
	Status      string         `json:"status" enum:"pending,processing,completed,failed,cancelled" required:"true"`
	Progress    *Progress      `json:"progress,omitzero"`
	Output      jsontext.Value `json:"output,omitzero" mask:"value" description:"Of types with public_output."`
	CreatedAt   *time.Time     `json:"createdAt,omitzero"`
	ScheduledAt *time.Time     `json:"scheduledAt,omitzero"`
	StartedAt   *time.Time     `json:"startedAt,omitzero"`
	FinishedAt  *time.Time     `json:"finishedAt,omitzero"`
	Retried     bool           `json:"retried,omitzero" description:"It failed, and another one is in its place."`
}

// PublicResponse answers GET /api/symphony/messages/{id}/public.
type PublicResponse struct {
	Success bool          `json:"success" required:"true"`
	Message PublicMessage `json:"message" required:"true"`
}
