package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/config"
)

// firstKeyName names the key that the first start makes. It lets a newcomer begin on their own machine, and does not
// count as authentication that somebody has set up.
const firstKeyName = "first start"

// firstKey makes an API key if there has never been one and nobody else could call. It returns the key, or "".
func firstKey(ctx context.Context, c *config.Config, keys auth.KeyStore) (string, error) {
	if c.Supabase.Configured() {
		return "", nil
	}
	known, err := keys.ListKeys(ctx)
	if err != nil || len(known) > 0 {
		return "", err
	}
	all := auth.Scopes(auth.ScopeDispatch, auth.ScopeConsume, auth.ScopeRead, auth.ScopeOperate, auth.ScopeAdmin)
	plain, key, err := auth.GenerateKey(firstKeyName, all, symphony.SystemClock().Now())
	if err != nil {
		return "", err
	}
	return plain, keys.CreateKey(ctx, key)
}

// ExposedError refuses the configured address, because other machines can reach it and nobody has decided who may call:
// there is no Supabase project and no API key in force but one that a first start has made.
type ExposedError struct {
	Addr string // as configured
}

func (e *ExposedError) Error() string {
	return fmt.Sprintf("other machines can reach %s, but no authentication is configured: make an API key, configure a Supabase project, "+
		"or listen on 127.0.0.1", e.Addr)
}

// exposed reports whether other machines can reach an address. A name counts as exposed unless it is localhost.
func exposed(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true
	}
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// refuseExposedFirstStart refuses an address that other machines can reach where there can't be a key yet, because the
// file for it does not exist.
func refuseExposedFirstStart(c *config.Config) error {
	if !exposed(c.Server.Addr) || c.Supabase.Configured() || c.Database.PostgreSQL() {
		return nil
	}
	if _, err := os.Stat(c.Database.Path); errors.Is(err, fs.ErrNotExist) {
		return &ExposedError{c.Server.Addr}
	}
	return nil
}

// refuseExposed refuses an address that other machines can reach while nobody has decided who may call.
func (n *node) refuseExposed(ctx context.Context) error {
	addr := n.config.Server.Addr
	if !exposed(addr) {
		return nil
	}
	ok, err := mayBeExposed(ctx, n.config, n.keys)
	if err == nil && !ok {
		err = &ExposedError{addr}
	}
	return err
}

// mayBeExposed reports whether somebody has set up who may call: a Supabase project, or an API key in force that is not
// the first start's.
func mayBeExposed(ctx context.Context, c *config.Config, keys auth.KeyStore) (bool, error) {
	if c.Supabase.Configured() {
		return true, nil
	}
	known, err := keys.ListKeys(ctx)
	if err != nil {
		return false, err
	}
	now := symphony.SystemClock().Now()
	for _, k := range known {
		expired := !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
		if k.Name != firstKeyName && k.RevokedAt.IsZero() && !expired {
			return true, nil
		}
	}
	return false, nil
}
