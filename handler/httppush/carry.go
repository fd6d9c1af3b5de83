package httppush

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// maxCarried bounds the names and values, in bytes, of a message's headers that go out as headers of the request:
// servers refuse requests whose headers are large, commonly those of more than 8 KiB.
const maxCarried = 4 << 10

// carry sets headers of the request from a message's, in the order of their names: those that are text, a number or
// true or false, that HTTP can hold, and that do not say what is for the handler, its configuration or the network to
// say. All of them are in the body in any case.
func carry(to http.Header, headers map[string]any) {
	room := maxCarried
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		canonical := http.CanonicalHeaderKey(name)
		if !isToken(name) || ownName(canonical) || to[canonical] != nil {
			continue
		}
		text, ok := symphony.HeaderText(headers[name])
		if !ok || strings.TrimSpace(text) != text || !isFieldValue(text) || len(name)+len(text) > room {
			continue
		}
		room -= len(name) + len(text)
		to[canonical] = []string{text}
	}
}

// ownName reports whether a header in canonical form is not for whoever dispatches a message to set: it frames the
// request, proves who sends it or where it comes from, or is set by the handler.
func ownName(canonical string) bool {
	for _, prefix := range []string{"Content-", "Proxy-", "Sec-", "Symphony-", "Webhook-", "X-Forwarded", "X-Real-"} {
		if strings.HasPrefix(canonical, prefix) {
			return true
		}
	}
	switch canonical {
	case "Accept-Encoding", "Authorization", "Connection", "Cookie", "Date", "Expect", "Forwarded", "Host", "Keep-Alive", "Te", "Traceparent", "Tracestate",
		"Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via", "X-Api-Key", "X-Idempotency-Key":
		return true
	}
	return false
}

func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// isFieldValue reports whether HTTP can hold a value. Letters beyond ASCII can be sent, and receivers read them as they
// like.
func isFieldValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && (r < ' ' || r == 0x7f) })
}
