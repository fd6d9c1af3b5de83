package symphony

import "encoding/json"

// A page has all its rows, but not more bodies than fit: once they have used up its bytes, further rows come without
// payload, metadata, headers and attempts, and say what they have of them. What is by itself has all. So a page takes a
// bounded memory whatever is stored, and none of its rows is missing.

// Omitted says what a page has left out of one row: how many bytes of payload, metadata and headers, each as it is stored,
// and how many attempts.
type Omitted struct {
	Payload, Metadata, Headers, Attempts int
}

// PageBytes counts the bodies of a page against its bytes. Storages use it as they read the rows in their order.
type PageBytes struct{ left int }

// NewPageBytes begins a page of so many bytes; 0 means MaxPageBytes.
func NewPageBytes(limit int) *PageBytes {
	if limit == 0 {
		limit = MaxPageBytes
	}
	return &PageBytes{limit}
}

// Left is how many bytes the further rows have, 0 where they come without bodies.
func (b *PageBytes) Left() int { return max(b.left, 0) }

// Message counts a row that has its body.
func (b *PageBytes) Message(e *Envelope, attempts []Attempt) {
	b.Bytes(e.Size())
	for i := range attempts {
		b.Bytes(len(attempts[i].Error) + len(attempts[i].ErrorClass) + len(attempts[i].Worker) + attemptBytes)
	}
}

// attemptBytes is what an attempt counts for beside its texts.
const attemptBytes = 100

// Schedule counts a schedule, or where nothing is left takes its payload, metadata and headers away.
func (b *PageBytes) Schedule(s *Schedule) {
	m, o := &s.Message, &s.Options
	if b.Left() > 0 {
		b.Bytes(len(m.Payload) + jsonSize(m.Metadata) + jsonSize(o.Metadata) + jsonSize(o.Headers))
		return
	}
	s.Omitted = &Omitted{Payload: len(m.Payload), Metadata: jsonSize(m.Metadata) + jsonSize(o.Metadata), Headers: jsonSize(o.Headers)}
	m.Payload, m.Metadata, o.Metadata, o.Headers = nil, nil, nil, nil
}

// Bytes counts so many.
func (b *PageBytes) Bytes(n int) { b.left -= n }

// Bare takes the body of a row and its attempts away, and returns what that was.
func (e *Envelope) Bare(attempts *[]Attempt) *Omitted {
	o := &Omitted{Payload: len(e.Payload), Metadata: jsonSize(e.Metadata), Headers: jsonSize(e.Headers), Attempts: len(*attempts)}
	e.Payload, e.Metadata, e.Headers, *attempts = nil, nil, nil, nil
	return o
}

// jsonSize is the size of an object as it is stored, 0 where there is none.
func jsonSize(m map[string]any) int {
	if len(m) == 0 {
		return 0
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return 0
	}
	return len(raw)
}

// Whole cuts a page before the first message that came without its body; its Next goes on there. The first message of a
// page always has its body.
func (p *MessagePage) Whole() {
	for i := 1; i < len(p.Messages); i++ {
		if p.Messages[i].Omitted != nil {
			p.Messages, p.Next = p.Messages[:i], p.Messages[i-1].ID
			return
		}
	}
}

// Whole cuts a page before the first message that came without its body; its Next goes on there. The first message of a
// page always has its body.
func (p *FailedPage) Whole() {
	for i := 1; i < len(p.Messages); i++ {
		if p.Messages[i].Omitted != nil {
			p.Messages, p.HasMore, p.Next = p.Messages[:i], true, p.Messages[i-1].ID
			return
		}
	}
}
