package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestBinding_Outside(t *testing.T) {
	both := &auth.Binding{Types: []string{"order.*", "signup"}, Queues: []string{"web", "mail"}}
	for _, tc := range []struct {
		binding          *auth.Binding
		typ, queue, want string
	}{
		{nil, "a", "b", ""},
		{both, "order.made", "web", ""},
		{both, "signup", "mail", ""},
		{both, "order", "web", "type"},
		{both, "orders.made", "web", "type"},
		{both, "signup.done", "web", "type"},
		{both, "Signup", "web", "type"},
		{both, "order.*", "web", ""}, // it is a type like another one
		{both, "", "web", "type"},
		{both, "signup", "Web", "queue"},
		{both, "signup", "web2", "queue"},
		{both, "signup", "", "queue"},
		{both, "other", "other", "type"},
		{&auth.Binding{Queues: []string{"web"}}, "anything", "web", ""},
		{&auth.Binding{Queues: []string{"web.*"}}, "anything", "web.a", "queue"}, // names, not patterns
		{&auth.Binding{Types: []string{"*"}}, "anything", "any", ""},
	} {
		if got := tc.binding.Outside(tc.typ, tc.queue); got != tc.want {
			t.Errorf("%s: %q in %q: %q is outside, want %q", tc.binding, tc.typ, tc.queue, got, tc.want)
		}
		if got := tc.binding.Allows(tc.typ, tc.queue); got != (tc.want == "") {
			t.Errorf("%s allows %q in %q: %t", tc.binding, tc.typ, tc.queue, got)
		}
	}
}

