package httppush

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
)

// StatusError says that the endpoint did not accept the message.
type StatusError struct {
	Endpoint string // scheme and host
	Status   int
	Body     string // what the endpoint answered, its first MaxErrorBody bytes

	wait  time.Duration // until it may be asked again
	waits bool          // it said so
}

// AsksToWait returns for how long the endpoint asks for no messages, 0 where it does not say. ok is false unless it
// does, by 429 Too Many Requests, or by 503 Service Unavailable with Retry-After.
func (e *StatusError) AsksToWait() (wait time.Duration, ok bool) {
	return e.wait, e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable && e.waits
}

func (e *StatusError) Error() string {
	if e.Body == "" {
		return e.status()
	}
	return e.status() + ": " + e.Body
}

func (e *StatusError) status() string {
	return strings.TrimSpace(fmt.Sprintf("httppush: POST %s: %d %s", e.Endpoint, e.Status, http.StatusText(e.Status)))
}

// LogValue is the error without the body, which may repeat the payload.
func (e *StatusError) LogValue() slog.Value { return slog.StringValue(e.status()) }

// ErrorClass is "http_" and the status, such as "http_503".
func (e *StatusError) ErrorClass() string { return "http_" + strconv.Itoa(e.Status) }

// failure makes an answer other than 2xx an error that says whether to retry, and when.
func (h *Handler) failure(resp *http.Response) error {
	// What cannot be read of a refusal changes nothing about it.
	most := int64(MaxErrorBody)
	if isJSON(resp.Header) {
		most = maxRefusal
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	if isJSON(resp.Header) {
		if told := h.told(resp, body); told != nil {
			return told
		}
	}
	body = body[:min(len(body), MaxErrorBody)]
	err := &StatusError{Endpoint: h.endpoint, Status: resp.StatusCode, Body: strings.TrimSpace(symphony.ClipError(string(body)))}
	if !retries(resp.StatusCode) {
		return symphony.Permanent(err)
	}
	if wait, ok := retryAfter(resp.Header.Get("Retry-After"), h.clock.Now()); ok {
		err.wait, err.waits = wait, true
		return symphony.RetryAfter(err, wait)
	}
	return err
}

// retryAfter reads a Retry-After header, which is whole seconds or an HTTP date. A date that is over means now.
func retryAfter(value string, now time.Time) (wait time.Duration, ok bool) {
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		// Bounded here because a duration cannot hold so many seconds.
		return time.Duration(min(seconds, uint64(symphony.MaxRetryDelay/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

// networkError says that no answer arrived.
type networkError struct {
	endpoint string
	err      error
}

func (e *networkError) Error() string { return fmt.Sprintf("httppush: POST %s: %v", e.endpoint, e.err) }
func (e *networkError) Unwrap() error { return e.err }

// ErrorClass is "timeout", "canceled", "network", or that of an AddressError.
func (e *networkError) ErrorClass() string {
	var refused *AddressError
	if errors.As(e.err, &refused) {
		return refused.ErrorClass()
	}
	if class := symphony.ErrorClass(e.err); class == "timeout" || class == "canceled" {
		return class
	}
	return "network"
}
