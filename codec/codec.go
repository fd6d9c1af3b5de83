// Package codec has codecs for payloads, so that a database and whoever reads it see no content. Standard library only.
//
// Encrypted payloads cannot be searched, and schemas that the server checks do not fit them: check types whose payloads
// are encrypted where they are dispatched ([symphony.BusOptions].Schemas), which looks at them before they are encoded.
// Metadata, headers, keys, errors and outputs are not encoded.
package codec

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/symphony-messenger/symphony"
)

// AESGCM encrypts payloads with AES-256-GCM. What is stored is
//
//	{"$codec": "aes-gcm", "key": "2026-11", "data": "base64 of nonce, ciphertext and tag"}
//
// The type of the message is authenticated with the payload, so that a payload cannot be passed off as that of another
// type. Equal payloads of a type under one key are stored as equal texts, which keeps idempotency keys working for
// clients that encrypt: the nonce is the first 12 bytes of an HMAC of type and payload. Safe for concurrent use.
type AESGCM struct {
	current string
	keys    map[string]key
}

var _ symphony.Codec = (*AESGCM)(nil)

// KeySize is the length of a key in bytes.
const KeySize = 32

// name marks what an AESGCM stores.
const name = "aes-gcm"

// key is what is derived from one key of the caller's.
type key struct {
	aead  cipher.AEAD
	nonce []byte // the key of the HMAC
}

// envelope is what is stored.
type envelope struct {
	Codec string `json:"$codec"`
	Key   string `json:"key"`
	Data  []byte `json:"data"`
}

// ErrUnknownKey says that a payload was encrypted with a key that the codec does not have. The attempt is retried, so
// that a key may be rolled out while messages wait.
var ErrUnknownKey = errors.New("unknown key")

// NewAESGCM returns a codec that encrypts with the key named current and decrypts with any of keys. Names are stored
// beside each payload; keys are KeySize random bytes. To rotate, add a new key everywhere, then make it the current
// one; drop the old one when nothing that is stored names it any more.
func NewAESGCM(current string, keys map[string][]byte) (*AESGCM, error) {
	c := &AESGCM{current: current, keys: make(map[string]key, len(keys))}
	if _, ok := keys[current]; !ok {
		return nil, fmt.Errorf("codec: the current key %q is not among the keys", current)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		k, err := newKey(name, keys[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("codec: key %q: %w", name, err))
		}
		c.keys[name] = k
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

func newKey(name string, secret []byte) (key, error) {
	if !symphony.ValidText(name) || name == "" {
		return key{}, errors.New("has a name that cannot be stored")
	}
	if len(secret) != KeySize {
		return key{}, fmt.Errorf("must have %d bytes, has %d", KeySize, len(secret))
	}
	sealing, err := hkdf.Expand(sha256.New, secret, "symphony payload encryption", KeySize)
	if err != nil {
		return key{}, err
	}
	nonce, err := hkdf.Expand(sha256.New, secret, "symphony payload nonce", KeySize)
	if err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	return key{aead, nonce}, err
}

// Encode encrypts a payload with the current key.
func (c *AESGCM) Encode(_ context.Context, typ string, payload json.RawMessage) (json.RawMessage, error) {
	k := c.keys[c.current]
	mac := hmac.New(sha256.New, k.nonce)
	fmt.Fprintf(mac, "%d:%s", len(typ), typ)
	mac.Write(payload)
	size := k.aead.NonceSize()
	data := append(make([]byte, 0, size+len(payload)+k.aead.Overhead()), mac.Sum(nil)[:size]...)
	return json.Marshal(envelope{name, c.current, k.aead.Seal(data, data, payload, []byte(typ))})
}

// Decode decrypts what any of the keys has encrypted. What was not encrypted is returned as it is. The error is
// ErrUnknownKey, or permanent for what was changed, or belongs to another type.
func (c *AESGCM) Decode(_ context.Context, typ string, stored json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(stored, []byte(`"$codec"`)) {
		return stored, nil
	}
	var e envelope
	if json.Unmarshal(stored, &e) != nil || e.Codec != name {
		return stored, nil
	}
	k, ok := c.keys[e.Key]
	if !ok {
		return nil, fmt.Errorf("codec: the payload was encrypted with %q: %w", e.Key, ErrUnknownKey)
	}
	size := k.aead.NonceSize()
	if len(e.Data) < size {
		return nil, symphony.Permanent(errors.New("codec: the encrypted payload is cut off"))
	}
	payload, err := k.aead.Open(nil, e.Data[:size], e.Data[size:], []byte(typ))
	if err != nil {
		err = fmt.Errorf("codec: the encrypted payload was changed, or is of another type: %w", err)
		return nil, symphony.Permanent(err)
	}
	return payload, nil
}
