package config

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/handler/httppush"
)

// Push configures the pushing of messages that have a URL of their own; see docs/options.md. Without origins none is
// taken, and this server's workers leave those that wait to others.
type Push struct {
	// Where messages may be pushed that have a URL of their own, like https://hooks.example.com: scheme, host and port.
	// None: no message may have one.
	AllowedOrigins []string `key:"allowed_origins" about:"a list of origins" check:"PushOrigin"`
	// Push to addresses that are not on the public internet, too: loopback, private, link-local, and those at which
	// clouds tell a machine its secrets. The address is looked at when it is connected to, whatever name leads there.
	AllowPrivate bool `key:"allow_private" default:"false"`
	// Sign these pushes with this secret (whsec_…), or several while one is rotated. None: they are not signed.
	Secrets []Secret `key:"secret" check:"WebhookSecret"`
	// Seal the secrets of handlers that are set at run time with this key in the database: 32 random bytes in base64,
	// as `openssl rand -base64 32` prints them; the same on all nodes. Several while one is replaced: the first one
	// seals, all of them open. None: whoever reads the database can sign as this server.
	SealKeys []Secret `key:"seal_key" check:"SealKey"`
	// Ends a push whose message has no timeout of its own. If not set: `worker.handler_timeout`, or where that is not
	// set either, [httppush.DefaultTimeout].
	Timeout time.Duration `key:"timeout" min:"1ms"`
	// Keep the body of a 2xx with Content-Type application/json as the message's output.
	KeepOutput bool `key:"keep_output" default:"false"`
}

// Enabled reports whether messages are pushed to URLs of their own.
func (p Push) Enabled() bool { return len(p.AllowedOrigins) > 0 }

// Origins returns where messages may be pushed.
func (p Push) Origins() *httppush.Origins {
	origins, err := httppush.NewOrigins(p.AllowedOrigins, p.AllowPrivate)
	if err != nil {
		panic("config: " + err.Error()) // Load has checked it
	}
	return origins
}

// SealingKeys are the bytes of SealKeys.
func (p Push) SealingKeys() (keys [][]byte) {
	for _, text := range p.SealKeys {
		key, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			panic("config: " + err.Error()) // Load has checked it
		}
		keys = append(keys, key)
	}
	return keys
}

func checkSealKey(s string) error {
	key, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(key) != dynamic.SealKeyBytes {
		return fmt.Errorf("must be %d bytes in base64, such as: openssl rand -base64 %[1]d", dynamic.SealKeyBytes)
	}
	return nil
}

func checkPushOrigin(s string) error {
	_, err := httppush.NewOrigins([]string{s}, true)
	return unwrapped(err)
}

func (l *loader) finishPush() {
	const key = "push.allowed_origins"
	p := &l.config.Push
	if l.placeOf("push.timeout").level == byDefault && l.placeOf("worker.handler_timeout").level == byDefault {
		p.Timeout = httppush.DefaultTimeout
	}
	_, plain := httppush.NewOrigins(p.AllowedOrigins, true)
	if _, err := httppush.NewOrigins(p.AllowedOrigins, p.AllowPrivate); plain == nil && err != nil {
		for line := range strings.SplitSeq(unwrapped(err).Error(), "\n") {
			l.problem(l.placeOf(key), key, "%s", line)
		}
	}
}
