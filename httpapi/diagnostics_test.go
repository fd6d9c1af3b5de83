package httpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
)

func TestNack_keeps_what_is_said_of_a_failure(t *testing.T) {
	f := newFixture(t, nil)
	for name, test := range map[string]struct{ text, class, wantText, wantClass string }{
		"half a surrogate pair":    {`a\ud800b`, `nack`, "a\uFFFDb", "nack"},
		"bytes that are not UTF-8": {"a\xffb", "x\xffy", "a\uFFFDb", "x\uFFFDy"},
		"two megabytes":            {strings.Repeat("x", 2<<20), "big", strings.Repeat("x", symphony.MaxErrorLength), "big"},
		"of PHP":                   {"failed", `App\\Exception\\Foo`, "failed", `App\Exception\Foo`},
		"of Java":                  {`at a.b.C(D.java:1)\n\tat e`, "java.lang.Error", "at a.b.C(D.java:1)\n\tat e", "java.lang.Error"},
		"of Python, with spaces":   {"", "Value Error", "the worker refused the message", "Value Error"},
		"with NUL":                 {`a\u0000b`, `a\u0000b`, "a b", "a_b"},
		"a long class, and none":   {"t", strings.Repeat("c", 500), "t", strings.Repeat("c", symphony.MaxErrorClass)},
	} {
		if a := f.call("POST", dispatchPath, `{"message":{"type":"T","payload":{}}}`); a.status != 201 {
			t.Fatalf("got %d %s", a.status, a.raw)
		}
		a := f.call("POST", "/api/symphony/receive", `{"max":1}`)
		receipt := a.body["messages"].([]any)[0].(map[string]any)["receipt"].(string)
		a = f.call("POST", "/api/symphony/nack", `{"receipt":"`+receipt+`","permanent":true,"error":"`+test.text+`","errorClass":"`+test.class+`"}`)
		if a.status != 200 {
			t.Errorf("%s: %d %.300s", name, a.status, a.raw)
			continue
		}
		a = f.call("GET", "/api/symphony/failed?limit=1&errorClass="+url.QueryEscape(test.wantClass), "")
		list, _ := a.body["messages"].([]any)
		if len(list) != 1 {
			t.Fatalf("%s: not found by its class: %d %.300s", name, a.status, a.raw)
		}
		if m := list[0].(map[string]any); m["error"] != test.wantText || m["errorClass"] != test.wantClass {
			t.Errorf("%s: got %.80q of class %q", name, m["error"], m["errorClass"])
		}
	}
	if a := f.call("POST", "/api/symphony/nack", `{"receipt":"r","error":"a","error":"b"}`); a.status != 400 || a.code() != "invalid_json" {
		t.Errorf("a name given twice: %d %s", a.status, a.raw)
	}
}
