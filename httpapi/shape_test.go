package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"

	"github.com/google/go-cmp/cmp"
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func newCall(tb testing.TB, ctx context.Context) *call {
	tb.Helper()
	tr := symphonytest.Storage(tb, sqlite.Options{})
	bus, err := symphony.NewBus([]symphony.Transport{tr}, symphony.BusOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	a, err := New(Options{Bus: bus, Mux: symphony.NewMux()})
	if err != nil {
		tb.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://local/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &call{Request: r, api: a, w: &responseWriter{flight: &a.flight}}
}

// What a bad body costs grows with its size and not faster, however its mistakes are arranged.
func TestBadBodiesCostAsMuchAsTheyAreLong(t *testing.T) {
	many := func(open, each, end string) func(n int) string {
		return func(n int) string { return open + strings.TrimSuffix(strings.Repeat(each, n/len(each)), ",") + end }
	}
	names := func(open, end string) func(n int) string {
		return func(n int) string {
			var b strings.Builder
			b.WriteString(open)
			for i := 0; b.Len() < n; i++ {
				fmt.Fprintf(&b, `"f%d":0,`, i)
			}
			return strings.TrimSuffix(b.String(), ",") + end
		}
	}
	deep := func(n int) string {
		return `{"messages":[{"message":{"type":"a","payload":{"a":` + strings.Repeat("[", n/2) + strings.Repeat("]", n/2) + `}}}]}`
	}
	for name, body := range map[string]func(n int) string{
		"numbers for messages":  many(`{"messages":[`, `1,`, `]}`),
		"empty messages":        many(`{"messages":[`, `{},`, `]}`),
		"valid messages":        many(`{"messages":[`, `{"message":{"type":"a","payload":{}}},`, `]}`),
		"nulls for messages":    many(`{"messages":[`, `null,`, `]}`),
		"messages of two kinds": many(`{"messages":[`, `{},1,`, `]}`),
		"unknown fields":        names(`{`, `}`),
		"unknown fields within": names(`{"messages":[{"message":{`, `}}]}`),
		"unknown big field":     many(`{"x":[`, `{},`, `]}`),
		"a deep payload":        deep,
		"not closed":            func(n int) string { return strings.Repeat("[", n) },
		"long names":            func(n int) string { return `{"` + strings.Repeat("x", n) + `":1}` },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall(t, t.Context())
			cost := func(n int) uint64 {
				raw := []byte(body(n))
				return allocated(func() {
					var req wire.BatchRequest
					err := decode(t.Context(), raw, &req)
					if err == nil {
						err = invalid(c.checkBatch(&req)...)
					} else {
						err = explain(err, &req, func(bool) []symphony.Problem { return c.checkBatch(&req) })
					}
					answer := describe(err)
					if answer.status != http.StatusBadRequest {
						t.Fatalf("got %v", err)
					}
					if told, _ := answer.details.([]symphony.Problem); len(told) > symphony.MaxProblems {
						t.Errorf("%d problems are told", len(told))
					}
				})
			}
			const n = 1 << 20
			cost(n) // what is made once
			one, two, four := cost(n), cost(2*n), cost(4*n)
			t.Logf("%d, %d, %d bytes", one, two, four)
			// A constant part may be there, for the messages that are looked at; what is added for each byte may not
			// grow.
			const fixed = 8 << 20
			if four > 4*one+fixed || four > 16*4*n+fixed {
				t.Errorf("1, 2 and 4 MiB cost %d, %d and %d bytes", one, two, four)
			}
		})
	}
}

// No more messages are made of a body than one too many.
func TestBatchesAreCountedWhileTheyAreDecoded(t *testing.T) {
	body := []byte(`{"messages":[` + strings.Repeat(hellos+",", 5000) + hellos + `]}`)
	var req wire.BatchRequest
	err := decode(t.Context(), body, &req)
	if n := len(req.Messages); n > symphony.MaxBatch+1 {
		t.Errorf("%d messages were made", n)
	}
	var m *misfit
	if !errors.As(err, &m) || m.found.list[0].Path != "messages" {
		t.Errorf("got %v", err)
	}
}

const hellos = `{"message":{"type":"Hello","payload":{}}}`

// Problems beyond the first hundred are counted.
func TestProblemsAreCounted(t *testing.T) {
	var req wire.BatchRequest
	err := decode(t.Context(), []byte(`{"messages":[`+strings.Repeat(`1,`, 249)+`1]}`), &req)
	answer := describe(explain(err, &req, func(bool) []symphony.Problem { return nil }))
	told := answer.details.([]symphony.Problem)
	if len(told) != 100 || answer.more != 150 || !strings.Contains(answer.message, "250") {
		t.Errorf("%d problems are told and %d more counted: %s", len(told), answer.more, answer.message)
	}
}

// A caller who has left is not worked for.
func TestBadBodyOfACallerWhoLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newCall(t, ctx)
	cancel()
	body := []byte(`{"messages":[` + strings.Repeat(`1,`, 100_000) + `1]}`)
	var req wire.BatchRequest
	if err := decode(ctx, body, &req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for range 300 {
		req.Messages = append(req.Messages, wire.DispatchRequest{})
	}
	if list := c.checkBatch(&req); len(list) != 0 {
		t.Errorf("%d problems were looked for", len(list))
	}
}

func TestMisfits(t *testing.T) {
	type inner struct {
		Name *string `json:"name,omitzero"`
		Kind string  `json:"kind,omitzero" absent:"all"`
	}
	type outer struct {
		inner
		List  []int             `json:"list,omitzero" maxItems:"2"`
		Texts map[string]string `json:"texts,omitzero"`
		In    *inner            `json:"in,omitzero"`
	}
	for _, test := range []struct {
		body, rest string
		paths      []string
	}{
		{`{"name":"a","list":[1,2]}`, `{"name":"a","list":[1,2]}`, nil},
		{`{"nme":"a","name":"b","kind":"c"}`, `{"name":"b","kind":"c"}`, []string{"nme"}}, // members of embedded structs are known
		{`{"name":1,"in":{"name":[]},"texts":{"a":"b","c":2}}`, `{"in":{},"texts":{"a":"b"}}`, []string{"name", "in.name", "texts.c"}},
		{`{"list":[1,"x",3]}`, `{"list":[1,null]}`, []string{"list[1]", "list"}},
		{`{"kind":null,"in":{"kind":""}}`, `{"in":{}}`, []string{"kind", "in.kind"}},
		{`{"name":null,"in":null}`, `{"name":null,"in":null}`, nil},
		{`{"name":"a","name":"b"}`, `{"name":"a"}`, []string{"name"}},
		{`[]`, ``, []string{""}},
	} {
		found, rest, err := misfits(t.Context(), []byte(test.body), reflect.TypeFor[outer]())
		if err != nil {
			t.Errorf("%s: %v", test.body, err)
		}
		var paths []string
		for _, p := range found.list {
			paths = append(paths, p.Path)
		}
		if diff := cmp.Diff(test.paths, paths); diff != "" || string(rest) != test.rest && strings.TrimSpace(string(rest)) != test.rest {
			t.Errorf("%s leaves %s (-want +got):\n%s", test.body, rest, diff)
		}
	}
}
