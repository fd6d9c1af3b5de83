package storage_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
)

func TestMetadataMark_leads_only_where_all_messages_have_it(t *testing.T) {
	list := []storage.Index{{Type: "Shop.*", Path: "customer.id"}, {Type: "Mail", Path: "to"}}
	long := strings.Repeat("x", storage.MaxIndexedValue+1)
	for _, c := range []struct {
		typ, path, value, want string
	}{
		{"Shop.Order", "customer.id", "42", "metadata.customer.id:42"},
		{"Shop.*", "customer.id", "42", "metadata.customer.id:42"},
		{"Shop.Order.*", "customer.id", "42", "metadata.customer.id:42"},
		{"Mail", "to", "a", "metadata.to:a"},
		{"Mail", "to", long, ""},
		{"Mail", "customer.id", "42", ""},
		{"Mail.*", "to", "a", ""}, // none of these is the type Mail
		{"*", "to", "a", ""},
		{"", "customer.id", "42", ""},
		{"Shopping", "customer.id", "42", ""},
	} {
		f := symphony.MessageFilter{Type: c.typ, Metadata: map[string]string{c.path: c.value}}
		if got := storage.MetadataMark(list, &f); got != c.want {
			t.Errorf("type %q with %s: got %q, want %q", c.typ, c.path, got, c.want)
		}
	}
	f := symphony.MessageFilter{Metadata: map[string]string{"a": "b"}}
	if got := storage.MetadataMark([]storage.Index{{Type: "*", Path: "a"}}, &f); got != "metadata.a:b" {
		t.Errorf("of all types: got %q", got)
	}
}

func TestMetadataMarks_of_a_message(t *testing.T) {
	list := []storage.Index{{Type: "Shop.*", Path: "customer.id"}, {Type: "*", Path: "customer.id"},
		{Type: "Shop.Order", Path: "vip"}, {Type: "Shop.Order", Path: "list"}, {Type: "Mail", Path: "vip"}}
	metadata := map[string]any{"customer": map[string]any{"id": json.Number("42.0")}, "vip": true, "list": []any{"a"}}
	got := storage.MetadataMarks(list, "Shop.Order", metadata)
	if want := []string{"metadata.customer.id:42.0", "metadata.vip:true"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	metadata = map[string]any{"vip": strings.Repeat("x", storage.MaxIndexedValue+1)}
	if got := storage.MetadataMarks(list, "Shop.Order", metadata); got != nil {
		t.Errorf("of a long value: got %q", got)
	}
}

func TestCheckIndexPath(t *testing.T) {
	for path, ok := range map[string]bool{"a": true, "customer.id": true, "größe": true, "": false, "a..b": false,
		".a": false, "a.": false, "a\x00": false, strings.Repeat("x", storage.MaxIndexPath+1): false} {
		if err := storage.CheckIndexPath(path); (err == nil) != ok {
			t.Errorf("%.20q: %v", path, err)
		}
	}
}
