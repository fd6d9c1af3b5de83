package symphony

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a UUID of version 7 (RFC 9562) for the time t: ids made later sort later, to the millisecond and,
// by its twelve bits of sub-millisecond fraction, to about a quarter of a microsecond.
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
