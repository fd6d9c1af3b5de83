package symphony

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// idStep is the shortest difference in time that always shows in ids.
const idStep = 250 * time.Nanosecond

// NewID returns a version 7 UUID (RFC 9562) for the time t. Ids of later times sort later, down to about a quarter of a
// microsecond, since twelve bits hold the fraction of the millisecond.
func NewID(t time.Time) string {
	var b [16]byte
	ns := t.UnixNano()
	ms := ns / int64(time.Millisecond)
	// rand.Read never fails: the runtime aborts the process where the system has no randomness.
	rand.Read(b[8:])
	binary.BigEndian.PutUint64(b[:8], uint64(ms)<<16|0x7000|uint64((ns%int64(time.Millisecond))<<12/int64(time.Millisecond)))
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	out[8] = '-'
	hex.Encode(out[9:13], b[4:6])
	out[13] = '-'
	hex.Encode(out[14:18], b[6:8])
	out[18] = '-'
	hex.Encode(out[19:23], b[8:10])
	out[23] = '-'
	hex.Encode(out[24:36], b[10:16])
	return string(out[:])
}

// IDRange returns bounds for the ids of messages dispatched in [since, until): ids are at least from and less than to.
// The bounds leave MaxIDSkew at both ends, so the times of the messages must still be compared. A zero time gives an
// empty bound, which excludes nothing.
func IDRange(since, until time.Time) (from, to string) {
	bound := func(t time.Time) string {
		ms := t.UnixMilli()
		if ms < 0 || ms >= 1<<48 {
			return ""
		}
		return fmt.Sprintf("%08x-%04x-0000-0000-000000000000", ms>>16, ms&0xffff)
	}
	if !since.IsZero() {
		from = bound(since.Add(-MaxIDSkew))
	}
	if !until.IsZero() {
		to = bound(until.Add(MaxIDSkew + time.Millisecond))
	}
	return from, to
}

// IDTime is the time that an id tells, to the millisecond. ok is false for what is no id.
func IDTime(id string) (t time.Time, ok bool) {
	if !ValidID(id) {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(id[:8]+id[9:13], 16, 64)
	return time.UnixMilli(ms).UTC(), err == nil
}

// ValidID reports whether s has the form of an id: a UUID in lower case.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// ValidText reports whether s can be used in a name, a key or an id: it must be valid UTF-8 without NUL, which every
// storage can keep and search for.
func ValidText(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}
