package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// server is the authentication server of a Supabase project.
type server struct {
	base   string // <URL>/auth/v1
	apiKey string // "": not sent
	client http.Client
}

func newServer(project *url.URL, apiKey string, client *http.Client) *server {
	s := &server{base: project.JoinPath("auth", "v1").String(), apiKey: apiKey}
	if client != nil {
		s.client = *client
	}
	// A redirect would send the token, or ask for the keys, somewhere that nobody configured.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// errStatus is an answer with another status than 200.
type errStatus int

func (e errStatus) Error() string { return fmt.Sprintf("answered with status %d", int(e)) }

// get returns the body of <URL>/auth/v1<path>. Time and size are bounded. token is sent if not "".
func (s *server) get(ctx context.Context, path, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if s.apiKey != "" {
		r.Header.Set("Apikey", s.apiKey)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errStatus(res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxResponseBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxResponseBytes {
		return nil, errors.New("answered with more than 1 MiB")
	}
	return body, nil
}
