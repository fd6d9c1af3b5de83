package symphony

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Message is what an application dispatches: what happened or should be done, and its data.
type Message struct {
	// Type names the kind of message, 1 to 255 printable characters. Routes and handlers are found by it.
	Type string
	// Payload is a JSON object. It is stored and delivered byte for byte.
	Payload json.RawMessage
	// Metadata is free data beside the payload. Numbers come back as json.Number, with every digit.
	Metadata map[string]any
}

// NewMessage makes a message of a Go value. A json.RawMessage is taken as it is, everything else is marshalled.
func NewMessage(typ string, payload any) (Message, error) {
	if raw, ok := payload.(json.RawMessage); ok {
		return Message{Type: typ, Payload: raw}, nil
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return Message{}, fmt.Errorf("marshal payload of %q: %w", typ, err)
	}
	return Message{Type: typ, Payload: raw}, nil
}

// DispatchOptions say how one message is dispatched. The zero value means every default. An option has the same name
// in JSON wherever it is read or kept: in requests, files and schedules.
type DispatchOptions struct {
	// Transport names where the message is stored. Default: the route for its type, else the bus's default transport.
	Transport string `json:"transport,omitempty"`
	// Queue is the lane within the transport. Default: the transport's default queue, else "default".
	Queue string `json:"queue,omitempty"`
	// Priority is 1 to 10, 10 first. 0 means the transport's default, else 5.
	Priority int `json:"priority,omitempty"`
	// ScheduledAt is the earliest time of delivery, in the years 1970 to 9999. Zero or past means now.
	ScheduledAt time.Time `json:"scheduledAt,omitzero"`
	// IdempotencyKey makes one message of all dispatches with the same key to the same transport within the
	// bus's window. Empty means none.
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	// Metadata is merged over the message's, name by name.
	Metadata map[string]any `json:"metadata,omitempty"`
	// Headers travel with the message, for tracing and the like: at most MaxHeaders, of any JSON value. Values are
	// given as in Metadata, and numbers come back as json.Number, with every digit.
	Headers map[string]any `json:"headers,omitempty"`
	// Delay is the wait before delivery, 0 to MaxDelay, instead of ScheduledAt.
	Delay time.Duration `json:"delay,omitempty"`
	// ExpiresAt, ConcurrencyKey, GroupKey, Ordered, DebounceKey and ThrottleKey are those of Flow. Keys have at most
	// MaxKeyLength characters.
	ExpiresAt      time.Time `json:"expiresAt,omitzero"`
	ConcurrencyKey string    `json:"concurrencyKey,omitempty"`
	GroupKey       string    `json:"groupKey,omitempty"`
	Ordered        bool      `json:"ordered,omitempty"`
	DebounceKey    string    `json:"debounceKey,omitempty"`
	ThrottleKey    string    `json:"throttleKey,omitempty"`
	// MaxRetries, RetryDelay, Timeout, Retention, Tags, URL, OnSuccess and OnFailure are those of Terms.
	MaxRetries *int            `json:"maxRetries,omitempty"`
	RetryDelay []time.Duration `json:"retryDelay,omitempty"`
	Timeout    time.Duration   `json:"timeout,omitempty"`
	Retention  *time.Duration  `json:"retention,omitempty"`
	Tags       []string        `json:"tags,omitempty"`
	URL        string          `json:"url,omitempty"`
	OnSuccess  *Callback       `json:"onSuccess,omitempty"`
	OnFailure  *Callback       `json:"onFailure,omitempty"`
	// CorrelationID and CausationID are those of Envelope. Default: those that follow from the message being handled,
	// if the dispatch is made with its handler's context.
	CorrelationID string `json:"correlationId,omitempty"`
	CausationID   string `json:"causationId,omitempty"`
	// DispatchedBy names who has the message dispatched, such as "user:" and an id: what Messages.Of and DeadLetters.Of
	// show of all messages. At most MaxCallerLength characters. Empty: nobody in particular.
	DispatchedBy string `json:"dispatchedBy,omitempty"`
	// KeysOf names whose IdempotencyKey, DebounceKey and ThrottleKey are: equal keys of two owners have nothing to do
	// with each other. Empty: those that all share.
	KeysOf string `json:"keysOf,omitempty"`
}

// Outgoing is one message of a batch with its options.
type Outgoing struct {
	Message Message
	Options DispatchOptions
}

// Envelope is a message on its way: the message and all that the system knows about it. The Bus makes envelopes,
// transports keep them; handlers must not change them.
type Envelope struct {
	ID        string // UUID version 7
	Type      string
	Payload   json.RawMessage
	Metadata  map[string]any
	Headers   map[string]any
	Transport string
	Queue     string
	Priority  int
	// CreatedAt is when the message was dispatched, ScheduledAt when the caller wanted it (zero: at once).
	CreatedAt   time.Time
	ScheduledAt time.Time
	// CorrelationID is shared by all messages of one story; empty for the one that began it, see Correlation.
	// CausationID is the id of the message whose handling dispatched this one.
	CorrelationID string
	CausationID   string
	// DispatchedBy is who had the message dispatched, empty for nobody in particular.
	DispatchedBy string
	// Flow and Terms are nil where nothing of them was asked for.
	Flow  *Flow
	Terms *Terms

	// IdempotencyKey is the caller's key, KeysOf whose it is, Fingerprint what its dispatches must agree on, and
	// IdempotencyWindow how long the key is remembered. The last three matter to Send only and are not set on received
	// envelopes.
	IdempotencyKey    string
	KeysOf            string
	Fingerprint       [sha256.Size]byte
	IdempotencyWindow time.Duration
}

