package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

var errNoKeys = unsupported("keeps no API keys: the API was made without Options.Keys")

func keysList(c *call) error {
	if c.api.o.Keys == nil {
		return errNoKeys
	}
	keys, err := c.api.o.Keys.ListKeys(c.Context())
	if err != nil {
		return err
	}
	out := wire.KeysResponse{Success: true, Keys: make([]wire.Key, len(keys))}
	for i := range keys {
		out.Keys[i] = Key(&keys[i])
	}
	return c.answer(http.StatusOK, out)
}

// Key is an API key as the API lists it.
func Key(k *auth.Key) wire.Key {
	return wire.Key{ID: k.ID, Name: k.Name, Prefix: k.Prefix(), Scopes: strings.Split(k.Scopes.String(), ","),
		Bound: boundOf(k.Binding), CreatedAt: k.CreatedAt.UTC(), LastUsedAt: optional(k.LastUsedAt),
		RevokedAt: optional(k.RevokedAt), ExpiresAt: optional(k.ExpiresAt), Unreadable: k.DecodeErr != nil}
}

// boundOf is what a key is bound to as the API tells it.
func boundOf(b *auth.Binding) wire.Bound {
	if b == nil {
		return wire.Bound{}
	}
	return wire.Bound{Types: b.Types, Queues: b.Queues}
}

func keysCreate(c *call) error {
	if c.api.o.Keys == nil {
		return errNoKeys
	}
	var req wire.CreateKeyRequest
	var (
		key    auth.Key
		secret string
	)
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		key, secret, list = c.newKey(&req)
		return list
	})
	if err != nil {
		return err
	}
	if err := c.api.o.Keys.CreateKey(c.Context(), key); err != nil {
		return err
	}
	return c.answer(http.StatusCreated, wire.CreateKeyResponse{Success: true, Key: Key(&key), Secret: secret})
}

// newKey makes the key that a request asks for, or tells every problem with it.
func (c *call) newKey(req *wire.CreateKeyRequest) (key auth.Key, secret string, list []symphony.Problem) {
	var scopes []auth.Scope
	for _, s := range req.Scopes {
		scope, err := auth.ParseScope(s)
		if err != nil {
			list = append(list, symphony.Problem{Path: "scopes", Message: err.Error()})
		}
		scopes = append(scopes, scope)
	}
	if len(req.Scopes) == 0 {
		list = append(list, symphony.Problem{Path: "scopes", Message: "must name at least one of " + strings.Join(auth.ScopeNames(), ", ")})
	}
	var binding *auth.Binding
	if req.Types != nil || req.Queues != nil {
		binding = &auth.Binding{Types: req.Types, Queues: req.Queues}
		list = append(list, binding.Problems(auth.Scopes(scopes...))...)
	}
	now := c.api.stored.Now()
	if expires := instant(req.ExpiresAt, "expiresAt", &list); !expires.IsZero() && !req.ExpiresAt.After(now) {
		list = append(list, symphony.Problem{Path: "expiresAt", Message: "must be in the future"})
	}
	secret, key, err := auth.GenerateKey(req.Name, auth.Scopes(scopes...), now)
	if err != nil && len(list) == 0 {
		list = append(list, symphony.Problem{Path: "name", Message: strings.TrimPrefix(err.Error(), "auth: ")})
	}
	if len(list) > 0 {
		slices.SortStableFunc(list, func(a, b symphony.Problem) int { return strings.Compare(a.Path, b.Path) })
		return auth.Key{}, "", list
	}
	key.Binding = binding
	key.ExpiresAt = value(req.ExpiresAt).UTC().Truncate(time.Millisecond)
	if req.ExpiresAt == nil {
		key.ExpiresAt = time.Time{}
	}
	return key, secret, nil
}

func keysRevoke(c *call) error {
	if c.api.o.Keys == nil {
		return errNoKeys
	}
	id := c.PathValue("id")
	var err error
	if c.api.o.Auth != nil {
		err = c.api.o.Auth.RevokeKey(c.Context(), id) // forgets the key at once
	} else {
		err = c.api.o.Keys.RevokeKey(c.Context(), id, c.api.stored.Now())
	}
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.DoneResponse{Success: true, Message: "The key was revoked."})
}
