package httppush

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony"
)

// maxRefusal is how much of a refusal in JSON is read.
const maxRefusal = 64 << 10

// isJSON reports whether an answer says that it is JSON.
func isJSON(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == "application/json"
}

// keepOutput keeps the body of an answer as the message's output. What cannot be kept is told: the work is done.
func keepOutput(ctx context.Context, body io.Reader) {
	most := symphony.MaxOutput(ctx)
	raw, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	switch {
	case len(raw) > most:
		symphony.SetOutputError(ctx, symphony.OutputTooLarge)
	case err != nil, symphony.SetOutput(ctx, json.RawMessage(raw)) != nil:
		symphony.SetOutputError(ctx, symphony.OutputNotJSON)
	}
}

// ToldError is what an endpoint says itself about why it did not accept a message.
type ToldError struct {
	Endpoint string // scheme and host
	Status   int
	Text     string
	class    string
}

func (e *ToldError) Error() string { return e.Text }

// ErrorClass is what the endpoint says, else "http_" and the status.
func (e *ToldError) ErrorClass() string {
	if e.class != "" {
		return e.class
	}
	return (&StatusError{Status: e.Status}).ErrorClass()
}

// LogValue is the status alone: the text may repeat the payload.
func (e *ToldError) LogValue() slog.Value {
	return slog.StringValue((&StatusError{Endpoint: e.Endpoint, Status: e.Status}).status())
}

// told makes what a refusal says in JSON an error, nil where it says nothing that is understood. What it says of a
// retry wins over what its status would mean.
func (h *Handler) told(resp *http.Response, body []byte) error {
	var says struct {
		Error      *string `json:"error"`
		ErrorClass string  `json:"errorClass"`
		Permanent  *bool   `json:"permanent"`
		RetryAfter *int64  `json:"retryAfter"`
	}
	if json.Unmarshal(body, &says) != nil || says.Error == nil {
		return nil
	}
	e := &ToldError{Endpoint: h.endpoint, Status: resp.StatusCode, Text: symphony.ClipError(*says.Error),
		class: symphony.CleanClass(says.ErrorClass)}
	switch {
	case says.Permanent != nil && *says.Permanent:
		return symphony.Permanent(e)
	case says.RetryAfter != nil && *says.RetryAfter >= 0:
		most := symphony.MaxRetryDelay.Milliseconds()
		return symphony.RetryAfter(e, time.Duration(min(*says.RetryAfter, most))*time.Millisecond)
	case says.Permanent == nil && !retries(resp.StatusCode):
		return symphony.Permanent(e)
	}
	if wait, ok := retryAfter(resp.Header.Get("Retry-After"), h.clock.Now()); ok {
		return symphony.RetryAfter(e, wait)
	}
	return e
}

// retries reports whether a status asks for another attempt.
func retries(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}
