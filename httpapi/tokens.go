package httpapi

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// A token shows one message, and whatever takes its place when it is retried, to somebody who has nothing else: a page
// of the application's. Nothing is stored for it: it says which message and until when, authenticated with the key of
// receipts, which all nodes share. Its bytes are
//
//	version (1)  id of the key (4)  seconds since 1970 at its end (8)  id of the message (16)  sum (16)
//
// where the sum is the HMAC of tokenDomain and all before it, which no receipt can have.
const (
	tokenPrefix  = "smt_"
	tokenVersion = 1
	tokenDomain  = "symphony message token\n"
	tokenSize    = 1 + sealIDSize + 8 + 16 + sumSize
	// tokenStreams is how many streams one token may have open at a time.
	tokenStreams = 5
	// mostRetried bounds how many retries of retries are followed.
	mostRetried = 100
)

// Errors of tokens. What is wrong with one is not told: who holds it cannot mend it.
var (
	errToken        = errors.New("is no token of this server's")
	errTokenOver    = errors.New("the token is over")
	errTokenMissing = errors.New("no token is given")
	errTokenTwice   = errors.New("a token is given in the header and in the query")
	errTokenStreams = fmt.Errorf("%w: the token has as many streams open as it may", errTooManyReaders)
	errNotOurs      = errors.New("the message was dispatched by somebody else")
)

// messageToken is what a token says.
type messageToken struct {
	id    string
	until time.Time
	sum   [sumSize]byte // which names the token
}

// newMessageToken makes a token, which is good until a time, in whole seconds.
func newMessageToken(s *seal, id string, until time.Time) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(raw) != 16 {
		return "", fmt.Errorf("message id %q: %w", id, symphony.ErrNotFound)
	}
	b := make([]byte, 0, len(tokenDomain)+tokenSize)
	b = append(append(b, tokenDomain...), tokenVersion)
	b = append(b, s.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(until.Unix()))
	b = append(b, raw...)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(s.appendSum(b, b)[len(tokenDomain):]), nil
}

// parseMessageToken reads a token. Any other text is errToken.
func parseMessageToken(s *seal, text string) (messageToken, error) {
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return messageToken{}, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || b[0] != tokenVersion {
		return messageToken{}, errToken
	}
	signed := append([]byte(tokenDomain), b[:tokenSize-sumSize]...)
	var t messageToken
	copy(t.sum[:], b[tokenSize-sumSize:])
	if !hmac.Equal(b[1:1+sealIDSize], s.id[:]) || !s.holds(signed, t.sum[:]) {
		return messageToken{}, errToken
	}
	t.until = time.Unix(int64(binary.BigEndian.Uint64(b[1+sealIDSize:])), 0)
	id := hex.EncodeToString(b[1+sealIDSize+8 : tokenSize-sumSize])
	t.id = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	return t, nil
}

// tokenPlaces counts the streams of each token. Safe for concurrent use.
type tokenPlaces struct {
	mu   sync.Mutex
	open map[[sumSize]byte]int
}

func (p *tokenPlaces) take(of [sumSize]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[of] >= tokenStreams {
		return errTokenStreams
	}
	if p.open == nil {
		p.open = make(map[[sumSize]byte]int)
	}
	p.open[of]++
	return nil
}

func (p *tokenPlaces) leave(of [sumSize]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[of]--; p.open[of] == 0 {
		delete(p.open, of)
	}
}

// tokenFor makes a token for a message.
func (c *call) tokenFor(id string, ttl time.Duration) (token string, until time.Time, err error) {
	s, err := c.api.seals.get(c.Context())
	if err != nil {
		return "", until, err
	}
	until = c.api.stored.Now().Add(ttl).UTC().Truncate(time.Second)
	token, err = newMessageToken(s, id, until)
	return token, until, err
}

