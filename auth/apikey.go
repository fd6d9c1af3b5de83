package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
)

// An API key is "sym_<id>_<secret>": the id is public and finds the key in the store, the secret
// proves that the caller holds it. Both are lower case base32.
const (
	keyPrefix      = "sym_"
	keyIDBytes     = 10
	keySecretBytes = 32
	keyIDLength    = 16 // keyIDBytes in base32
	secretLength   = 52 // keySecretBytes in base32
	keyLength      = len(keyPrefix) + keyIDLength + 1 + secretLength

	base32Alphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// Key is an API key as it is stored. The secret is not part of it.
type Key struct {
	// ID is 16 characters of a–z and 2–7.
	ID string
	// Name is the owner's, 1 to MaxKeyNameLength printable characters. It need not be unique.
	Name string
	// Hash is the SHA-256 of the secret.
	Hash   []byte
	Scopes ScopeSet
	// Binding is what the key is bound to beside its scopes. Nil: nothing.
	Binding *Binding
	// CreatedAt is in UTC, in whole milliseconds.
	CreatedAt time.Time
	// LastUsedAt is up to TouchInterval behind. Zero: never used.
	LastUsedAt time.Time
	// RevokedAt is zero for a key in force.
	RevokedAt time.Time
	// ExpiresAt is when the key stops working. Zero: never.
	ExpiresAt time.Time
	// DecodeErr is set in a list for a key whose record cannot be read. Nobody can use it; it can be revoked.
	DecodeErr error
}

// storable reports what is wrong with the times and the binding of a new key.
func (k *Key) storable() error {
	list := k.Binding.Problems(k.Scopes)
	if !k.ExpiresAt.IsZero() && !symphony.StorableTime(k.ExpiresAt) {
		list = append(list, symphony.Problem{Path: "expiresAt", Message: symphony.TimeProblem})
	}
	if len(list) > 0 {
		return &symphony.ValidationError{Problems: list}
	}
	return nil
}

// Prefix is the beginning of the key, by which its owner recognises it in a list. It is no secret.
func (k Key) Prefix() string { return keyPrefix + k.ID }

// GenerateKey makes an API key. The plaintext, sym_<id>_<secret> in 73 characters, is for its owner
// and can't be had again; the Key is for KeyStore.CreateKey, once the caller has set ExpiresAt and
// Binding if it wants them. The error says what is wrong with name, or that scopes is empty.
//
// The secret is 256 bits of crypto/rand and its hash plain SHA-256. A slow hash makes guessing
// passwords costly because people choose them from few; a random secret is one of 2^256, which no
// speed of hashing brings into reach, and every request pays for the hash.
func GenerateKey(name string, scopes ScopeSet, createdAt time.Time) (plaintext string, key Key, err error) {
	switch n := utf8.RuneCountInString(name); {
	case n == 0 || n > MaxKeyNameLength:
		return "", Key{}, fmt.Errorf("auth: the key's name has %d characters, it needs 1 to %d", n, MaxKeyNameLength)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", Key{}, errors.New("auth: the key's name has characters that can't be printed")
	case scopes == 0:
		return "", Key{}, errors.New("auth: the key has no scope")
	}
	encoding := base32.NewEncoding(base32Alphabet).WithPadding(base32.NoPadding)
	var random [keyIDBytes + keySecretBytes]byte
	// It fills random or ends the program.
	_, _ = rand.Read(random[:])
	secret := encoding.EncodeToString(random[keyIDBytes:])
	hash := sha256.Sum256([]byte(secret))
	key = Key{
		ID:        encoding.EncodeToString(random[:keyIDBytes]),
		Name:      name,
		Hash:      hash[:],
		Scopes:    scopes,
		CreatedAt: createdAt.UTC().Truncate(time.Millisecond),
	}
	return key.Prefix() + "_" + secret, key, nil
}

// isAPIKey reports whether a token is meant to be an API key.
func isAPIKey(token string) bool { return strings.HasPrefix(token, keyPrefix) }

// splitKey takes an API key apart. It reports whether the key has the form of one, as far as the store
// is concerned: what is wrong with a secret shows when it is compared.
func splitKey(key string) (id, secret string, ok bool) {
	if len(key) != keyLength || !isAPIKey(key) || key[len(keyPrefix)+keyIDLength] != '_' {
		return "", "", false
	}
	id, secret = key[len(keyPrefix):len(keyPrefix)+keyIDLength], key[keyLength-secretLength:]
	return id, secret, isBase32(id)
}

func isBase32(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// Errors of a KeyStore.
var (
	// ErrKeyNotFound: no key has this id.
	ErrKeyNotFound = errors.New("API key not found")
	// ErrKeyExists: a key with this id is there already.
	ErrKeyExists = errors.New("API key exists")
)

// KeyStore stores API keys. Its methods are safe for concurrent use, keep what they are given and
// what they return apart from what they hold, and keep times to the millisecond. Package
// keystoretest holds its conformance test. [MemoryKeys] is one that forgets at exit.
type KeyStore interface {
	// CreateKey stores a new key. ErrKeyExists if the id is taken; a *symphony.ValidationError where it expires at a
	// time that cannot be kept, or its binding has problems.
	CreateKey(ctx context.Context, key Key) error
	// Lookup returns the key with this id, revoked and expired ones too. ErrKeyNotFound if there is
	// none. It is called about once per KeyCacheTTL for each key in use.
	Lookup(ctx context.Context, id string) (Key, error)
	// ListKeys returns all keys, revoked and expired ones too, oldest first, then by id.
	ListKeys(ctx context.Context) ([]Key, error)
	// Touch sets LastUsedAt to at unless it is later already. ErrKeyNotFound for an unknown id.
	Touch(ctx context.Context, id string, at time.Time) error
	// RevokeKey sets RevokedAt to at; a key already revoked stays as it is. ErrKeyNotFound for an
	// unknown id. A running Authenticator on the same store learns of it within KeyCacheTTL;
	// in its own process use Authenticator.RevokeKey.
	RevokeKey(ctx context.Context, id string, at time.Time) error
}
