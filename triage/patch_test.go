package triage_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/triage"
)

// The examples of RFC 7396, appendix A, whose documents are objects and stay so, and what it does not say: the order of
// members, and digits.
func TestPatch(t *testing.T) {
	for _, test := range []struct{ doc, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":[1,{"x":null}]}`, `{"b":[null,{"y":null}]}`, `{"a":[1,{"x":null}],"b":[null,{"y":null}]}`},

		{`{"z":1.50,"a":12345678901234567890.10}`, `{"m":1e400}`, `{"z":1.50,"a":12345678901234567890.10,"m":1e400}`},
		{`{"z":1,"a":2,"m":3}`, `{"m":4,"a":null,"q":0.10}`, `{"z":1,"m":4,"q":0.10}`},
		{`{ "a" : {"x": 1} , "b":2 }`, `{"a":{"y":2}}`, `{"a":{"x":1,"y":2},"b":2}`},
		{`{"\u0061":1}`, `{"a":2}`, `{"\u0061":2}`},
		{`{"a":1,"a":2}`, `{"a":3}`, `{"a":3,"a":3}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
	} {
		p, err := triage.ParsePatch([]byte(test.patch))
		if err != nil {
			t.Errorf("patch %s: %v", test.patch, err)
			continue
		}
		got, err := p.Apply([]byte(test.doc))
		if err != nil || string(got) != test.want {
			t.Errorf("%s patched by %s is %s (%v), want %s", test.doc, test.patch, got, err, test.want)
		}
	}
	if got, err := (triage.Patch{}).Apply([]byte(`{"a":1}`)); err != nil || string(got) != `{"a":1}` {
		t.Errorf("without a patch: %s, %v", got, err)
	}
}

func TestParsePatch_refuses(t *testing.T) {
	for patch, want := range map[string]string{
		``: "valid JSON", `null`: "object", `[1]`: "object", `"a"`: "object",
		`{"a":1`: "valid JSON", `{"a":1}{}`: "one JSON object",
		`{"a":1,"a":2}`: "duplicate", "{\"a\":\"\xff\"}": "UTF-8",
	} {
		if _, err := triage.ParsePatch([]byte(patch)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error about %q", patch, err, want)
		}
	}
}

// FuzzPatch compares with the algorithm of the RFC on decoded values.
func FuzzPatch(f *testing.F) {
	f.Add(`{"a":{"b":[1,null]},"c":2}`, `{"a":{"b":null,"d":{"e":null}},"f":[{"g":null}]}`)
	f.Add(`{"a":1.50}`, `{"a":{}}`)
	f.Fuzz(func(t *testing.T, doc, patch string) {
		p, err := triage.ParsePatch([]byte(patch))
		var docValue, patchValue, got any
		if err != nil || decode(doc, &docValue) != nil || decode(patch, &patchValue) != nil {
			return
		}
		out, err := p.Apply([]byte(doc))
		if err != nil {
			return // encoding/json takes what is not UTF-8
		}
		if err := decode(string(out), &got); err != nil {
			t.Fatalf("%s patched by %s is %s: %v", doc, patch, out, err)
		}
		if want := rfc(docValue, patchValue); !reflect.DeepEqual(got, want) {
			t.Errorf("%s patched by %s is %s, want %v", doc, patch, out, want)
		}
	})
}

func decode(raw string, v any) error {
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(v)
}

// rfc is MergePatch of RFC 7396, section 2.
func rfc(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range members {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = rfc(object[name], value)
		}
	}
	return object
}