// createToken makes a token for a message: any with the scope operate, else one that the caller has dispatched.
func createToken(c *call) error {
	var req wire.TokenRequest
	ttl := wire.DefaultTokenTTL
	err := c.accept(&req, func(bool) (list []symphony.Problem) {
		if req.TTL != nil {
			if ttl = *req.TTL; ttl < wire.MinTokenTTL || ttl > wire.MaxTokenTTL {
				message := fmt.Sprintf("must be %d to %d", wire.MinTokenTTL, wire.MaxTokenTTL)
				list = append(list, symphony.Problem{Path: "ttl", Message: message})
			}
		}
		return list
	})
	if err != nil {
		return err
	}
	messages, err := c.messages("")
	if err != nil {
		return err
	}
	m, err := followed(c.Context(), messages, c.PathValue("id"))
	if err != nil {
		return err
	}
	if !c.principal.Has(auth.ScopeOperate) && m.DispatchedBy != string(c.principal.Kind)+":"+c.principal.ID {
		return errNotOurs
	}
	token, until, err := c.tokenFor(c.PathValue("id"), time.Duration(ttl)*time.Second)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, wire.TokenResponse{Success: true, Token: token, ExpiresAt: until})
}

// followed looks for a message, or for the one that has taken its place.
func followed(ctx context.Context, messages *symphony.Messages, id string) (m symphony.MessageInfo, err error) {
	for range mostRetried {
		m, err = messages.Look(ctx, id, 0)
		var retried *symphony.RetriedError
		if !errors.As(err, &retried) {
			return m, err
		}
		id = retried.NewID
	}
	return m, err
}

// publicMessage judges the token of a request, and looks for its message.
func (c *call) publicMessage() (t messageToken, m symphony.MessageInfo, err error) {
	if t, err = c.givenToken(); err != nil {
		return t, m, err
	}
	if err := c.api.callers.admit(c.tokenCaller(t)); err != nil {
		return t, m, err
	}
	m, err = c.lookPublic(t)
	return t, m, err
}

// tokenCaller stands for a token among callers.
func (c *call) tokenCaller(t messageToken) caller {
	return callerOf(auth.Principal{Kind: bearerKind, ID: string(t.sum[:])})
}

// givenToken reads and judges the token of a request, for the message in its path.
func (c *call) givenToken() (t messageToken, err error) {
	text, query := "", c.query["token"]
	if values := c.Header.Values("Authorization"); len(values) == 1 {
		scheme, value, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			text = strings.TrimSpace(value)
		}
	} else if len(values) > 1 {
		return t, errToken
	}
	switch {
	case text != "" && query != "":
		return t, errTokenTwice
	case query != "":
		text = query
	case text == "":
		return t, errTokenMissing
	}
	s, err := c.api.seals.get(c.Context())
	if err != nil {
		return t, err
	}
	if t, err = parseMessageToken(s, text); err != nil {
		return t, err
	}
	if id := c.PathValue("id"); t.id != id {
		return t, errToken
	}
	if !c.api.stored.Now().Before(t.until) {
		return t, errTokenOver
	}
	return t, nil
}

// lookPublic looks for the message of a token, whose end may be known without it.
func (c *call) lookPublic(t messageToken) (symphony.MessageInfo, error) {
	messages, err := c.api.o.Bus.Messages("")
	if err != nil {
		return symphony.MessageInfo{}, err
	}
	m, err := followed(c.Context(), messages, t.id)
	if errors.Is(err, symphony.ErrNotFound) {
		return messages.Look(c.Context(), t.id, time.Millisecond) // ends of what is not kept are told to who waits
	}
	return m, err
}

// public is what a token shows of a message.
func (c *call) public(t messageToken, m *symphony.MessageInfo) wire.PublicMessage {
	out := wire.PublicMessage{ID: t.id, Status: string(m.Status), Progress: progress(m.Progress),
		CreatedAt: optional(m.CreatedAt), ScheduledAt: optional(m.ScheduledAt), StartedAt: optional(m.StartedAt),
		FinishedAt: optional(m.FinishedAt), Retried: m.ID != t.id}
	if c.api.o.PublicOutput == nil || !c.api.o.PublicOutput(m.Type) || m.Output == nil {
		return out
	}
	out.Output = jsontext.Value(m.Output)
	if c.api.o.Redact != nil {
		out.Output, _ = c.api.o.Redact.JSON(m.Type, out.Output)
	}
	return out
}

