package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
)

func checkHandlerName(s string) error {
	if len(s) > symphony.MaxNameLength {
		return fmt.Errorf("must have at most %d bytes", symphony.MaxNameLength)
	}
	return nil
}

func checkAddr(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("must be HOST:PORT, like %s, is %q", DefaultAddr, s)
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be a URL like https://queue.example.com")
	}
	return nil
}

// The checks below ask package auth, which owns the rules.

func checkOrigin(s string) error {
	_, err := auth.New(auth.Options{Keys: &auth.MemoryKeys{}, AllowedOrigins: []string{s}})
	return unwrapped(err)
}

func checkCookieName(s string) error {
	_, err := auth.New(auth.Options{Supabase: auth.Supabase{URL: "https://localhost", CookieName: s}})
	return unwrapped(err)
}

func checkSupabaseURL(s string) error {
	_, err := auth.New(auth.Options{Supabase: auth.Supabase{URL: s}})
	return unwrapped(err)
}

func checkJWTSecret(s string) error {
	var unchecked string
	_, err := auth.New(auth.Options{Supabase: auth.Supabase{JWTSecrets: []string{s}, Issuer: &unchecked}})
	return unwrapped(err)
}

func checkCronSecret(s string) error {
	_, err := auth.NewCron(s)
	return err
}

// unwrapped takes the package's name off an error: the key says what it is about.
func unwrapped(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
