package auth

import (
	"net/http"
	"strings"
)

// headerToken returns the token of Authorization or X-API-Key, "" if neither header is there.
// A header that is there and says nothing usable is an error.
func headerToken(h http.Header) (string, error) {
	authorization, err := single(h, "Authorization")
	if err != nil {
		return "", err
	}
	apiKey, err := single(h, "X-Api-Key")
	if err != nil {
		return "", err
	}
	var token string
	if authorization != nil {
		if token, err = bearer(*authorization); err != nil {
			return "", err
		}
	}
	if apiKey == nil {
		return token, nil
	}
	if err := refuseProjectKey(*apiKey); err != nil {
		return "", err
	}
	if !isAPIKey(*apiKey) {
		return "", errAPIKeyInvalid()
	}
	if authorization != nil && token != *apiKey {
		return "", unauthenticated(CodeCredentialsConflict,
			"Authorization and X-API-Key name different callers. Send one of them.")
	}
	return *apiKey, nil
}

// The keys of a Supabase project begin so, since they are no JWTs any more.
const (
	publishablePrefix = "sb_publishable_"
	secretPrefix      = "sb_secret_"
)

// refuseProjectKey refuses the keys of a Supabase project by a sentence that says what to send instead. They can't be
// verified here, so neither says who calls.
func refuseProjectKey(token string) error {
	switch {
	case strings.HasPrefix(token, publishablePrefix):
		return unauthenticated(CodeSupabaseKeyNotAllowed,
			"This is the project's publishable key, which identifies nobody. Send a signed-in user's access token, or an API key, which begins with "+keyPrefix+".")
	case strings.HasPrefix(token, secretPrefix):
		return unauthenticated(CodeSupabaseKeyNotAllowed,
			"This is a secret key of the Supabase project, which is not accepted here. Send an API key, which begins with "+keyPrefix+", or a signed-in user's access token.")
	}
	return nil
}

// single returns the value of a header that may be sent once, nil if it is not sent.
// name must be in canonical form.
func single(h http.Header, name string) (*string, error) {
	values := h[name]
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
		return &values[0], nil
	}
	return nil, unauthenticated(CodeCredentialsMalformed, "The header "+name+" was sent more than once.")
}

// bearer returns the token of an Authorization value. The scheme's case does not matter.
func bearer(value string) (string, error) {
	scheme, token, _ := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", unauthenticated(CodeCredentialsMalformed, "The Authorization header is not of the form: Bearer <token>.")
	}
	if len(token) > MaxTokenBytes {
		return "", errTokenTooLong()
	}
	return token, nil
}

func errTokenTooLong() error {
	return unauthenticated(CodeCredentialsMalformed, "The token is longer than 16 KiB.")
}
