package symphony_test

import (
	"testing"

	"github.com/symphony-messenger/symphony"
)

// A page's size says how many messages the next one may have.
func TestMessagePage_next_limit(t *testing.T) {
	for _, c := range []struct{ messages, bytes, want int }{
		{0, 0, 200}, {3, 0, 200}, {3, 1000, 200}, {2, 1 << 20, 3}, {1, 8 << 20, 1},
	} {
		page := symphony.MessagePage{Messages: make([]symphony.MessageInfo, c.messages)}
		for i := range page.Messages {
			page.Messages[i].Payload = make([]byte, c.bytes)
		}
		if got := page.NextLimit(200); got != c.want {
			t.Errorf("after %d messages of %d bytes: %d, want %d", c.messages, c.bytes, got, c.want)
		}
	}
}
