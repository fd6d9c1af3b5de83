package symphony

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Terms are what one message has of its own beside its way: how it is tried, how long it is kept, by which words it is
// found, where it goes, and what follows it. Envelopes have none where nothing of it was asked for. What a message says
// wins over its type, which wins over its transport. Terms must not be changed once a message has them.
type Terms struct {
	// MaxRetries is the number of attempts after the first, 0 to MaxRetries. Nil: as the policy says.
	MaxRetries *int `json:"maxRetries,omitempty"`
	// RetryDelay lists the delay before each retry, the last of which repeats; see Policy.For. None: as the policy
	// says.
	RetryDelay []time.Duration `json:"retryDelay,omitempty"`
	// Timeout limits each attempt, MinTimeout to MaxTimeout. 0: as the handler's options say.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Retention is how long the message is kept once it is completed or cancelled, 0 to MaxRetention in whole
	// milliseconds, 0 for not at all. Nil: as the rules of its storage say; see package retention.
	Retention *time.Duration `json:"retention,omitempty"`
	// Tags are words by which messages are found: each once, in the order given.
	Tags []string `json:"tags,omitempty"`
	// URL is the endpoint that the message is pushed to instead of to a handler.
	URL string `json:"url,omitempty"`
	// OnSuccess is dispatched when the message is completed, OnFailure when it has failed for good or was cancelled.
	OnSuccess *Callback `json:"onSuccess,omitempty"`
	OnFailure *Callback `json:"onFailure,omitempty"`
	// RetryOf is set on a message that took the place of a failed one.
	RetryOf *RetryOf `json:"retryOf,omitempty"`
}

// Callback is a message that is dispatched in the transaction that ends another one, its source. Payload is nil or a
// JSON object without a member CallbackSource, which it gets; see Source.
type Callback struct {
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
	// Queue and Transport are chosen as for a dispatch. The transport must be in the same storage as the source's. What
	// a message has been stored with names both.
	Queue     string `json:"queue,omitempty"`
	Transport string `json:"transport,omitempty"`
	// Priority is the transport's, set by the Bus.
	Priority int `json:"priority,omitempty"`
}

