package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Cron authenticates the callers of the cron routes by a shared secret. Its methods are safe for
// concurrent use.
type Cron struct {
	hashes [][sha256.Size]byte
}

// NewCron returns a Cron that accepts any of the secrets; several are for rotation. Without a secret
// it accepts nobody. An error means that a secret is shorter than MinCronSecretBytes, or can't be sent in
// a header: it is longer than MaxTokenBytes, or has blanks or characters outside ASCII.
func NewCron(secrets ...string) (*Cron, error) {
	c := &Cron{}
	var errs []error
	for i, secret := range secrets {
		if len(secret) < MinCronSecretBytes {
			errs = append(errs, fmt.Errorf("auth: cron secret %d of %d has %d bytes; it needs at least %d, as anybody may try: make one with openssl rand -hex 16",
				i+1, len(secrets), len(secret), MinCronSecretBytes))
			continue
		}
		if len(secret) > MaxTokenBytes || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
			errs = append(errs, fmt.Errorf("auth: cron secret %d of %d is too long, or has blanks or characters outside ASCII", i+1, len(secrets)))
			continue
		}
		c.hashes = append(c.hashes, sha256.Sum256([]byte(secret)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// Authenticate looks for the secret in Authorization: Bearer, x-vercel-cron-secret and x-service-key
// and accepts it in any of them, as a gateway in between may want Authorization for itself. The
// principal is the service "cron" with the scope consume. The error is an *Error: ErrUnavailable if
// no secret is configured, else ErrUnauthenticated.
func (c *Cron) Authenticate(r *http.Request) (Principal, error) {
	if len(c.hashes) == 0 {
		return Principal{}, unavailable(CodeCronSecretNotConfigured,
			"The cron routes are closed, as no cron secret is configured. Set CRON_SECRET.", nil)
	}
	sent, matched := false, 0
	for _, name := range []string{"Authorization", "X-Vercel-Cron-Secret", "X-Service-Key"} {
		value, err := single(r.Header, name)
		if err != nil {
			return Principal{}, err
		}
		if value == nil {
			continue
		}
		sent = true
		secret := *value
		if name == "Authorization" {
			if secret, err = bearer(secret); err != nil {
				continue
			}
		}
		matched |= c.match(secret)
	}
	switch {
	case !sent:
		return Principal{}, unauthenticated(CodeMissingCredentials, "Send the cron secret as Authorization: Bearer, x-vercel-cron-secret or x-service-key.")
	case matched != 1:
		return Principal{}, unauthenticated(CodeCronSecretInvalid, "The cron secret is not valid.")
	}
	return Principal{Kind: KindService, ID: "cron", Name: "cron", Scopes: Scopes(ScopeConsume)}, nil
}

// match returns 1 if secret is one of the configured ones, else 0. It compares hashes with all of
// them, so its time tells neither which one matched nor how long they are.
func (c *Cron) match(secret string) int {
	hash := sha256.Sum256([]byte(secret))
	matched := 0
	for i := range c.hashes {
		matched |= subtle.ConstantTimeCompare(hash[:], c.hashes[i][:])
	}
	return matched
}
