package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

// keyID names a key of a JWKS. The algorithm is part of it, so a token can't use a key with another.
type keyID struct{ alg, kid string }

// jwks holds the public keys of a project.
//
// A key that is known is used while the last successful fetch is younger than JWKSMaxAge. Otherwise
// (too old, or the key is not known) the keys are fetched again: one fetch at a time, for whom all
// who need it wait, and none within JWKSMinInterval of the one before. Once a fetch has failed
// nobody waits any more, so a server that hangs costs time once: further attempts run aside, and
// until one succeeds the keys known are used up to JWKSGrace.
//
// A key not known is refused only if the keys were fetched after it was asked for. Else it is
// unavailable until they may be fetched again, as the project may have made it since the last fetch.
type jwks struct {
	server *server
	clock  func() time.Time
	log    *slog.Logger
	bg     *background

	mu       sync.Mutex
	keys     map[keyID]any // *rsa.PublicKey or *ecdsa.PublicKey
	fetched  time.Time     // start of the last successful fetch, zero before it
	tried    time.Time     // start of the last fetch
	fetching chan struct{} // closed at the end of the fetch under way, nil if there is none
	failure  error         // of the last fetch
	ignored  string        // what the last answer held besides keys, to log it once
}

func newJWKS(s *server, clock func() time.Time, log *slog.Logger, bg *background) *jwks {
	return &jwks{server: s, clock: clock, log: log, bg: bg}
}

// key returns the public key for id.
func (j *jwks) key(ctx context.Context, id keyID) (any, error) {
	j.mu.Lock()
	now := j.clock()
	key, known := j.keys[id]
	if known && now.Sub(j.fetched) < JWKSMaxAge {
		j.mu.Unlock()
		return key, nil
	}
	fetches := false
	if j.fetching == nil && (j.tried.IsZero() || now.Sub(j.tried) >= JWKSMinInterval) {
		fetches = j.fetch(now)
	}
	wait := j.fetching
	if j.failure != nil {
		wait = nil
	}
	j.mu.Unlock()

	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, errKeysUnavailable(context.Cause(ctx))
		}
	}
	return j.current(id, fetches)
}

// current returns the key for id by what is known now. fetched says that the keys were fetched after it was asked for.
func (j *jwks) current(id keyID, fetched bool) (any, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fetched.IsZero() || j.clock().Sub(j.fetched) >= JWKSGrace {
		return nil, errKeysUnavailable(j.failure)
	}
	if key, ok := j.keys[id]; ok {
		return key, nil
	}
	if j.failure != nil {
		return nil, errKeysUnavailable(j.failure)
	}
	other := keyID{alg: algES256, kid: id.kid}
	if id.alg == other.alg {
		other.alg = algRS256
	}
	if _, known := j.keys[other]; !known && !fetched {
		return nil, &Error{Code: CodeAuthUnavailable, kind: ErrUnavailable, RetryAfter: JWKSMinInterval - j.clock().Sub(j.tried),
			Message: "The access token is signed with a key that the project did not offer when its keys were last fetched. They are fetched again shortly; try again."}
	}
	return nil, errTokenInvalid("The access token is signed with a key that the project does not offer.")
}

func errKeysUnavailable(cause error) error {
	return unavailable(CodeAuthUnavailable, "The project's keys can't be fetched, so the access token can't be checked. Try again later.", cause)
}

// fetch starts a fetch and reports whether it did. The caller holds mu.
func (j *jwks) fetch(now time.Time) bool {
	done := make(chan struct{})
	started := j.bg.start(remoteTimeout, func(ctx context.Context) {
		keys, ignored, err := j.load(ctx)
		j.mu.Lock()
		defer j.mu.Unlock()
		defer close(done)
		j.fetching = nil
		j.settle(now, keys, ignored, err)
	})
	if started {
		j.tried, j.fetching = now, done
	}
	return started
}

// settle takes over the outcome of a fetch begun at start. The caller holds mu.
func (j *jwks) settle(start time.Time, keys map[keyID]any, ignored string, err error) {
	if err != nil {
		if j.failure == nil {
			j.log.Warn("the project's keys can't be fetched; those known are used until the grace ends",
				"error", err, "known", len(j.keys), "grace", JWKSGrace)
		}
		j.failure = err
		return
	}
	if j.failure != nil {
		j.log.Info("the project's keys can be fetched again", "keys", len(keys))
	}
	if ignored != j.ignored {
		j.log.Warn("some of the project's keys are ignored", "reason", ignored)
	}
	j.keys, j.fetched, j.failure, j.ignored = keys, start, nil, ignored
}

// load fetches the JWKS and returns its usable keys, and why others are ignored.
func (j *jwks) load(ctx context.Context) (keys map[keyID]any, ignored string, err error) {
	body, err := j.server.get(ctx, "/.well-known/jwks.json", "")
	if err != nil {
		return nil, "", err
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, "", errors.New("answered with something that is not a JWKS")
	}
	if len(set.Keys) > maxJWKSKeys {
		return nil, "", fmt.Errorf("answered with %d keys, more than %d", len(set.Keys), maxJWKSKeys)
	}
	keys = map[keyID]any{}
	var reasons []string
	for i, raw := range set.Keys {
		id, key, err := parseJWK(raw)
		if _, twice := keys[id]; err == nil && twice {
			err = errors.New("its kid is taken")
		}
		if err != nil {
			reasons = append(reasons, fmt.Sprintf("key %d: %s", i+1, err))
			continue
		}
		keys[id] = key
	}
	return keys, strings.Join(reasons, "; "), nil
}

// parseJWK returns the public key of a JWK if it may verify a token: an RSA key of 2048 to 8192 bits
// or an EC key on P-256, with a kid, meant for signatures, and without private parts. A symmetric
// key is never one: it would let whoever fills the JWKS, or reads it, sign tokens.
func parseJWK(raw json.RawMessage) (keyID, any, error) {
	var m jwkset.JWKMarshal
	if json.Unmarshal(raw, &m) != nil {
		return keyID{}, nil, errors.New("it is not a JWK")
	}
	id := keyID{kid: m.KID}
	switch {
	case m.KTY == jwkset.KtyRSA:
		id.alg = algRS256
	case m.KTY == jwkset.KtyEC && m.CRV == jwkset.CrvP256:
		id.alg = algES256
	default:
		return keyID{}, nil, errors.New("it is neither RSA nor EC on P-256")
	}
	switch {
	case m.KID == "":
		return keyID{}, nil, errors.New("it has no kid")
	case m.D+m.P+m.Q+m.DP+m.DQ+m.QI+m.K != "" || len(m.OTH) > 0:
		return keyID{}, nil, errors.New("it holds private parts")
	case m.ALG != "" && string(m.ALG) != id.alg:
		return keyID{}, nil, errors.New("its alg is not " + id.alg)
	case m.USE != "" && m.USE != jwkset.UseSig:
		return keyID{}, nil, errors.New("its use is not sig")
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return keyID{}, nil, errors.New("its key_ops lack verify")
	}
	// Only the key itself: certificates and their URLs play no part here.
	bare := jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E}
	jwk, err := jwkset.NewJWKFromMarshal(bare, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return keyID{}, nil, errors.New("its numbers are not those of a key")
	}
	if key, ok := jwk.Key().(*rsa.PublicKey); ok && (key.N.BitLen() < 2048 || key.N.BitLen() > 8192) {
		return keyID{}, nil, fmt.Errorf("it has %d bits", key.N.BitLen())
	}
	return id, jwk.Key(), nil
}
