package dynamic

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// A secret must be there to sign with, so it cannot be kept as a hash. Without a key it is kept as it is, as the
// payloads are; with one it is sealed by AES-256-GCM, for the record that it stands in.
const (
	sealedPrefix = "sealed:"
	// SealKeyBytes is how many bytes each of Options.SealKeys has.
	SealKeyBytes = 32
)

var errOtherKey = errors.New("its secret is sealed with a key that this process does not have (push.seal_key)")

// sealer seals secrets.
type sealer []cipher.AEAD

func newSealer(keys [][]byte) (s sealer, err error) {
	for i, key := range keys {
		if len(key) != SealKeyBytes {
			return nil, fmt.Errorf("dynamic: seal key %d has %d bytes: must be %d", i+1, len(key), SealKeyBytes)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s = append(s, aead)
	}
	return s, nil
}

// seal seals a secret for the record of an id.
func (s sealer) seal(secret, id string) string {
	if len(s) == 0 {
		return secret
	}
	return sealedPrefix + base64.StdEncoding.EncodeToString(s[0].Seal(nil, nil, []byte(secret), []byte(id)))
}

// open opens what seal has made, also without a key.
func (s sealer) open(text, id string) (string, error) {
	encoded, sealed := strings.CutPrefix(text, sealedPrefix)
	if !sealed {
		return text, nil
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("its secret cannot be read: %w", err)
	}
	for _, aead := range s {
		if secret, err := aead.Open(nil, nil, raw, []byte(id)); err == nil {
			return string(secret), nil
		}
	}
	return "", errOtherKey
}
