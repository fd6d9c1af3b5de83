package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/symphony-messenger/symphony/auth"
)

func ExampleAuthenticator() {
	ctx := context.Background()
	store := &auth.MemoryKeys{}
	plaintext, key, err := auth.GenerateKey("billing service", auth.Scopes(auth.ScopeDispatch), time.Now())
	if err != nil {
		panic(err)
	}
	if err := store.CreateKey(ctx, key); err != nil {
		panic(err)
	}
	authenticator, err := auth.New(auth.Options{Keys: store})
	if err != nil {
		panic(err)
	}
	defer authenticator.Close(ctx)

	r, _ := http.NewRequest(http.MethodPost, "https://symphony.example/api/symphony/dispatch", nil)
	r.Header.Set("Authorization", "Bearer "+plaintext)
	caller, err := authenticator.Authenticate(r)
	fmt.Println(caller.Kind, caller.Name, caller.Scopes, err)

	fmt.Println(caller.Require(auth.ScopeAdmin))

	if err := authenticator.RevokeKey(ctx, caller.ID); err != nil {
		panic(err)
	}
	_, err = authenticator.Authenticate(r)
	var refusal *auth.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Code, errors.Is(err, auth.ErrUnauthenticated))
	}
	// Output:
	// api_key billing service dispatch <nil>
	// auth: insufficient_scope: This needs the scope admin, which the caller does not have.
	// api_key_revoked true
}
