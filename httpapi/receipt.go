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

	// The rest is for the observer. Receipts of version 1, of earlier releases, do not have it.
	queue, worker      string
	created, scheduled time.Time
}

const (
	receiptVersion = 2
	// maxReceipt bounds the bytes of a receipt: its texts are of bounded length.
	maxReceipt = 4096
)

// receiptOf is the receipt of a delivery to a worker.
func receiptOf(transport, worker string, d *symphony.Delivery) receipt {
	return receipt{
		transport: transport, lease: d.Lease, typ: d.Type, attempt: d.Attempt, lost: d.Lost, claimed: d.ClaimedAt,
		queue: d.Queue, worker: worker, created: d.CreatedAt, scheduled: d.ScheduledAt,
	}
}

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
	for _, s := range []string{r.queue, r.worker} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(b, r.claimed.UnixMicro()-r.created.UnixMicro()) // in few bytes
	if !r.scheduled.IsZero() {
		b = binary.AppendVarint(b, r.scheduled.UnixMicro())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseReceipt decodes a receipt. The error is errReceipt.
func parseReceipt(s string) (receipt, error) {
	var r receipt
	if base64.RawURLEncoding.DecodedLen(len(s)) > maxReceipt {
		return r, errReceipt
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 || b[0] != 1 && b[0] != receiptVersion {
		return r, errReceipt
	}
	in := receiptReader{rest: b[1:]}
	for _, to := range []*string{&r.transport, &r.lease.MessageID, &r.lease.Token, &r.typ} {
		*to = in.text()
	}
	for _, to := range []*int{&r.lease.Index, &r.attempt, &r.lost} {
		*to = in.number()
	}
	claimed := in.micros()
	r.claimed = time.UnixMicro(claimed).UTC()
	if b[0] == receiptVersion {
		r.queue, r.worker = in.text(), in.text()
		r.created = time.UnixMicro(claimed - in.micros()).UTC()
		if len(in.rest) > 0 {
			r.scheduled = time.UnixMicro(in.micros()).UTC()
		}
	}
	if in.bad || len(in.rest) > 0 {
		return receipt{}, errReceipt
	}
	return r, nil
}

// receiptReader reads the parts of a receipt; bad says that one could not be read.
type receiptReader struct {
	rest []byte
	bad  bool
}

func (in *receiptReader) text() string {
	n, size := binary.Uvarint(in.rest)
	if size <= 0 || n > uint64(len(in.rest)-size) {
		in.bad = true
		return ""
	}
	s := string(in.rest[size : size+int(n)])
	in.rest = in.rest[size+int(n):]
	return s
}

func (in *receiptReader) number() int {
	n, size := binary.Uvarint(in.rest)
	if size <= 0 || n > 1<<31 {
		in.bad = true
		return 0
	}
	in.rest = in.rest[size:]
	return int(n)
}

func (in *receiptReader) micros() int64 {
	n, size := binary.Varint(in.rest)
	if size <= 0 {
		in.bad = true
		return 0
	}
	in.rest = in.rest[size:]
	return n
}
