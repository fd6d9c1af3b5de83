package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/symphony-messenger/symphony"
)

// receipt is what a pull worker gets with a message and gives back to settle it. It carries everything that settling
// needs, so any node can do that, and none keeps anything about pull workers.
//
// A receipt is not signed. Nobody can make one for a delivery of somebody else's: the lease's token is 128 random bits
// that only its holder knows. What a holder may falsify (attempt, type) changes the retries of that message only, which
// anybody who may consume can decide anyway.
type receipt struct {
	transport string
	lease     symphony.Lease
	typ       string
	attempt   int
	lost      int
	claimed   time.Time
}

const (
	receiptVersion = 1
	// maxReceipt bounds the bytes of a receipt: its texts are of bounded length.
	maxReceipt = 4096
)

var errReceipt = errors.New("is not a receipt of this server's")

// String encodes the receipt: opaque, and safe in URLs.
func (r *receipt) String() string {
	b := []byte{receiptVersion}
	for _, s := range []string{r.transport, r.lease.MessageID, r.lease.Token, r.typ} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range []int{r.lease.Index, r.attempt, r.lost} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, r.claimed.UnixMicro())
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseReceipt decodes a receipt. The error is errReceipt.
func parseReceipt(s string) (receipt, error) {
	var r receipt
	if base64.RawURLEncoding.DecodedLen(len(s)) > maxReceipt {
		return r, errReceipt
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 || b[0] != receiptVersion {
		return r, errReceipt
	}
	b = b[1:]
	for _, to := range []*string{&r.transport, &r.lease.MessageID, &r.lease.Token, &r.typ} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return r, errReceipt
		}
		*to, b = string(b[size:size+int(n)]), b[size+int(n):]
	}
	for _, to := range []*int{&r.lease.Index, &r.attempt, &r.lost} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > 1<<31 {
			return r, errReceipt
		}
		*to, b = int(n), b[size:]
	}
	claimed, size := binary.Varint(b)
	if size <= 0 || size != len(b) {
		return r, errReceipt
	}
	r.claimed = time.UnixMicro(claimed).UTC()
	return r, nil
}
