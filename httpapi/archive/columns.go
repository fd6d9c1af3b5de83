package archive

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// column is one column of a CSV file: how a message's cell is written, and read.
type column struct {
	name string
	get  func(*Message) (string, error)
	set  func(*Message, string) error
}

// columns are those of messages, in their order. Files of messages have all but those of failed ones, and the other way
// round; when a file is read any may be there, in any order.
func columns() []column {
	return []column{
		text("id", func(m *Message) *string { return &m.ID }),
		text("messageId", func(m *Message) *string { return &m.MessageID }),
		text("status", func(m *Message) *string { return &m.Status }),
		text("transport", func(m *Message) *string { return &m.Transport }),
		text("queue", func(m *Message) *string { return &m.Queue }),
		text("type", func(m *Message) *string { return &m.Message.Type }),
		number("priority", func(m *Message) *int { return &m.Priority }),
		raw("payload", func(m *Message) *jsontext.Value { return &m.Message.Payload }),
		raw("metadata", func(m *Message) *jsontext.Value { return &m.Message.Metadata }),
		{"headers", headersCell, setHeaders},
		text("idempotencyKey", func(m *Message) *string { return &m.IdempotencyKey }),
		moment("createdAt", func(m *Message) **time.Time { return &m.CreatedAt }),
		moment("scheduledAt", func(m *Message) **time.Time { return &m.ScheduledAt }),
		moment("availableAt", func(m *Message) **time.Time { return &m.AvailableAt }),
		moment("startedAt", func(m *Message) **time.Time { return &m.StartedAt }),
		moment("leasedUntil", func(m *Message) **time.Time { return &m.LeasedUntil }),
		moment("finishedAt", func(m *Message) **time.Time { return &m.FinishedAt }),
		moment("failedAt", func(m *Message) **time.Time { return &m.FailedAt }),
		text("worker", func(m *Message) *string { return &m.Worker }),
		number("attempt", func(m *Message) *int { return &m.Attempt }),
		text("failedId", func(m *Message) *string { return &m.FailedID }),
		ofCancel(moment("cancelRequestedAt", func(m *Message) **time.Time { return &m.Cancel.RequestedAt })),
		ofCancel(text("cancelBy", func(m *Message) *string { return &m.Cancel.By })),
		ofCancel(text("cancelReason", func(m *Message) *string { return &m.Cancel.Reason })),
		text("error", func(m *Message) *string { return &m.Error }),
		text("errorClass", func(m *Message) *string { return &m.ErrorClass }),
		text("failureGroup", func(m *Message) *string { return &m.FailureGroup }),
		raw("output", func(m *Message) *jsontext.Value { return &m.Output }),
		text("outputError", func(m *Message) *string { return &m.OutputError }),
		number("retryCount", func(m *Message) *int { return &m.RetryCount }),
		value("maxRetries", func(m *Message) **int { return &m.MaxRetries }),
		raw("attempts", func(m *Message) *jsontext.Value { return &m.Attempts }),
		text("correlationId", func(m *Message) *string { return &m.CorrelationID }),
		text("causationId", func(m *Message) *string { return &m.CausationID }),
		moment("expiresAt", func(m *Message) **time.Time { return &m.ExpiresAt }),
		text("concurrencyKey", func(m *Message) *string { return &m.ConcurrencyKey }),
		text("groupKey", func(m *Message) *string { return &m.GroupKey }),
		flag("ordered", func(m *Message) *bool { return &m.Ordered }),
		value("retryDelay", func(m *Message) *wire.Delays { return &m.RetryDelay }),
		value("timeout", func(m *Message) **int { return &m.Timeout }),
		value("retention", func(m *Message) **int { return &m.Retention }),
		value("tags", func(m *Message) *[]string { return &m.Tags }),
		text("url", func(m *Message) *string { return &m.URL }),
		value("onSuccess", func(m *Message) **wire.Callback { return &m.OnSuccess }),
		value("onFailure", func(m *Message) **wire.Callback { return &m.OnFailure }),
		value("retryOf", func(m *Message) **wire.RetryOf { return &m.RetryOf }),
		text("dispatchedBy", func(m *Message) *string { return &m.DispatchedBy }),
		flag("masked", func(m *Message) *bool { return &m.Masked }),
		flag("unreadable", func(m *Message) *bool { return &m.Unreadable }), // the last: others set it
	}
}

