package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/codec"
	"pgregory.net/rapid"
)

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, codec.KeySize) }

func aesgcm(t testing.TB, current string, names ...string) *codec.AESGCM {
	t.Helper()
	keys := make(map[string][]byte)
	for _, name := range append(names, current) {
		keys[name] = secret(name[0])
	}
	c, err := codec.NewAESGCM(current, keys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encode(t testing.TB, c symphony.Codec, typ, payload string) json.RawMessage {
	t.Helper()
	stored, err := c.Encode(t.Context(), typ, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestAESGCM_gives_back_what_it_was_given(t *testing.T) {
	c := aesgcm(t, "a")
	rapid.Check(t, func(rt *rapid.T) {
		typ := rapid.StringN(1, 20, -1).Draw(rt, "type")
		payload := []byte(`{"text":` + string(must(json.Marshal(rapid.String().Draw(rt, "text")))) + `}`)
		stored, err := c.Encode(t.Context(), typ, payload)
		if err != nil {
			rt.Fatal(err)
		}
		if !json.Valid(stored) || stored[0] != '{' {
			rt.Fatalf("stored is no JSON object: %s", stored)
		}
		got, err := c.Decode(t.Context(), typ, stored)
		if err != nil || !bytes.Equal(got, payload) {
			rt.Fatalf("got %s (%v), want %s", got, err, payload)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAESGCM_shows_nothing(t *testing.T) {
	stored := encode(t, aesgcm(t, "a"), "Mail", `{"to":"ada@example.com"}`)
	if bytes.Contains(stored, []byte("ada")) || bytes.Contains(stored, []byte("to\"")) {
		t.Errorf("stored is %s", stored)
	}
	if want := `{"$codec":"aes-gcm","key":"a","data":"`; !strings.HasPrefix(string(stored), want) {
		t.Errorf("stored is %s, which does not begin with %s", stored, want)
	}
}

// The same form is made and read by clients in other languages, so it must not change.
func TestAESGCM_keeps_its_form(t *testing.T) {
	const want = `{"$codec":"aes-gcm","key":"k","data":"6Ot07Lpzzq23fIPw+a2XmMWDMYGZGxTKCjoZbnYDmWR2Nqc="}`
	c := aesgcm(t, "k")
	if got := encode(t, c, "Mail", `{"n":1}`); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, err := c.Decode(t.Context(), "Mail", []byte(want)); err != nil || string(got) != `{"n":1}` {
		t.Errorf("got %s (%v)", got, err)
	}
}

func TestAESGCM_is_equal_for_equal_payloads_only(t *testing.T) {
	c := aesgcm(t, "a", "b")
	first := encode(t, c, "Mail", `{"n":1}`)
	if again := encode(t, c, "Mail", `{"n":1}`); !bytes.Equal(again, first) {
		t.Error("the same payload was stored in two ways, so an idempotency key would conflict with itself")
	}
	data := func(raw json.RawMessage) string {
		var e struct{ Data string }
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		return e.Data[:16] // the nonce
	}
	for name, other := range map[string]json.RawMessage{
		"payload": encode(t, c, "Mail", `{"n":2}`),
		"type":    encode(t, c, "Mai", `l{"n":1}`),
		"key":     encode(t, aesgcm(t, "b"), "Mail", `{"n":1}`),
	} {
		if data(other) == data(first) {
			t.Errorf("another %s has the same nonce", name)
		}
	}
}

func TestAESGCM_rotates_keys(t *testing.T) {
	before, after := aesgcm(t, "old"), aesgcm(t, "new", "old")
	stored := encode(t, before, "Mail", `{"n":1}`)
	if got, err := after.Decode(t.Context(), "Mail", stored); err != nil || string(got) != `{"n":1}` {
		t.Errorf("the new codec reads what the old one wrote as %s (%v)", got, err)
	}
	_, err := before.Decode(t.Context(), "Mail", encode(t, after, "Mail", `{"n":1}`))
	if !errors.Is(err, codec.ErrUnknownKey) || symphony.IsPermanent(err) {
		t.Errorf("a key that has not arrived yet is %v, which must be tried again", err)
	}
}

func TestAESGCM_refuses(t *testing.T) {
	c := aesgcm(t, "a")
	stored := encode(t, c, "Mail", `{"n":1}`)
	var e struct {
		Codec string `json:"$codec"`
		Key   string `json:"key"`
		Data  []byte `json:"data"`
	}
	if err := json.Unmarshal(stored, &e); err != nil {
		t.Fatal(err)
	}
	changed := func(change func()) json.RawMessage {
		whole := e
		e.Data = bytes.Clone(e.Data)
		change()
		raw := must(json.Marshal(e))
		e = whole
		return raw
	}
	for name, test := range map[string]struct {
		typ    string
		stored json.RawMessage
	}{
		"another type":   {"Bill", stored},
		"a changed byte": {"Mail", changed(func() { e.Data[len(e.Data)-1]++ })},
		"a cut":          {"Mail", changed(func() { e.Data = e.Data[:20] })},
		"no nonce":       {"Mail", changed(func() { e.Data = e.Data[:5] })},
	} {
		if got, err := c.Decode(t.Context(), test.typ, test.stored); err == nil || !symphony.IsPermanent(err) {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestAESGCM_leaves_what_it_did_not_encode(t *testing.T) {
	c := aesgcm(t, "a")
	for _, payload := range []string{`{}`, `{"n":1}`, `{"$codec":"zstd","data":"x"}`, `{"$codec":7}`, `[1]`} {
		if got, err := c.Decode(t.Context(), "Mail", []byte(payload)); err != nil || string(got) != payload {
			t.Errorf("%s became %s (%v)", payload, got, err)
		}
	}
}

func TestNewAESGCM_refuses(t *testing.T) {
	for name, test := range map[string]struct {
		current string
		keys    map[string][]byte
		want    string
	}{
		"no keys":             {"a", nil, `the current key "a" is not among the keys`},
		"a short key":         {"a", map[string][]byte{"a": secret(1)[:31]}, `key "a": must have 32 bytes, has 31`},
		"a key without name":  {"", map[string][]byte{"": secret(1)}, "cannot be stored"},
		"a name with a zero":  {"a", map[string][]byte{"a": secret(1), "b\x00": secret(2)}, "cannot be stored"},
		"several bad at once": {"a", map[string][]byte{"a": nil, "b": nil}, `key "b"`},
	} {
		if _, err := codec.NewAESGCM(test.current, test.keys); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func FuzzAESGCM_Decode(f *testing.F) {
	c := aesgcm(f, "a")
	f.Add([]byte(encode(f, c, "Mail", `{"n":1}`)))
	f.Add([]byte(`{"$codec":"aes-gcm","key":"a","data":""}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		got, err := c.Decode(t.Context(), "Mail", stored)
		if err != nil && got != nil {
			t.Errorf("%s: a payload with an error", stored)
		}
	})
}

func BenchmarkAESGCM(b *testing.B) {
	c := aesgcm(b, "a")
	payload := []byte(`{"order":42,"text":"` + strings.Repeat("x", 200) + `"}`)
	stored := encode(b, c, "Mail", string(payload))
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Encode(b.Context(), "Mail", payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Decode(b.Context(), "Mail", stored); err != nil {
				b.Fatal(err)
			}
		}
	})
}
