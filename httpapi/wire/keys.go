package wire

import (
	"time"
)

// Bound is what an API key is bound to beside its scopes.
type Bound struct {
	Types  Names `json:"types,omitzero" audit:"keep" absent:"all" minItems:"1" maxItems:"100" description:"The key is bound to messages of these types, or patterns of types (order.*), with the scope dispatch alone. Absent: all."`
	Queues Names `json:"queues,omitzero" audit:"keep" absent:"all" minItems:"1" maxItems:"100" description:"The key is bound to these queues, with the scopes dispatch and consume. Absent: all."`
}

// Key is an API key as it is listed; the key itself is shown once, when it is made.
type Key struct {
	ID     string   `json:"id" audit:"keep" required:"true"`
	Name   string   `json:"name" required:"true"`
	Prefix string   `json:"prefix" required:"true" description:"The beginning of the key, by which its owner recognises it."`
	Scopes []string `json:"scopes" required:"true"`
	Bound
	CreatedAt  time.Time  `json:"createdAt" required:"true"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitzero"`
	RevokedAt  *time.Time `json:"revokedAt,omitzero"`
	ExpiresAt  *time.Time `json:"expiresAt,omitzero"`
	Unreadable bool       `json:"unreadable,omitzero" description:"Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id."`
}

// CreateKeyRequest is the body of POST /api/symphony/keys.
type CreateKeyRequest struct {
	Name   string   `json:"name" audit:"keep" required:"true" minLength:"1" maxLength:"100"`
	Scopes []string `json:"scopes" audit:"keep" required:"true" minItems:"1" description:"dispatch, consume, observe, read, operate, admin."`
	Bound
	ExpiresAt *time.Time `json:"expiresAt,omitzero" audit:"keep"`
}

// CreateKeyResponse has the key, which cannot be had again.
type CreateKeyResponse struct {
	Success bool   `json:"success" required:"true"`
	Key     Key    `json:"key" audit:"within" required:"true"`
	Secret  string `json:"secret" required:"true" description:"The API key. It is not stored and cannot be shown again."`
}

// KeysResponse lists all keys, oldest first.
type KeysResponse struct {
	Success bool  `json:"success" required:"true"`
	Keys    []Key `json:"keys" required:"true"`
}