// IdempotencyName is the name under which storages remember the idempotency key: keys of different owners have
// different ones. Empty without a key.
func (e *Envelope) IdempotencyName() string { return keyName(e.KeysOf, e.IdempotencyKey) }

// keyName joins a key with its owner. Neither has a line break in it.
func keyName(owner, key string) string {
	if owner == "" || key == "" {
		return key
	}
	return owner + "\n" + key
}

// Size is what the message counts for against byte limits: payload, metadata and headers as they are stored.
func (e *Envelope) Size() int {
	n := len(e.Payload)
	for k, v := range e.Headers {
		n += len(k) + 6
		if s, ok := v.(string); ok {
			n += len(s)
		} else if raw, err := json.Marshal(v); err == nil {
			n += len(raw)
		}
	}
	if len(e.Metadata) > 0 {
		if raw, err := json.Marshal(e.Metadata); err == nil {
			n += len(raw)
		}
	}
	return n
}

// problems gathers what is wrong with one dispatch, with every path under the same prefix.
type problems struct {
	prefix string
	list   []Problem
	// outside are messages that the bus does not admit; see Bus.Within.
	outside []Problem
	bound   *binding
	fault   error // what kept the message from being looked at: no mistake of the caller's
}

func (p *problems) add(path, format string, args ...any) {
	p.list = append(p.list, Problem{Path: p.prefix + path, Message: fmt.Sprintf(format, args...)})
}

// err is nil without problems.
func (p *problems) err() error {
	if len(p.outside) > 0 {
		return p.bound.refuse(p.outside)
	}
	if len(p.list) > 0 {
		return &ValidationError{p.list}
	}
	return p.fault
}

// validate appends every problem of one outgoing message, and returns the bytes of its payload and metadata.
func (p *problems) validate(out *Outgoing, maxBytes int) (size int) {
	m, o := &out.Message, &out.Options
	switch n := utf8.RuneCountInString(m.Type); {
	case n == 0:
		p.add("message.type", "is required")
	case n > MaxTypeLength:
		p.add("message.type", "must have at most %d characters, has %d", MaxTypeLength, n)
	case !printable(m.Type):
		p.add("message.type", "must consist of printable characters")
	}
	if len(m.Payload) == 0 {
		p.add("message.payload", "is required")
	} else {
		p.object("message.payload", m.Payload)
	}
	size = len(m.Payload) + p.free("message.metadata", m.Metadata) + p.free("options.metadata", o.Metadata)
	if size > maxBytes {
		p.add("message.payload", "payload and metadata must have at most %d bytes together, have %d", maxBytes, size)
	}
	if o.Transport != "" {
		p.name("options.transport", o.Transport)
	}
	if o.Queue != "" {
		p.name("options.queue", o.Queue)
	}
	if o.Priority != 0 && (o.Priority < MinPriority || o.Priority > MaxPriority) {
		p.add("options.priority", "must be %d to %d", MinPriority, MaxPriority)
	}
	p.time("options.scheduledAt", o.ScheduledAt)
	p.caller("options.dispatchedBy", o.DispatchedBy)
	p.caller("options.keysOf", o.KeysOf)
	p.key("options.idempotencyKey", o.IdempotencyKey)
	p.flow(o)
	if besides := p.terms(o); besides > 0 && size <= maxBytes && size+besides > maxBytes {
		p.add("options", "the payloads of callbacks, with payload and metadata, must have at most %d bytes together, "+
			"have %d", maxBytes, size+besides)
	}
	p.headers(o.Headers)
	return size
}

// encoded appends the problems of a payload as a codec made it, beside which besides bytes are stored.
func (p *problems) encoded(payload json.RawMessage, besides, maxBytes int) {
	p.object("message.payload", payload)
	if size := len(payload) + besides; size > maxBytes {
		p.add("message.payload", "payload, as it is encoded, and metadata must have at most %d bytes together, have %d", maxBytes, size)
	}
}

// key checks a text by which messages are told apart. None is fine.
func (p *problems) key(path, k string) {
	if k == "" {
		return
	}
	if n := utf8.RuneCountInString(k); n > MaxKeyLength {
		p.add(path, "must have at most %d characters, has %d", MaxKeyLength, n)
	} else if !printable(k) {
		p.add(path, "must consist of printable characters")
	}
}

// caller checks the name of who calls. None is fine.
func (p *problems) caller(path, name string) {
	if name == "" {
		return
	}
	if n := utf8.RuneCountInString(name); n > MaxCallerLength {
		p.add(path, "must have at most %d characters, has %d", MaxCallerLength, n)
	} else if !printable(name) {
		p.add(path, "must consist of printable characters")
	}
}

// payload appends what a checker finds in a payload that is a valid object.
func (p *problems) payload(checker PayloadChecker, typ string, payload json.RawMessage, path string) {
	if checker == nil {
		return
	}
	for _, problem := range checker.CheckPayload(typ, payload) {
		at := path
		if problem.Path != "" {
			at += "." + problem.Path
		}
		p.add(at, "%s", problem.Message)
	}
}

func (p *problems) name(path, s string) {
	if err := ValidateName(s); err != nil {
		p.add(path, "%s", err.Error())
	}
}

// ValidateName reports whether s can name a queue or a transport: 1 to 100 letters, digits, ".", "_", "-" or ":".
func ValidateName(s string) error {
	if len(s) == 0 || len(s) > MaxNameLength {
		return fmt.Errorf("must have 1 to %d characters", MaxNameLength)
	}
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._-:", r):
		default:
			return fmt.Errorf("must consist of letters, digits and . _ - : only")
		}
	}
	return nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
