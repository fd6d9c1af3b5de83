package storage

import (
	"github.com/symphony-messenger/symphony"
)

// A page has all its rows, but not more bodies than fit: once they have used up its bytes, further rows come without
// payload, metadata, headers and attempts, and say what they have of them. What is by itself has all. So a page takes a
// bounded memory whatever is stored, and none of its rows is missing.

// PageBytes counts the bodies of a page against its bytes. Storages use it as they read the rows in their order.
type PageBytes struct{ left int }

// NewPageBytes begins a page of so many bytes; 0 means symphony.MaxPageBytes.
func NewPageBytes(limit int) *PageBytes {
	if limit == 0 {
		limit = symphony.MaxPageBytes
	}
	return &PageBytes{limit}
}

// Left is how many bytes the further rows have, 0 where they come without bodies.
func (b *PageBytes) Left() int { return max(b.left, 0) }

// Message counts a row that has its body.
func (b *PageBytes) Message(e *symphony.Envelope, attempts []symphony.Attempt) {
	b.Bytes(e.Size())
	for i := range attempts {
		b.Bytes(len(attempts[i].Error) + len(attempts[i].ErrorClass) + len(attempts[i].Worker) + attemptBytes)
	}
}

// attemptBytes is what an attempt counts for beside its texts.
const attemptBytes = 100

// Bytes counts so many.
func (b *PageBytes) Bytes(n int) { b.left -= n }