// ofCancel is a column that only messages have which are, or are to be, cancelled.
func ofCancel(c column) column {
	get, set := c.get, c.set
	c.get = func(m *Message) (string, error) {
		if m.Cancel == nil {
			return "", nil
		}
		return get(m)
	}
	c.set = func(m *Message, cell string) error {
		if cell == "" {
			return nil
		}
		if m.Cancel == nil {
			m.Cancel = new(Cancel)
		}
		return set(m, cell)
	}
	return c
}

// columnsOf are the columns of a file of stored, or of failed, messages.
func columnsOf(failed bool) []column {
	left := map[string]bool{"messageId": !failed, "failedAt": !failed, "retryCount": !failed, "attempts": !failed,
		"failureGroup": !failed,
		"availableAt":  failed, "startedAt": failed, "leasedUntil": failed, "finishedAt": failed, "worker": failed, "attempt": failed, "failedId": failed,
		"output": failed, "outputError": failed,
		"cancelRequestedAt": failed, "cancelBy": failed, "cancelReason": failed}
	var list []column
	for _, c := range columns() {
		if !left[c.name] {
			list = append(list, c)
		}
	}
	return list
}

// formula are the characters with which a cell must not begin as it is.
const formula = "=+-@\t\r'"

func guard(s string) string {
	if s != "" && strings.ContainsRune(formula, rune(s[0])) {
		return "'" + s
	}
	return s
}

func unguard(s string) string { return strings.TrimPrefix(s, "'") }

func text(name string, field func(*Message) *string) column {
	return column{name, func(m *Message) (string, error) { return *field(m), nil }, func(m *Message, s string) error {
		*field(m) = s
		return nil
	}}
}

func number(name string, field func(*Message) *int) column {
	return column{name, func(m *Message) (string, error) { return strconv.Itoa(*field(m)), nil }, func(m *Message, s string) (err error) {
		if *field(m), err = strconv.Atoi(s); err != nil {
			return errors.New("must be an integer")
		}
		return nil
	}}
}

func raw(name string, field func(*Message) *jsontext.Value) column {
	return column{name, func(m *Message) (string, error) {
		if len(*field(m)) == 0 {
			return "", nil
		}
		v := field(m).Clone()
		// A line break in a cell is read back as one character, so none is written.
		err := v.Format(wire.AsGiven())
		return string(v), err
	}, func(m *Message, s string) error {
		v := jsontext.Value(s)
		if !v.IsValid() {
			return errors.New("must be valid JSON in UTF-8 without duplicate names")
		}
		*field(m) = v
		return nil
	}}
}

// value is a column of what few messages have, as JSON: empty for none.
func value[T any](name string, field func(*Message) *T) column {
	return column{name, func(m *Message) (string, error) {
		b, err := json.Marshal(field(m), json.Deterministic(true), wire.AsGiven())
		if string(b) == "null" || string(b) == "[]" {
			return "", err
		}
		return string(b), err
	}, func(m *Message, s string) error {
		if err := json.Unmarshal([]byte(s), field(m), json.RejectUnknownMembers(true)); err != nil {
			return errors.New("must be JSON such as the HTTP API takes")
		}
		return nil
	}}
}

func moment(name string, field func(*Message) **time.Time) column {
	return column{name, func(m *Message) (string, error) {
		t := *field(m)
		if t == nil {
			return "", nil
		}
		text, err := t.UTC().MarshalText()
		return string(text), err
	}, func(m *Message, s string) error {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return errors.New("must be a time in RFC 3339, such as 2026-12-01T09:00:00Z")
		}
		*field(m) = &t
		return nil
	}}
}

func headersCell(m *Message) (string, error) {
	if len(m.Headers) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(m.Headers, json.Deterministic(true), wire.AsGiven())
	return string(b), err
}

func setHeaders(m *Message, s string) error {
	if err := json.Unmarshal([]byte(s), &m.Headers); err != nil {
		return errors.New("must be a JSON object in UTF-8 without duplicate names")
	}
	return nil
}

func flag(name string, field func(*Message) *bool) column {
	return column{name, func(m *Message) (string, error) {
		if *field(m) {
			return "true", nil
		}
		return "", nil
	}, func(m *Message, s string) (err error) {
		if *field(m), err = strconv.ParseBool(s); err != nil {
			return errors.New("must be true or false")
		}
		return nil
	}}
}
