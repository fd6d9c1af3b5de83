package auth

import (
	"bytes"
	"context"
	"encoding/json"
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

// statusError is an answer with another status than 200.
type statusError struct {
	status int
	body   []byte // the first maxRefusalBytes
}

func (e *statusError) Error() string { return fmt.Sprintf("answered with status %d", e.status) }

// refuses reports whether it is the authentication server's own no to a token. A gateway before it answers with the
// same statuses to requests that lack the project's key, and says nothing about the token; what tells them apart is the
// server's form of an error, {"code", "error_code", "msg"} or formerly without error_code, which has a code.
func (e *statusError) refuses() bool {
	if e.status != http.StatusUnauthorized && e.status != http.StatusForbidden {
		return false
	}
	var own struct {
		Code      any `json:"code"`
		ErrorCode any `json:"error_code"`
	}
	return json.Unmarshal(e.body, &own) == nil && (own.Code != nil || own.ErrorCode != nil)
}

// get returns the body of <URL>/auth/v1<path>. Time and size are bounded. token is sent if not "".
func (s *server) get(ctx context.Context, path, token string) ([]byte, error) {
	return s.ask(ctx, http.MethodGet, path, token, nil)
}

// post is get with a body, which is sent as JSON.
func (s *server) post(ctx context.Context, path string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, http.MethodPost, path, "", raw)
}

func (s *server) ask(ctx context.Context, method, path, token string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
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
		// What can't be read of it is taken for a gateway's answer.
		refusal, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusalBytes))
		return nil, &statusError{res.StatusCode, refusal}
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxResponseBytes+1))
	if err != nil {
		return nil, err
	}
	if len(answer) > maxResponseBytes {
		return nil, errors.New("answered with more than 1 MiB")
	}
	return answer, nil
}
