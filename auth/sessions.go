package auth

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

// A session lets a browser go on as a caller without keeping his key or token where scripts can read it. Sessions, and
// the codes that begin one, are records of the storage, so all processes that share it know them.
//
// Both are tickets: the holder has a random secret, the store its hash. A ticket stands for exactly one caller. Of an
// API key and of the local administrator it says which; a Supabase user's has his token, sealed with a key that is
// derived from the secret, so that whoever reads the storage cannot use it. With each request the key or the token is
// judged anew, by the code that judges those in headers: a session has no scopes of its own, and ends with them.
//
//	session's cookie, code   <caller>.<secret>
//	record's id              <caller>.<hash of the secret>
//
// <caller> is a hash of kind and id, by which the tickets of one caller are found, to bound them.
const (
	recordSession      = "session"
	recordCode         = "session_code"
	recordInstallation = "installation"

	callerLength = 16 // hexadecimal digits
	secretBytes  = 32
)

var secretEncoding = base64.RawURLEncoding

// Session is a caller's session in a browser.
type Session struct {
	// ID names the session in the store. It is no secret.
	ID string
	// ExpiresAt is when it ends, unless its use renews it before.
	ExpiresAt time.Time
}

// ticket is the record of a session or of a code.
type ticket struct {
	Kind      Kind      `json:"kind"`
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`  // of the local administrator; of others it comes from elsewhere
	Token     []byte    `json:"token,omitempty"` // sealed
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Sessions keeps sessions and codes in a storage. Its methods are safe for concurrent use.
type Sessions struct {
	records storage.Records
	clock   func() time.Time
	log     *slog.Logger

	mu       sync.Mutex
	name     string // of the cookie, "" until it is known
	entries  map[string]sessionEntry
	forgiven uint64 // counts calls of forget
}

// sessionEntry is a session as the store had it a moment ago.
type sessionEntry struct {
	ticket ticket
	raw    []byte
	until  time.Time // when the store is to be asked again
}

// NewSessions returns the sessions of a storage. A nil clock is the system's, a nil logger tells nobody.
func NewSessions(records storage.Records, clock func() time.Time, log *slog.Logger) *Sessions {
	if clock == nil {
		clock = symphony.SystemClock().Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Sessions{records: records, clock: clock, log: log, entries: map[string]sessionEntry{}}
}

// NewCode makes a code that begins one session of a caller, within CodeTTL. It is for API keys and the local
// administrator; others are refused with CodeNoLogin.
func (s *Sessions) NewCode(ctx context.Context, p Principal) (code string, expires time.Time, err error) {
	if p.Kind != KindAPIKey && p.Kind != KindLocal {
		return "", time.Time{}, forbidden(CodeNoLogin,
			"Links that sign in are made for API keys and for who works on the database itself. "+
				"Users sign in with Supabase.")
	}
	expires = s.end(p, CodeTTL)
	code, _, err = s.issue(ctx, recordCode, p, "", expires)
	return code, expires, err
}

// end is when something ends that lasts so long at most, and no longer than the caller's credential.
func (s *Sessions) end(p Principal, lasts time.Duration) time.Time {
	end := s.clock().Add(lasts).UTC().Truncate(time.Millisecond)
	if !p.Expires.IsZero() && p.Expires.Before(end) {
		end = p.Expires
	}
	return end
}

// issue stores a new ticket. Of the caller's others those go that are over, and the oldest beyond MaxSessions.
func (s *Sessions) issue(
	ctx context.Context, kind string, p Principal, token string, expires time.Time,
) (plain, id string, err error) {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // fills it or ends the program
	caller := callerTag(p)
	id = ticketID(caller, secret)
	t := ticket{Kind: p.Kind, ID: p.ID, CreatedAt: s.clock().UTC(), ExpiresAt: expires}
	if p.Kind == KindLocal {
		t.Name = p.Name
	}
	if token != "" {
		if t.Token, err = seal(secret, id, token); err != nil {
			return "", "", err
		}
	}
	raw, err := json.Marshal(t)
	if err == nil {
		err = s.records.SwapRecord(ctx, kind, id, nil, raw)
	}
	if err == nil {
		err = s.bound(ctx, kind, caller)
	}
	if err != nil {
		return "", "", fmt.Errorf("auth: store a %s: %w", kind, err)
	}
	return caller + "." + secretEncoding.EncodeToString(secret), id, nil
}

// bound deletes what a caller has too much of.
func (s *Sessions) bound(ctx context.Context, kind, caller string) error {
	const page = 500
	list, err := s.records.RangeRecords(ctx, kind, caller+".", caller+"/", page)
	if err != nil {
		return err
	}
	type known struct {
		id string
		ticket
	}
	var live []known
	now := s.clock()
	for _, r := range list {
		k := known{id: r.ID}
		if json.Unmarshal(r.Data, &k.ticket) == nil && now.Before(k.ExpiresAt) {
			live = append(live, k)
			continue
		}
		if err := s.delete(ctx, kind, r.ID); err != nil {
			return err
		}
	}
	slices.SortFunc(live, func(a, b known) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.id, b.id))
	})
	for _, k := range live[min(MaxSessions, len(live)):] {
		if err := s.delete(ctx, kind, k.id); err != nil {
			return err
		}
	}
	return nil
}

// delete deletes a ticket, if it is there.
func (s *Sessions) delete(ctx context.Context, kind, id string) error {
	_, err := s.records.DeleteRecords(ctx, kind, id, id+"\x00")
	s.forget(id) // also after an error: the store may have done it
	return err
}

// forget has the next use of a session ask the store, and no reading under way be remembered. "" is all sessions.
func (s *Sessions) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgiven++
	if delete(s.entries, id); id == "" {
		clear(s.entries)
	}
}

// find returns the session of a cookie's value, with the secret.
func (s *Sessions) find(ctx context.Context, plain string) (id string, e sessionEntry, secret []byte, err error) {
	caller, secret, ok := splitTicket(plain)
	if !ok {
		return "", e, nil, errSessionEnded()
	}
	id = ticketID(caller, secret)
	now := s.clock()
	s.mu.Lock()
	e, ok = s.entries[id]
	forgiven := s.forgiven
	s.mu.Unlock()
	if !ok || !now.Before(e.until) {
		if e, err = s.read(ctx, id, now, forgiven); err != nil {
			return "", e, nil, err
		}
	}
	if !now.Before(e.ticket.ExpiresAt) {
		return "", e, nil, errSessionEnded()
	}
	return id, e, secret, nil
}

// read reads a session, and remembers it unless one was forgotten meanwhile.
func (s *Sessions) read(ctx context.Context, id string, now time.Time, forgiven uint64) (e sessionEntry, err error) {
	raw, err := storage.Get(ctx, s.records, recordSession, id)
	if errors.Is(err, symphony.ErrNotFound) {
		return e, errSessionEnded()
	}
	if err != nil {
		return e, unavailable(CodeStorageUnavailable,
			"Storage cannot serve now: the sessions can't be read. Nothing was stored; try again.", err)
	}
	if err := json.Unmarshal(raw, &e.ticket); err != nil {
		return e, errSessionEnded() // nobody can use it, and a new one can be begun
	}
	e.raw, e.until = raw, now.Add(KeyCacheTTL)
	s.mu.Lock()
	defer s.mu.Unlock()
	if forgiven == s.forgiven {
		if len(s.entries) >= maxSessionEntries {
			clear(s.entries)
		}
		s.entries[id] = e
	}
	return e, nil
}

// code reads a code that is good, with its record.
func (s *Sessions) code(ctx context.Context, code string) (t ticket, raw []byte, err error) {
	caller, secret, ok := splitTicket(code)
	if !ok {
		return t, nil, errCode()
	}
	raw, err = storage.Get(ctx, s.records, recordCode, ticketID(caller, secret))
	switch {
	case errors.Is(err, symphony.ErrNotFound):
		return t, nil, errCode()
	case err != nil:
		return t, nil, fmt.Errorf("auth: read a code: %w", err)
	}
	if err := json.Unmarshal(raw, &t); err != nil || !s.clock().Before(t.ExpiresAt) {
		return t, nil, errCode()
	}
	return t, raw, nil
}

// redeem takes a code out of the store, once.
func (s *Sessions) redeem(ctx context.Context, code string) (ticket, error) {
	t, raw, err := s.code(ctx, code)
	if err != nil {
		return t, err
	}
	caller, secret, _ := splitTicket(code)
	err = s.records.SwapRecord(ctx, recordCode, ticketID(caller, secret), raw, nil)
	switch {
	case errors.Is(err, symphony.ErrConflict):
		return t, errCode()
	case err != nil:
		return t, fmt.Errorf("auth: redeem a code: %w", err)
	}
	return t, nil
}

// renew makes a session last longer by its use, where that is due. ok is false where it is not, or somebody else did.
func (s *Sessions) renew(ctx context.Context, id string, e sessionEntry, p Principal) (expires time.Time, ok bool) {
	expires = s.end(p, SessionTTL)
	if expires.Sub(e.ticket.ExpiresAt) < SessionRenewal {
		return e.ticket.ExpiresAt, false
	}
	t := e.ticket
	t.ExpiresAt = expires
	raw, err := json.Marshal(t)
	if err == nil {
		err = s.records.SwapRecord(ctx, recordSession, id, e.raw, raw)
	}
	s.forget(id)
	if err != nil {
		if !errors.Is(err, symphony.ErrConflict) && ctx.Err() == nil {
			s.log.Warn("a session can't be renewed; its next use tries again", "error", err)
		}
		return e.ticket.ExpiresAt, false
	}
	return expires, true
}

// endAll ends the sessions of a caller, and takes back his codes.
func (s *Sessions) endAll(ctx context.Context, p Principal) error {
	caller := callerTag(p)
	var errs []error
	for _, kind := range []string{recordSession, recordCode} {
		_, err := s.records.DeleteRecords(ctx, kind, caller+".", caller+"/")
		errs = append(errs, err)
	}
	s.forget("")
	return errors.Join(errs...)
}

// Sweep deletes the sessions and codes that are over, and returns how many there were. Nobody could use them any more.
func (s *Sessions) Sweep(ctx context.Context) (int, error) {
	n := 0
	for _, kind := range []string{recordSession, recordCode} {
		list, err := storage.List(ctx, s.records, kind)
		if err != nil {
			return n, fmt.Errorf("auth: sweep sessions: %w", err)
		}
		now := s.clock()
		for _, r := range list {
			var t ticket
			if json.Unmarshal(r.Data, &t) == nil && now.Before(t.ExpiresAt) {
				continue
			}
			// Only as it was read: somebody may have renewed it, whose clock is behind.
			err := s.records.SwapRecord(ctx, kind, r.ID, r.Data, nil)
			if err != nil && !errors.Is(err, symphony.ErrConflict) {
				return n, fmt.Errorf("auth: sweep sessions: %w", err)
			}
			n++
		}
	}
	return n, nil
}

// cookieName is the name of the cookie, which tells installations apart that one host serves at several ports: to
// browsers these are one place. The first process that asks makes it.
func (s *Sessions) cookieName(ctx context.Context) (string, error) {
	s.mu.Lock()
	name := s.name
	s.mu.Unlock()
	if name != "" {
		return name, nil
	}
	text, err := s.once(ctx, recordInstallation, 4)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = sessionCookie + text
	return s.name, nil
}

// flowKey is the key of the verifiers of those who leave to sign in.
func (s *Sessions) flowKey(ctx context.Context) ([]byte, error) {
	text, err := s.once(ctx, recordFlow, secretBytes)
	return []byte(text), err
}

// once is a random text of the installation's, of so many bytes in hexadecimal digits. The first process that asks for
// it makes it.
func (s *Sessions) once(ctx context.Context, kind string, size int) (string, error) {
	random := make([]byte, size)
	_, _ = rand.Read(random) // fills it or ends the program
	made := []byte(`"` + hex.EncodeToString(random) + `"`)
	raw, err := storage.Once(ctx, s.records, kind, "current", made)
	if err != nil {
		return "", unavailable(CodeStorageUnavailable,
			"Storage cannot serve now: the sessions can't be read. Nothing was stored; try again.", err)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || len(text) != 2*size {
		return "", fmt.Errorf("auth: the record %s cannot be read", kind)
	}
	return text, nil
}

// callerTag is what the tickets of a caller begin with.
func callerTag(p Principal) string {
	sum := sha256.Sum256([]byte(string(p.Kind) + ":" + p.ID))
	return hex.EncodeToString(sum[:])[:callerLength]
}

func ticketID(caller string, secret []byte) string {
	sum := sha256.Sum256(secret)
	return caller + "." + hex.EncodeToString(sum[:])
}

// splitTicket takes a cookie's value or a code apart.
func splitTicket(plain string) (caller string, secret []byte, ok bool) {
	caller, text, _ := strings.Cut(plain, ".")
	if len(caller) != callerLength || strings.Trim(caller, "0123456789abcdef") != "" {
		return "", nil, false
	}
	secret, err := secretEncoding.Strict().DecodeString(text)
	return caller, secret, err == nil && len(secret) == secretBytes
}

// sealer seals what only the holder of a secret can open. Its key says nothing about the hash by which the ticket is
// found, nor that about it.
func sealer(secret []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "symphony session token", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(secret []byte, id, token string) ([]byte, error) {
	with, err := sealer(secret)
	if err != nil {
		return nil, err
	}
	return with.Seal(nil, nil, []byte(token), []byte(id)), nil
}

func unseal(secret []byte, id string, sealed []byte) (string, error) {
	with, err := sealer(secret)
	if err != nil {
		return "", err
	}
	token, err := with.Open(nil, nil, sealed, []byte(id))
	return string(token), err
}

func errSessionEnded() error {
	return unauthenticated(CodeSessionEnded, "The session has ended. Sign in again.")
}

func errCode() error {
	return unauthenticated(CodeLoginInvalid, "The link was used already, is older than 10 minutes, or is not one of "+
		"this server's. Make another one: symphony dashboard.")
}
