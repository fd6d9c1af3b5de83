package redact_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/redact"
)

// A callback is a message of a type of its own, and carries the output of another one.
func TestRules_hide_the_output_in_a_callback(t *testing.T) {
	r, err := redact.New(map[string][]string{"Order.*": {"card.number"}, "Mail": {"**.token"}})
	if err != nil {
		t.Fatal(err)
	}
	const in = `{"token":1,"source":{"messageId":"a","type":%q,"output":{"card":{"number":1,"name":2},` +
		`"a":[{"token":3}]}}}`
	const want = `{"token":1,"source":{"messageId":"a","type":%q,"output":{"card":{"number":"[redacted]","name":2},` +
		`"a":[{"token":"[redacted]"}]}}}`
	for _, source := range []string{"Order.Paid", "renamed"} {
		got, hidden := r.JSON("Report", jsontext.Value(fmt.Sprintf(in, source)))
		if want := fmt.Sprintf(want, source); string(got) != want || !hidden {
			t.Errorf("got %s, %t, want %s", got, hidden, want)
		}
	}
	for _, in := range []string{`{"source":{"type":"Order.Paid","output":7}}`,
		`{"source":"output","output":{"token":1}}`} {
		if got, hidden := r.JSON("Report", jsontext.Value(in)); string(got) != in || hidden {
			t.Errorf("%s: got %s, %t", in, got, hidden)
		}
	}
}