// RetryOf tells which failed message a message was dispatched for again.
type RetryOf struct {
	FailedID  string `json:"failedId"`
	MessageID string `json:"messageId"`
	// Payload is the failed message's, where the retry has corrected it.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Storages keep callbacks and what they were retries of as JSON of which databases read parts. There payloads are
// texts: they stay as they were given, and what a database does not read, such as \u0000, hurts nothing.

// MarshalJSON encodes the callback with its payload as a text.
func (c Callback) MarshalJSON() ([]byte, error) {
	type plain Callback
	return json.Marshal(struct {
		plain
		Payload string `json:"payload,omitempty"`
	}{plain(c), string(c.Payload)})
}

// UnmarshalJSON decodes what MarshalJSON has encoded.
func (c *Callback) UnmarshalJSON(raw []byte) error {
	type plain Callback
	of := struct {
		*plain
		Payload string `json:"payload"`
	}{plain: (*plain)(c)}
	if err := json.Unmarshal(raw, &of); err != nil {
		return err
	}
	c.Payload = rawOrNil(of.Payload)
	return nil
}

// MarshalJSON encodes r with its payload as a text.
func (r RetryOf) MarshalJSON() ([]byte, error) {
	return json.Marshal(retryOfJSON{r.FailedID, r.MessageID, string(r.Payload)})
}

// UnmarshalJSON decodes what MarshalJSON has encoded.
func (r *RetryOf) UnmarshalJSON(raw []byte) error {
	var of retryOfJSON
	if err := json.Unmarshal(raw, &of); err != nil {
		return err
	}
	r.FailedID, r.MessageID, r.Payload = of.FailedID, of.MessageID, rawOrNil(of.Payload)
	return nil
}

type retryOfJSON struct {
	FailedID  string `json:"failedId"`
	MessageID string `json:"messageId"`
	Payload   string `json:"payload,omitempty"`
}

func rawOrNil(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// CallbackSource is the member of a callback's payload that tells of the message it follows.
const CallbackSource = "source"

// Kept is how long the message is to be kept after an outcome by what it says itself, nil where that is nothing. Failed
// messages are kept as the rules of their storage say. Nil terms say nothing.
func (t *Terms) Kept(outcome Status) *time.Duration {
	if t == nil || outcome != Completed && outcome != Cancelled {
		return nil
	}
	return t.Retention
}

// Again are the terms of a message that is dispatched again: all but what it was itself a retry of.
func (t *Terms) Again() *Terms {
	if t == nil || t.RetryOf == nil {
		return t
	}
	again := *t
	again.RetryOf = nil
	return again.orNil()
}

// Pushed reports whether the message is pushed to a URL of its own instead of to a handler of its type. Storages hand
// such messages out to those only who say that they push; see ReceiveOptions.Pushes. Nil terms are not.
func (t *Terms) Pushed() bool { return t != nil && t.URL != "" }

// Binding reports whether whoever handles the message, or ends it, has to heed the terms. Nil terms are not.
func (t *Terms) Binding() bool {
	if t == nil {
		return false
	}
	told := *t
	told.Tags, told.RetryOf = nil, nil
	return told.orNil() != nil
}

// orNil is nil where nothing is asked for.
func (t *Terms) orNil() *Terms {
	if t.MaxRetries == nil && t.RetryDelay == nil && t.Timeout == 0 && t.Retention == nil && t.Tags == nil &&
		t.URL == "" &&
		t.OnSuccess == nil && t.OnFailure == nil && t.RetryOf == nil {
		return nil
	}
	return t
}

// terms returns what the options ask for, nil if that is nothing. An empty list is none.
func (o *DispatchOptions) terms() *Terms {
	if o.MaxRetries == nil && len(o.RetryDelay) == 0 && o.Timeout == 0 && o.Retention == nil && len(o.Tags) == 0 &&
		o.URL == "" &&
		o.OnSuccess == nil && o.OnFailure == nil {
		return nil
	}
	t := &Terms{MaxRetries: o.MaxRetries, Timeout: o.Timeout, Retention: o.Retention, URL: o.URL,
		OnSuccess: o.OnSuccess, OnFailure: o.OnFailure}
	if len(o.RetryDelay) > 0 {
		t.RetryDelay = o.RetryDelay
	}
	t.Tags = distinct(o.Tags)
	return t
}

// setTerms has the options ask for t, which may be nil.
func (o *DispatchOptions) setTerms(t *Terms) {
	if t == nil {
		return
	}
	o.MaxRetries, o.RetryDelay, o.Timeout, o.Retention = t.MaxRetries, t.RetryDelay, t.Timeout, t.Retention
	o.Tags, o.URL, o.OnSuccess, o.OnFailure = t.Tags, t.URL, t.OnSuccess, t.OnFailure
}

// Tagged reports whether a tag is among the message's. Nil terms have none.
func (t *Terms) Tagged(tag string) bool {
	if t == nil {
		return false
	}
	for _, own := range t.Tags {
		if own == tag {
			return true
		}
	}
	return false
}

// terms appends the problems of the options that are about terms, and returns what they count for as bytes.
func (p *problems) terms(o *DispatchOptions) (size int) {
	if n := o.MaxRetries; n != nil && (*n < 0 || *n > MaxRetries) {
		p.add("options.maxRetries", "must be 0 to %d", MaxRetries)
	}
	if len(o.RetryDelay) > MaxRetryDelays {
		p.add("options.retryDelay", "must have at most %d entries, has %d", MaxRetryDelays, len(o.RetryDelay))
	}
	for i, d := range o.RetryDelay[:min(len(o.RetryDelay), MaxRetryDelays)] {
		path := "options.retryDelay"
		if len(o.RetryDelay) > 1 {
			path += fmt.Sprintf("[%d]", i)
		}
		if d < 0 || d > MaxRetryDelay {
			p.add(path, "must be 0 to %d ms", MaxRetryDelay.Milliseconds())
		}
	}
	if d := o.Timeout; d != 0 && (d < MinTimeout || d > MaxTimeout) {
		p.add("options.timeout", "must be %d to %d ms", MinTimeout.Milliseconds(), MaxTimeout.Milliseconds())
	}
	if d := o.Retention; d != nil && (*d < 0 || *d > MaxRetention) {
		p.add("options.retention", "must be 0 to %d ms", MaxRetention.Milliseconds())
	}
	p.tags("options.tags", o.Tags)
	p.url(o.URL)
	return p.callback("options.onSuccess", o.OnSuccess) + p.callback("options.onFailure", o.OnFailure)
}

// distinct are tags, each once.
func distinct(tags []string) (each []string) {
	for _, tag := range tags {
		if !slices.Contains(each, tag) {
			each = append(each, tag)
		}
	}
	return each
}

func (p *problems) tags(path string, tags []string) {
	if len(tags) > MaxTags {
		p.add(path, "must have at most %d entries, has %d", MaxTags, len(tags))
		return
	}
	for i, tag := range tags {
		path := fmt.Sprintf("%s[%d]", path, i)
		switch n := utf8.RuneCountInString(tag); {
		case n < 1 || n > MaxTagLength:
			p.add(path, "must have 1 to %d characters, has %d", MaxTagLength, n)
		case !printable(tag):
			p.add(path, "must consist of printable characters")
		case strings.Contains(tag, ","):
			p.add(path, "must not have a comma, which stands between tags")
		}
	}
}

// url checks what every url must be. Where messages may be pushed to is for BusOptions.URLs to say.
func (p *problems) url(text string) {
	if text == "" {
		return
	}
	if err := ValidateURL(text); err != nil {
		p.add("options.url", "%s", err.Error())
	}
}

// ValidateURL reports what is wrong with a URL to which messages are to be pushed: it must be absolute, of http or https,
// of at most MaxURLLength printable characters, and have neither a user nor a fragment. Whether messages may be pushed
// there is another question.
func ValidateURL(text string) error {
	if n := utf8.RuneCountInString(text); n > MaxURLLength {
		return fmt.Errorf("must have at most %d characters, has %d", MaxURLLength, n)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !printable(text) || strings.Contains(text, " "):
		return errors.New("must be a URL such as https://example.com/hook")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("must begin with http:// or https:// and name a host")
	case u.User != nil:
		return errors.New("must not have a user or a password: everybody would see them, and what is pushed is signed")
	case u.Fragment != "":
		return errors.New("must not have a fragment, which is never sent")
	}
	return nil
}

// origin is the scheme, host and port of a URL that was checked.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// pushable asks whether messages may be pushed to a URL.
func (p *problems) pushable(allowed func(string) error, url string) {
	if allowed == nil {
		p.add("options.url", "is not allowed: this bus has messages pushed to no URL of their own")
	} else if err := allowed(url); err != nil {
		p.add("options.url", "%s", err.Error())
	}
}

// callback checks what can be told without knowing the transports, and returns the bytes of its payload.
func (p *problems) callback(path string, c *Callback) int {
	if c == nil {
		return 0
	}
	switch n := utf8.RuneCountInString(c.Type); {
	case n == 0:
		p.add(path+".type", "is required")
	case n > MaxTypeLength:
		p.add(path+".type", "must have at most %d characters, has %d", MaxTypeLength, n)
	case !printable(c.Type):
		p.add(path+".type", "must consist of printable characters")
	}
	if c.Queue != "" {
		p.name(path+".queue", c.Queue)
	}
	if c.Transport != "" {
		p.name(path+".transport", c.Transport)
	}
	if c.Payload == nil {
		return 0
	}
	known := len(p.list)
	if p.object(path+".payload", c.Payload); len(p.list) == known && hasMember(c.Payload, CallbackSource) {
		p.add(path+".payload."+CallbackSource, "must not be given: it will tell of the message that this one follows")
	}
	return len(c.Payload)
}

// hasMember reports whether a valid JSON object has a member of that name.
func hasMember(object json.RawMessage, name string) bool {
	if !bytes.Contains(object, []byte(`\`)) && !bytes.Contains(object, []byte(`"`+name+`"`)) {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return false
	}
	_, has := members[name]
	return has
}
