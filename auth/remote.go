package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// remote confirms tokens with the Supabase server. Answers are remembered by the token's hash, the
// token itself is not kept. No answer is remembered when the server gave none.
type remote struct {
	server *server
	ttl    time.Duration
	clock  func() time.Time
	calls  singleflight.Group

	mu      sync.Mutex
	answers map[tokenHash]answer
}

type tokenHash [sha256.Size]byte

type answer struct {
	confirmed bool
	until     time.Time
}

func newRemote(s *server, ttl time.Duration, clock func() time.Time) *remote {
	if ttl == 0 {
		ttl = DefaultRemoteCacheTTL
	}
	return &remote{server: s, ttl: ttl, clock: clock, answers: map[tokenHash]answer{}}
}

// confirm returns nil if the server knows the token's session and says that it is subject's.
// Concurrent calls for one token make one request.
func (c *remote) confirm(ctx context.Context, token, subject string) error {
	hash := tokenHash(sha256.Sum256([]byte(token)))
	c.mu.Lock()
	a, ok := c.answers[hash]
	c.mu.Unlock()
	if !ok || !c.clock().Before(a.until) {
		v, err, _ := c.calls.Do(string(hash[:]), func() (any, error) {
			// The request serves everybody who waits: it must outlive the caller who began it.
			return c.ask(context.WithoutCancel(ctx), hash, token, subject)
		})
		if err != nil {
			return unavailable(CodeAuthUnavailable, "The Supabase server can't be asked to confirm the access token. Try again later.", err)
		}
		a = v.(answer)
	}
	if !a.confirmed {
		return unauthenticated(CodeSessionRevoked, "The access token's session has ended.")
	}
	return nil
}

// ask makes the request. An error means that the server did not say yes or no.
func (c *remote) ask(ctx context.Context, hash tokenHash, token, subject string) (answer, error) {
	body, err := c.server.get(ctx, "/user", token)
	var status *statusError
	refused := errors.As(err, &status) && status.refuses()
	if err != nil && !refused {
		return answer{}, c.explain(err)
	}
	a := answer{until: c.clock().Add(c.ttl)}
	if !refused {
		// Something between here and the server may answer 200 to anything: only the user counts.
		var user struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(body, &user) != nil || user.ID != subject {
			return answer{}, errors.New("answered with something that is not the token's user")
		}
		a.confirmed = true
	}
	c.remember(hash, a)
	return a, nil
}

// check asks for the user of no token, which the server refuses. The error says why it could not be asked.
func (c *remote) check(ctx context.Context) error {
	_, err := c.server.get(ctx, "/user", "")
	var status *statusError
	if errors.As(err, &status) && status.refuses() {
		return nil
	}
	if err == nil {
		return errors.New("answered without a token as if there were a user")
	}
	return c.explain(err)
}

// explain says what to do about a gateway that let no request through.
func (c *remote) explain(err error) error {
	var status *statusError
	if !errors.As(err, &status) || status.status != http.StatusUnauthorized && status.status != http.StatusForbidden {
		return err
	}
	if c.server.apiKey == "" {
		return fmt.Errorf("a gateway before the server refuses the request itself (%w): set SUPABASE_ANON_KEY (supabase.anon_key) to the project's public key", err)
	}
	return fmt.Errorf("a gateway before the server refuses the request itself (%w): SUPABASE_ANON_KEY (supabase.anon_key) is not a key of this project", err)
}

// remember keeps an answer. When there are too many all are forgotten, which costs each token one
// more confirmation.
func (c *remote) remember(hash tokenHash, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxConfirmations {
		clear(c.answers)
	}
	c.answers[hash] = a
}
