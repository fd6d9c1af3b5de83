// Package triage sorts dead letters: which failures are of one kind, what has become of each kind, and how payloads are
// corrected before they are tried again.
//
// Failures are of one group where their type, their error's class and its text are the same but for what differs from
// case to case: numbers, ids, quoted texts, addresses and times. Storages keep each dead letter's group with it, and
// count what fails by group in the transaction in which it fails; see Store. What people decide about a group, that it
// is ignored or resolved, is a record beside it; see Groups.
package triage

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	// version begins every fingerprint. Another way to make them has another one.
	version = "1:"
	// hashLength is how many hexadecimal digits of a hash are kept: 96 bits tell all the groups apart that there can
	// be.
	hashLength = 24
)

// Fingerprint is the group of a failure: "1:" and a hash of the message's type, the error's class, and the error's text
// as Normalize has it.
func Fingerprint(typ, class, text string) string { return Compose(typ, Cause(class, text)) }

// Cause is the part of a fingerprint that is about the error, for storages that know the type of a message only where
// its row is.
func Cause(class, text string) string { return digest(class + "\n" + Normalize(text)) }

// Compose makes a fingerprint of a type and a Cause: the version and the first hexadecimal digits of the SHA-256 hash
// of the type, a line break and the cause. Storages may do the same in SQL.
func Compose(typ, cause string) string { return version + digest(typ+"\n"+cause) }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:hashLength]
}

// ValidGroup reports whether s can be the name of a group.
func ValidGroup(s string) bool {
	if s == Other {
		return true
	}
	hash, ok := strings.CutPrefix(s, version)
	return ok && len(hash) == hashLength && strings.Trim(hash, "0123456789abcdef") == ""
}

// Other is the group of all dead letters whose own group is not remembered.
const Other = "other"
