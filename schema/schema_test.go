package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/schema"
)

const order = `{
	"type": "object",
	"required": ["id", "items"],
	"additionalProperties": false,
	"properties": {
		"id": {"type": "integer", "maximum": 12345678901234567890},
		"mail": {"type": "string", "format": "email"},
		"items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}
	},
	"$defs": {"item": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}}
}`

func TestPayloadsAreChecked(t *testing.T) {
	schemas, err := schema.New(map[string][]byte{"Order.*": []byte(order), "Order.Any": []byte(`true`)})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, typ, payload string
		want               []symphony.Problem
	}{
		{"fits", "Order.New", `{"id":1,"items":[{"sku":"a"}]}`, nil},
		{"another type", "Mail", `{"id":"x"}`, nil},
		{"the most specific pattern applies", "Order.Any", `{"id":"x"}`, nil},
		{"every problem with its path", "Order.New", `{"id":"x","items":[{"sku":"a"},{},{"sku":3}],"more":1}`, []symphony.Problem{
			{Path: "id", Message: "does not fit the schema: got string, want integer"},
			{Path: "items[1].sku", Message: "is required"},
			{Path: "items[2].sku", Message: "does not fit the schema: got number, want string"},
			{Path: "more", Message: "is not allowed"},
		}},
		{"all is missing", "Order.New", `{}`, []symphony.Problem{{Path: "id", Message: "is required"}, {Path: "items", Message: "is required"}}},
		{"numbers keep their digits", "Order.New", `{"id":12345678901234567891,"items":[{"sku":"a"}]}`, []symphony.Problem{
			{Path: "id", Message: "does not fit the schema: maximum: got 1.2345678901234567×10¹⁹, want 1.2345678901234567×10¹⁹"},
		}},
		{"formats count", "Order.New", `{"id":1,"mail":"x","items":[{"sku":"a"}]}`, []symphony.Problem{
			{Path: "mail", Message: "does not fit the schema: 'x' is not valid email: missing @"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, schemas.CheckPayload(test.typ, json.RawMessage(test.payload))); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatDoesNotCompileIsTold(t *testing.T) {
	_, err := schema.New(map[string][]byte{
		"A": []byte(`{"type": "objekt"}`), "B": []byte(`{`), "C*": []byte(`true`), "D": []byte(`{"$ref": "https://example.com/other.json"}`),
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"schema of A", "schema of B", `pattern "C*"`, "schema of D", "none is loaded"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func FuzzCheckPayload(f *testing.F) {
	schemas, err := schema.New(map[string][]byte{"*": []byte(order)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"id":1,"items":[{"sku":"a"}]}`)
	f.Add(`{"id":1e400,"items":{"a":[]}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		if !json.Valid([]byte(payload)) {
			return
		}
		schemas.CheckPayload("Order", json.RawMessage(payload)) // must not panic
	})
}

// What a type with a schema costs, and one without.
func BenchmarkCheckPayload(b *testing.B) {
	schemas, err := schema.New(map[string][]byte{"Order": []byte(order)})
	if err != nil {
		b.Fatal(err)
	}
	payload := json.RawMessage(`{"id":42,"mail":"a@example.com","items":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]}`)
	for _, typ := range []string{"Order", "Mail"} {
		b.Run(typ, func(b *testing.B) {
			for b.Loop() {
				if list := schemas.CheckPayload(typ, payload); list != nil {
					b.Fatal(list)
				}
			}
		})
	}
}
