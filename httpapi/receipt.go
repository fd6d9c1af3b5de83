package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/symphony-messenger/symphony"
)

// receipt is what a pull worker gets with a message and gives back to settle it. It carries everything that settling
// needs, so any node can do that, and none keeps anything about pull workers.
//
// A receipt is authenticated: what it says goes into retries, metrics, events and the dead letter queue, which are not
// only the holder's. Its bytes are
//
//	version (1)  id of the key (4)  fields  extras  sum (16)
//
// where the sum is an HMAC-SHA256 of all before it, cut. Fields are texts and numbers in a fixed order. Extras are what
// few receipts have, or what later releases add: each is a number that names it, a length and as many bytes. Whoever
// does not know one passes over it, so that adding one needs no new version.
type receipt struct {
	transport string
	lease     symphony.Lease
	typ       string
	attempt   int
	lost      int
	claimed   time.Time

	// The rest is for the observer.
	queue, worker      string
	created, scheduled time.Time
	by                 string // DispatchedBy, an extra

	push bool // it went along with a push: an extra
	at   int  // its place in a request

	// terms are the message's own, as far as they decide what follows this attempt. Nil: it has none. Two extras.
	terms *symphony.Terms
}

const (
	receiptVersion = 3
	// lastVersion bounds what is taken for the version of another release: what begins with anything else is no
	// receipt.
	lastVersion = 15
	// These are the numbers of the extras: DispatchedBy, the mark of those that go along with a push, the retries that the
	// message allows, and the nanoseconds that it is to wait after this attempt.
	extraBy      = 1
	extraPush    = 2
	extraRetries = 3
	extraDelay   = 4
	// maxReceipt bounds the bytes of a receipt: its texts are of bounded length.
	maxReceipt = 4096
)

// receiptOf is the receipt of a delivery to a worker. A time that could not be shown, which only damage brings into a
// store, is left out: the message can be settled all the same.
func receiptOf(transport, worker string, d *symphony.Delivery) receipt {
	r := receipt{
		transport: transport, lease: d.Lease, typ: d.Type, attempt: d.Attempt, lost: d.Lost, claimed: d.ClaimedAt,
		queue: d.Queue, worker: worker, created: d.CreatedAt, scheduled: d.ScheduledAt, by: d.DispatchedBy,
	}
	if t := d.Terms; t != nil && (t.MaxRetries != nil || t.RetryDelay != nil) {
		r.terms = &symphony.Terms{MaxRetries: t.MaxRetries}
		if n := len(t.RetryDelay); n > 0 {
			r.terms.RetryDelay = t.RetryDelay[min(d.Attempt, n)-1:][:1]
		}
	}
	if !symphony.StorableTime(r.created) {
		r.created = r.claimed
	}
	if !symphony.StorableTime(r.scheduled) {
		r.scheduled = time.Time{}
	}
	return r
}

var (
	// errReceipt: it is no receipt, or somebody has changed it.
	errReceipt = errors.New("is not a receipt of this server's")
	// errForeignReceipt: it is one, of another installation or of a release with other receipts.
	errForeignReceipt = errors.New("is a receipt of another installation, or of another version of it")
)

// text encodes the receipt: opaque, and safe in URLs.
func (r *receipt) text(s *seal) string {
	b := make([]byte, 0, 256)
	b = append(b, receiptVersion)
	b = append(b, s.id[:]...)
	for _, s := range [...]string{r.transport, r.lease.MessageID, r.lease.Token, r.typ, r.queue, r.worker} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range [...]int{r.lease.Index, r.attempt, r.lost} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	claimed := r.claimed.UnixMicro()
	b = binary.AppendVarint(b, claimed)
	b = binary.AppendVarint(b, claimed-r.created.UnixMicro()) // in few bytes
	scheduled := int64(0)                                     // none
	if !r.scheduled.IsZero() {
		scheduled = r.scheduled.UnixMicro()
	}
	b = binary.AppendVarint(b, scheduled)
	extra := func(number uint64, text string) {
		b = binary.AppendUvarint(b, number)
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	if r.by != "" {
		extra(extraBy, r.by)
	}
	if r.terms != nil {
		if n := r.terms.MaxRetries; n != nil {
			extra(extraRetries, strconv.Itoa(*n))
		}
		if d := r.terms.RetryDelay; d != nil {
			extra(extraDelay, strconv.FormatInt(int64(d[0]), 10))
		}
	}
	if r.push {
		b = binary.AppendUvarint(b, extraPush)
		b = binary.AppendUvarint(b, 0)
	}
	return base64.RawURLEncoding.EncodeToString(s.appendSum(b, b))
}

// parseReceipt decodes a receipt. The error is errReceipt or errForeignReceipt.
func parseReceipt(text string, s *seal) (receipt, error) {
	const head = 1 + sealIDSize
	if base64.RawURLEncoding.DecodedLen(len(text)) > maxReceipt {
		return receipt{}, errReceipt
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < head+sumSize || b[0] == 0 || b[0] > lastVersion {
		return receipt{}, errReceipt
	}
	if b[0] != receiptVersion || [sealIDSize]byte(b[1:head]) != s.id {
		return receipt{}, errForeignReceipt
	}
	end := len(b) - sumSize
	if !s.holds(b[:end], b[end:]) {
		return receipt{}, errReceipt
	}
	var r receipt
	in := receiptReader{rest: b[head:end]}
	for _, to := range [...]*string{&r.transport, &r.lease.MessageID, &r.lease.Token, &r.typ, &r.queue, &r.worker} {
		*to = in.text()
	}
	for _, to := range [...]*int{&r.lease.Index, &r.attempt, &r.lost} {
		*to = in.number()
	}
	claimed := in.micros()
	r.claimed, r.created = in.time(claimed), in.time(claimed-in.micros())
	if scheduled := in.micros(); scheduled != 0 {
		r.scheduled = in.time(scheduled)
	}
	for !in.bad && len(in.rest) > 0 {
		switch extra, text := in.number(), in.text(); extra {
		case extraBy:
			r.by = text
		case extraPush:
			r.push = true
		case extraRetries, extraDelay:
			n, err := strconv.ParseInt(text, 10, 64)
			in.bad = in.bad || err != nil
			if r.terms == nil {
				r.terms = new(symphony.Terms)
			}
			if extra == extraRetries {
				r.terms.MaxRetries = new(int(n))
			} else {
				r.terms.RetryDelay = []time.Duration{time.Duration(n)}
			}
		}
	}
	if in.bad {
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

// time is a time that can be stored and shown.
func (in *receiptReader) time(micros int64) time.Time {
	t := time.UnixMicro(micros).UTC()
	in.bad = in.bad || !symphony.StorableTime(t)
	return t
}
