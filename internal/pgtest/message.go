//go:build unix

package pgtest

import (
	"bufio"
	"encoding/binary"
	"io"
	"sync/atomic"
)

// Message is a message of PostgreSQL's protocol on its way through a Proxy.
type Message struct {
	// Type is the protocol's letter for the message, such as 'Q' for a query, 'C' for a completed command (whose Body
	// is then its tag, as in "COMMIT\x00"), 'Z' for ready. It is 0 for those that have none: the first of a
	// connection, and everything under TLS, where a message is whatever arrives at once.
	Type byte
	// Body is what follows type and length. It is valid during the call only.
	Body []byte
	// N counts the messages that the hook has seen, from 1, over all connections.
	N int64
	// Conn is the connection, from 1, the same in both directions.
	Conn int64

	raw []byte // all of it
}

const (
	// maxParcel bounds what is passed on at once, in bytes, unless a single message is larger.
	maxParcel = 64 << 10
	// maxMessage and maxFirst are where a length is no length any more, in bytes: PostgreSQL takes no longer messages,
	// and no longer first message of a connection.
	maxMessage = 1 << 30
	maxFirst   = 10_000
)

// The codes with which a client asks for encryption in place of its first message. The answer is one byte: 'N' and
// the client starts anew in plain, or another and what follows is encrypted.
const (
	sslRequest = 80877103
	gssRequest = 80877104
)

// phase is what the directions of a connection have to know of each other to tell messages apart.
type phase struct {
	asked  atomic.Bool // the client asked for encryption, and the server's next byte is the answer
	opaque atomic.Bool // what follows is encrypted
}

// reader splits what arrives in one direction into messages.
type reader struct {
	in      *bufio.Reader
	d       Direction
	phase   *phase
	started bool // the messages have types from here on
}

func newReader(d Direction, from io.Reader, shared *phase) *reader {
	return &reader{in: bufio.NewReaderSize(from, maxParcel), d: d, phase: shared, started: d == ToClient}
}

// read returns the next message and those that have arrived with it as a whole. With an error there may be a last,
// incomplete one: what arrived is passed on whatever it is.
func (r *reader) read() ([]Message, error) {
	var messages []Message
	for size := 0; len(messages) == 0 || size < maxParcel && r.whole(); {
		m, err := r.next()
		if len(m.raw) > 0 {
			messages = append(messages, m)
			size += len(m.raw)
		}
		if err != nil {
			return messages, err
		}
	}
	return messages, nil
}

// whole says whether reading the next message will not have to wait.
func (r *reader) whole() bool {
	head := r.in.Buffered()
	if head < 5 || !r.started || r.phase.asked.Load() || r.phase.opaque.Load() {
		return false
	}
	next, err := r.in.Peek(5)
	return err == nil && int64(head) > int64(binary.BigEndian.Uint32(next[1:]))
}

// next reads one message.
func (r *reader) next() (Message, error) {
	first, err := r.in.Peek(1)
	if err != nil {
		return Message{}, err
	}
	switch {
	case r.phase.opaque.Load():
		return r.take(r.in.Buffered(), 0)
	case r.d == ToClient && r.phase.asked.Load():
		// Before the answer is passed on, so that the other direction knows before the client goes on.
		r.phase.opaque.Store(first[0] != 'N')
		r.phase.asked.Store(false)
		return r.take(1, 0)
	}
	head, most := 4, uint32(maxFirst)
	if r.started {
		head, most = 5, maxMessage
	}
	start, err := r.in.Peek(head)
	if err != nil {
		m, _ := r.take(len(start), 0)
		return m, err
	}
	length := binary.BigEndian.Uint32(start[head-4:])
	if length < 4 || length > most {
		r.phase.opaque.Store(true) // not PostgreSQL's protocol: pass it on as it is
		return r.take(r.in.Buffered(), 0)
	}
	m, err := r.take(head-4+int(length), head)
	if err != nil || r.started {
		return m, err
	}
	if code := binary.BigEndian.Uint32(append(m.Body, 0, 0, 0, 0)); code == sslRequest || code == gssRequest {
		r.phase.asked.Store(true)
	} else {
		r.started = true
	}
	return m, nil
}

// take reads n bytes as a message whose type and length are its first head bytes. One cut short by the end of the
// connection is returned with the error.
func (r *reader) take(n, head int) (Message, error) {
	raw := make([]byte, n)
	got, err := io.ReadFull(r.in, raw)
	m := Message{raw: raw[:got]}
	if err == nil {
		m.Body = raw[head:]
		if head == 5 {
			m.Type = raw[0]
		}
	}
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return m, err
}