func publicShow(c *call) error {
	t, m, err := c.publicMessage()
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.PublicResponse{Success: true, Message: c.public(t, &m)})
}

// The id of the event with which a stream ends. A browser that connects again with it is told to stop.
const lastEvent = "last"

// publicEvents streams what a token shows of a message, whenever that changes, until it is completed or cancelled.
func publicEvents(c *call) error {
	t, m, err := c.publicMessage()
	if err != nil {
		return err
	}
	if c.api.o.Events == nil {
		return errNoEvents
	}
	if c.Header.Get("Last-Event-ID") == lastEvent {
		c.w.WriteHeader(http.StatusNoContent) // which has EventSource connect no more
		return nil
	}
	ctx, stop, err := c.whileServing()
	if err != nil {
		return err
	}
	defer stop()
	ctx, end := context.WithTimeout(ctx, t.until.Sub(c.api.stored.Now()))
	defer end()
	s := stream{call: c, control: http.NewResponseController(c.w)}
	if c.Method == http.MethodHead {
		_ = s.open()
		return nil
	}
	if err := c.api.tokenStreams.take(t.sum); err != nil {
		return err
	}
	defer c.api.tokenStreams.leave(t.sum)
	who := c.tokenCaller(t)
	if err := c.api.streams.take(who); err != nil {
		return err
	}
	defer c.api.streams.leave(who)
	opened := false
	for told := ""; ; {
		next, err := c.tellPublic(ctx, &s, t, m.ID, &told, &opened)
		if err != nil || next == "" || ctx.Err() != nil {
			if opened {
				c.w.cause = err // half an answer is out, so there is nobody to tell but the log
				return nil
			}
			return err
		}
		m.ID = next
	}
}

// tellPublic tells of a message until another one takes its place, whose id it returns, or nothing follows.
func (c *call) tellPublic(
	ctx context.Context, s *stream, t messageToken, id string, told *string, opened *bool,
) (next string, err error) {
	reader, err := c.api.o.Events.ReadMessages(ctx, event.MessageFilter{IDs: []string{id}})
	if err != nil {
		return "", err
	}
	defer reader.Close()
	if !*opened {
		if err := s.open(); err != nil {
			return "", nil // the caller is gone
		}
		*opened = true
	}
	for {
		m, err := c.lookPublic(t)
		switch {
		case errors.Is(err, symphony.ErrNotFound):
			return "", s.flush([]byte("id: " + lastEvent + "\nevent: gone\ndata: {}\n\n"))
		case err != nil:
			return "", err
		case m.ID != id && m.ID != "":
			return m.ID, nil
		}
		final := m.Status == symphony.Completed || m.Status == symphony.Cancelled
		data, err := json.Marshal(c.public(t, &m))
		if err != nil {
			return "", err
		}
		if text := string(data); text != *told {
			*told = text
			if final {
				text = text + "\nid: " + lastEvent
			}
			if err := s.flush([]byte("event: message\ndata: " + text + "\n\n")); err != nil {
				return "", nil
			}
		}
		if final {
			return "", nil
		}
		frames, err := reader.Next(ctx, heartbeat)
		if err != nil || ctx.Err() != nil {
			return "", nil
		}
		if len(frames) == 0 {
			if err := s.flush([]byte(":\n\n")); err != nil {
				return "", nil
			}
		}
	}
}

// isPublic reports whether a path is that of a route for tokens, which pages of every origin may call.
func isPublic(path string) bool {
	return (strings.HasSuffix(path, "/public") || strings.HasSuffix(path, "/public/events")) &&
		strings.HasPrefix(path, "/api/symphony/messages/")
}

// publicCORS lets pages of every origin read answers, without cookies. It reports whether the request is answered.
func (a *API) publicCORS(w *responseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET")
	h.Set("Access-Control-Allow-Headers", "Authorization, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}