func TestRules_hide_what_their_paths_name(t *testing.T) {
	for _, tt := range []struct {
		name, paths, in, want string
	}{
		{"a member", "card.number",
			`{"card":{"number":"4111","name":"A"},"number":1}`,
			`{"card":{"number":"[redacted]","name":"A"},"number":1}`},
		{"a member that is an object", "card", `{"card":{"number":"4111"},"n":1}`, `{"card":"[redacted]","n":1}`},
		{"a member that is null", "card", `{"card":null}`, `{"card":"[redacted]"}`},
		{"any name", "*.token",
			`{"a":{"token":1,"b":{"token":2}},"token":3}`, `{"a":{"token":"[redacted]","b":{"token":2}},"token":3}`},
		{"any depth", "**.token",
			`{"a":{"token":1,"b":[{"token":2}]},"token":3}`,
			`{"a":{"token":"[redacted]","b":[{"token":"[redacted]"}]},"token":"[redacted]"}`},
		{"any depth within", "a.**.token",
			`{"a":{"b":{"c":{"token":1}},"token":2},"token":3}`,
			`{"a":{"b":{"c":{"token":"[redacted]"}},"token":"[redacted]"},"token":3}`},
		{"everything", "**", `{"a":1,"b":[2]}`, `{"a":"[redacted]","b":"[redacted]"}`},
		{"each of an array", "cards.number",
			`{"cards":[{"number":1},{"number":2,"x":3},4]}`,
			`{"cards":[{"number":"[redacted]"},{"number":"[redacted]","x":3},4]}`},
		{"each of an array of arrays", "a.b", `{"a":[[{"b":1}]]}`, `{"a":[[{"b":"[redacted]"}]]}`},
		{"elements by any name", "a.*.b", `{"a":[{"b":1}]}`, `{"a":[{"b":"[redacted]"}]}`},
		{"elements themselves", "a.*", `{"a":[1,{"b":2}]}`, `{"a":["[redacted]","[redacted]"]}`},
		{"names that are there twice", "a", `{"a":1,"a":2}`, `{"a":"[redacted]","a":"[redacted]"}`},
		{"an escaped name", "a", `{"\u0061":1,"\u0062":2}`, `{"\u0061":"[redacted]","\u0062":2}`},
		{"no Unicode", "a", `{"\ud800":"\udfff","a":1}`, `{"\ud800":"\udfff","a":"[redacted]"}`},
		{"every digit", "a", `{"n":12345678901234567890.10,"a":1}`, `{"n":12345678901234567890.10,"a":"[redacted]"}`},
		{"several paths", "a b.c", `{"a":1,"b":{"c":2,"d":3}}`, `{"a":"[redacted]","b":{"c":"[redacted]","d":3}}`},
		{"nothing", "x.y", `{ "a": [1, 2.50] }`, `{ "a": [1, 2.50] }`},
		{"no JSON", "x", `{"a":`, `{"redacted":true}`},
		{"more than one value", "x", `{"x":1} {"x":2}`, `{"redacted":true}`},
		{"a value that is no object", "x", `"text"`, `"text"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := redact.New(map[string][]string{"Order.*": strings.Fields(tt.paths)})
			if err != nil {
				t.Fatal(err)
			}
			got, hidden := r.JSON("Order.Paid", jsontext.Value(tt.in))
			if string(got) != tt.want || hidden != (tt.in != tt.want) {
				t.Errorf("got %s, %t, want %s", got, hidden, tt.want)
			}
			if got, hidden := r.JSON("Mail", jsontext.Value(tt.in)); string(got) != tt.in || hidden {
				t.Errorf("another type: got %s, %t", got, hidden)
			}
		})
	}
}

func TestRules_add_up_over_all_patterns_of_a_type(t *testing.T) {
	r, err := redact.New(map[string][]string{"*": {"password"}, "Order.*": {"card"}, "Order.Paid": {"iban"}})
	if err != nil {
		t.Fatal(err)
	}
	in := jsontext.Value(`{"password":1,"card":2,"iban":3,"n":4}`)
	for typ, want := range map[string]string{
		"Mail":       `{"password":"[redacted]","card":2,"iban":3,"n":4}`,
		"Order.Sent": `{"password":"[redacted]","card":"[redacted]","iban":3,"n":4}`,
		"Order.Paid": `{"password":"[redacted]","card":"[redacted]","iban":"[redacted]","n":4}`,
	} {
		if got, _ := r.JSON(typ, in); string(got) != want {
			t.Errorf("%s: got %s, want %s", typ, got, want)
		}
	}
}

func TestRules_hide_members(t *testing.T) {
	r, err := redact.New(map[string][]string{"*": {"token", "a.b", "c d"}})
	if err != nil {
		t.Fatal(err)
	}
	got, hidden := r.Members("T", map[string]jsontext.Value{
		"token": jsontext.Value(`{"x":1}`), "a": jsontext.Value(`{"b":1,"c":2}`), "n": jsontext.Value(`1.0`)})
	for name, want := range map[string]string{"token": `"[redacted]"`, "a": `{"b":"[redacted]","c":2}`, "n": `1.0`} {
		if string(got[name]) != want {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
	}
	if !hidden || len(got) != 3 {
		t.Errorf("got %v, %t", got, hidden)
	}
	if _, hidden := r.Members("T", map[string]jsontext.Value{"n": jsontext.Value(`1`)}); hidden {
		t.Error("hidden although nothing is")
	}
}

func TestNew_refuses_what_is_no_path(t *testing.T) {
	for _, bad := range []string{"", ".a", "a.", "a..b", "**.**.a", strings.Repeat("a", redact.MaxPathLength+1)} {
		if _, err := redact.New(map[string][]string{"T": {"fine", bad}}); err == nil || redact.CheckPath(bad) == nil {
			t.Errorf("%.20q: got no error", bad)
		}
	}
	if _, err := redact.New(map[string][]string{"*x": {"a"}, "T": make([]string, redact.MaxPaths+1)}); err == nil {
		t.Error("a pattern that is none: got no error")
	}
	many := make([]string, redact.MaxPaths+1)
	for i := range many {
		many[i] = "a"
	}
	if _, err := redact.New(map[string][]string{"T": many}); err == nil {
		t.Error("too many paths: got no error")
	}
	if none := (*redact.Rules)(nil); none.Hides("T") || none.Types() != nil {
		t.Error("nil rules hide something")
	}
}

// FuzzRules_JSON holds that what is hidden is not in the answer, and that what is masked is JSON.
func FuzzRules_JSON(f *testing.F) {
	f.Add(`{"a":{"secret":"canary"},"b":[{"secret":["canary"]}]}`)
	f.Add(`{"secret":"canary"`)
	f.Add(`[[[{"\u0073ecret":"canary"}]]]`)
	r, err := redact.New(map[string][]string{"*": {"**.secret"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, hidden := r.JSON("T", jsontext.Value(in))
		if !hidden {
			if string(got) != in {
				t.Fatalf("changed %q to %q, and says that nothing is hidden", in, got)
			}
			return
		}
		var v any
		if err := json.Unmarshal(got, &v); err != nil {
			t.Fatalf("%q became %q: %v", in, got, err)
		}
		var look func(v any)
		look = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for name, member := range v {
					if name == "secret" && member != redact.Text {
						t.Fatalf("%q became %q", in, got)
					}
					look(member)
				}
			case []any:
				for _, e := range v {
					look(e)
				}
			}
		}
		look(v)
	})
}