func TestBinding_Problems(t *testing.T) {
	many := slices.Repeat([]string{"a"}, auth.MaxBound+1)
	most := many[:auth.MaxBound]
	for what, tc := range map[string]struct {
		binding *auth.Binding
		scopes  string
		want    []string // paths
	}{
		"no binding":              {nil, "admin", nil},
		"types to dispatch":       {&auth.Binding{Types: most}, "dispatch", nil},
		"queues to dispatch":      {&auth.Binding{Queues: most}, "dispatch", nil},
		"queues to consume":       {&auth.Binding{Queues: most}, "consume", nil},
		"queues for both":         {&auth.Binding{Queues: most}, "dispatch,consume", nil},
		"both to dispatch":        {&auth.Binding{Types: most, Queues: most}, "dispatch", nil},
		"nothing":                 {&auth.Binding{}, "dispatch", []string{"types"}},
		"too many":                {&auth.Binding{Types: many, Queues: many}, "dispatch", []string{"types", "queues"}},
		"no patterns":             {&auth.Binding{Types: []string{"a", "a*"}}, "dispatch", []string{"types[1]"}},
		"no names":                {&auth.Binding{Queues: []string{"a", "*"}}, "consume", []string{"queues[1]"}},
		"types to consume":        {&auth.Binding{Types: most}, "dispatch,consume", []string{"types"}},
		"types and queues so":     {&auth.Binding{Types: most, Queues: most}, "consume", []string{"types"}},
		"queues to read":          {&auth.Binding{Queues: most}, "dispatch,read", []string{"scopes"}},
		"queues to observe":       {&auth.Binding{Queues: most}, "observe", []string{"scopes"}},
		"queues to operate":       {&auth.Binding{Queues: most}, "operate", []string{"scopes"}},
		"types for administrator": {&auth.Binding{Types: most}, "admin", []string{"scopes"}},
		"all that is wrong": {&auth.Binding{Types: []string{""}}, "consume,admin",
			[]string{"types[0]", "scopes", "types"}},
	} {
		scopes, err := auth.ParseScopes(tc.scopes)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, p := range tc.binding.Problems(scopes) {
			paths = append(paths, p.Path)
		}
		if diff := cmp.Diff(tc.want, paths); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestBinding_String(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("q%d", i))
	}
	for want, b := range map[string]*auth.Binding{
		"nothing":                nil,
		"type order.*":           {Types: []string{"order.*"}},
		"types a, b and queue c": {Types: []string{"a", "b"}, Queues: []string{"c"}},
		"queues q0, q1, q2, q3, q4, q5, q6, q7, q8, q9 and 2 more": {Queues: names},
	} {
		if got := b.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAuthenticate_tells_what_a_key_is_bound_to(t *testing.T) {
	keys := &auth.MemoryKeys{}
	a, err := auth.New(auth.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	plain, key, err := auth.GenerateKey("bound", auth.Scopes(auth.ScopeDispatch), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key.Binding = &auth.Binding{Types: []string{"order.*"}}
	if err := keys.CreateKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	p, err := a.Authenticate(bearer(plain))
	if err != nil || p.Binding.Allows("signup", "a") || !p.Binding.Allows("order.made", "a") {
		t.Errorf("got %+v, %v", p, err)
	}
}

// A release that knows of no bindings opens nothing for a key that is bound; this is its form of a key.
func TestRecordKeys_that_are_bound_open_nothing_in_older_releases(t *testing.T) {
	store, tr := boundStore(t)
	for _, names := range []string{"dispatch", "consume", "dispatch,consume"} {
		scopes, err := auth.ParseScopes(names)
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := auth.GenerateKey("bound", scopes, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		key.Binding = &auth.Binding{Queues: []string{"mail"}}
		if err := store.CreateKey(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		raw, err := storage.Get(t.Context(), tr, "api_key", key.ID)
		if err != nil {
			t.Fatal(err)
		}
		var older struct {
			ID        string        `json:"id"`
			Name      string        `json:"name"`
			Hash      []byte        `json:"hash"`
			Scopes    auth.ScopeSet `json:"scopes"`
			CreatedAt time.Time     `json:"createdAt"`
			ExpiresAt time.Time     `json:"expiresAt"`
			Operate   *bool         `json:"operate"`
		}
		err = json.Unmarshal(raw, &older)
		if err != nil || older.Scopes != 0 || older.Operate == nil || *older.Operate {
			t.Errorf("an older release reads %+v of %s, %v", older, raw, err)
		}
		if got, err := store.Lookup(t.Context(), key.ID); err != nil || got.Scopes != scopes {
			t.Errorf("this one reads %+v, %v", got, err)
		}
	}
}

// What binds a key in a way that this release does not know, or not at all, lets nobody in.
func TestRecordKeys_whose_binding_is_not_understood_open_nothing(t *testing.T) {
	store, tr := boundStore(t)
	const id = "aaaaaaaaaaaaaaaa"
	for _, bound := range []string{
		`{"scopes":"dispatch"}`, `{"scopes":"dispatch","types":[],"queues":[]}`, `{}`, `"dispatch"`,
		`{"scopes":"dispatch","queues":["mail"],"transports":["email"]}`, `{"scopes":"steer","queues":["mail"]}`,
		`{"scopes":"admin","queues":["mail"]}`, `{"scopes":"consume","types":["a"]}`,
	} {
		record := `{"id":"` + id + `","name":"x","hash":"AAAA","scopes":"none","operate":false,` +
			`"createdAt":"2026-01-01T00:00:00Z","bound":` + bound + `}`
		if err := storage.Put(t.Context(), tr, "api_key", id, []byte(record)); err != nil {
			t.Fatal(err)
		}
		var damaged *symphony.DecodeError
		if key, err := store.Lookup(t.Context(), id); !errors.As(err, &damaged) {
			t.Errorf("%s: got %+v, %v", bound, key, err)
		}
		list, err := store.ListKeys(t.Context())
		if err != nil || len(list) != 1 || list[0].DecodeErr == nil || list[0].Scopes != 0 {
			t.Errorf("%s: listed as %+v, %v", bound, list, err)
		}
	}
}

func boundStore(t *testing.T) (*auth.RecordKeys, *sqlite.Transport) {
	t.Helper()
	tr, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "keys.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return auth.NewRecordKeys(tr), tr
}
