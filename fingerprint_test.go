package symphony_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony"
)

func fingerprint(t *testing.T, typ, payload string) [sha256.Size]byte {
	t.Helper()
	f, err := symphony.Fingerprint(typ, json.RawMessage(payload))
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return f
}

func TestFingerprint(t *testing.T) {
	for name, test := range map[string]struct {
		a, b string
		same bool
	}{
		"the same text":                          {`{"a":1}`, `{"a":1}`, true},
		"white space":                            {`{"a":[1,{"b":2}]}`, "\t{ \"a\" :\r\n [ 1 , { \"b\" : 2 } ] }\n", true},
		"key order":                              {`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		"order in lists":                         {`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		"another value":                          {`{"a":1}`, `{"a":2}`, false},
		"another key":                            {`{"a":1}`, `{"b":1}`, false},
		"one key more":                           {`{"a":1}`, `{"a":1,"b":null}`, false},
		"null and nothing":                       {`{"a":null}`, `{}`, false},
		"false and null":                         {`{"a":false}`, `{"a":null}`, false},
		"text and number":                        {`{"a":"1"}`, `{"a":1}`, false},
		"text and truth":                         {`{"a":"true"}`, `{"a":true}`, false},
		"list and its element":                   {`{"a":[1]}`, `{"a":1}`, false},
		"empty list and object":                  {`{"a":[]}`, `{"a":{}}`, false},
		"empty list and list in list":            {`{"a":[]}`, `{"a":[[]]}`, false},
		"list ends elsewhere":                    {`{"a":[[1],2]}`, `{"a":[[1,2]]}`, false},
		"object ends elsewhere":                  {`{"a":{"b":1},"c":2}`, `{"a":{"b":1,"c":2}}`, false},
		"text that looks like structure":         {`{"a":"x","b":"y"}`, `{"a":"x\",1\"b\"1\"y"}`, false},
		"text split elsewhere":                   {`{"a":["xy","z"]}`, `{"a":["x","yz"]}`, false},
		"escapes":                                {`{"\u0061":"\u00e9\/\t"}`, "{\"a\":\"é/\\u0009\"}", true},
		"a pair of surrogates":                   {`{"a":"\ud83d\ude00"}`, `{"a":"😀"}`, true},
		"halves of pairs":                        {`{"a":"\ud83d"}`, `{"a":"\ufffd"}`, true},
		"composed and decomposed":                {"{\"a\":\"\u00e9\"}", "{\"a\":\"e\u0301\"}", false},
		"case":                                   {`{"a":"X"}`, `{"a":"x"}`, false},
		"1 and 1.0":                              {`{"n":1}`, `{"n":1.0}`, true},
		"1 and 10e-1":                            {`{"n":1}`, `{"n":10e-1}`, true},
		"1 and 0.1E+1":                           {`{"n":1}`, `{"n":0.1E+1}`, true},
		"1 and 100e-0002":                        {`{"n":1}`, `{"n":100e-0002}`, true},
		"1 and -1":                               {`{"n":1}`, `{"n":-1}`, false},
		"1 and 10":                               {`{"n":1}`, `{"n":10}`, false},
		"0 and its spellings":                    {`{"n":[0,0,0,0]}`, `{"n":[-0,0.00,0e5,-0.0E-7]}`, true},
		"0 and almost":                           {`{"n":0}`, `{"n":1e-400}`, false},
		"fractions":                              {`{"n":0.1}`, `{"n":0.10000000000000000555}`, false},
		"integers that float64 would merge":      {`{"n":9007199254740992}`, `{"n":9007199254740993}`, false},
		"large integers":                         {`{"n":123456789012345678901234567890}`, `{"n":123456789012345678901234567891}`, false},
		"a large integer and its power":          {`{"n":100000000000000000000000}`, `{"n":1e23}`, true},
		"beyond float64":                         {`{"n":1e400}`, `{"n":10e399}`, true},
		"beyond float64, another":                {`{"n":1e400}`, `{"n":1e401}`, false},
		"huge exponents":                         {`{"n":1e1000000000000}`, `{"n":0.1e1000000000001}`, true},
		"huge exponents, another":                {`{"n":1e1000000000000}`, `{"n":1e1000000000001}`, false},
		"exponents of no size":                   {`{"n":1e99999999999999999999}`, `{"n":1e99999999999999999999}`, true},
		"exponents of no size, another":          {`{"n":1e99999999999999999999}`, `{"n":1e99999999999999999998}`, false},
		"an exponent of no size and a large one": {`{"n":1e99999999999999999999}`, `{"n":1e4611686018427387903}`, false},
		"numbers side by side":                   {`{"n":[1,23]}`, `{"n":[12,3]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fingerprint(t, "t", test.a) == fingerprint(t, "t", test.b); got != test.same {
				t.Errorf("%s and %s are the same: %v, want %v", test.a, test.b, got, test.same)
			}
		})
	}
}

func TestFingerprint_tells_types_apart(t *testing.T) {
	seen := make(map[[sha256.Size]byte]string)
	for _, typ := range []string{"t", "T", "t ", "1:t", "t:{", ""} {
		f := fingerprint(t, typ, `{}`)
		if other, known := seen[f]; known {
			t.Errorf("types %q and %q have one fingerprint", typ, other)
		}
		seen[f] = typ
	}
}

func TestFingerprint_refuses_what_is_not_JSON(t *testing.T) {
	for _, payload := range []string{"", "{", `{"a":01}`, "\xff"} {
		if _, err := symphony.Fingerprint("t", json.RawMessage(payload)); err == nil {
			t.Errorf("%q has a fingerprint", payload)
		}
	}
}

// respell writes a JSON value in another way that means the same: keys in random order, white space, escapes, numbers
// in another form.
func respell(b *strings.Builder, v any, r *rand.Rand) {
	space := func() { b.WriteString([]string{"", " ", "\n", "\t\r\n "}[r.IntN(4)]) }
	text := func(s string) {
		b.WriteByte('"')
		for _, c := range s {
			switch {
			case c < 0x10000 && (r.IntN(3) == 0 || c < ' ' || c == '"' || c == '\\'):
				fmt.Fprintf(b, `\u%04x`, c)
			default:
				b.WriteRune(c)
			}
		}
		b.WriteByte('"')
	}
	space()
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			space()
			text(k)
			space()
			b.WriteByte(':')
			respell(b, v[k], r)
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			respell(b, e, r)
		}
		b.WriteByte(']')
	case string:
		text(v)
	case json.Number:
		b.WriteString(respellNumber(string(v), r))
	default:
		raw, _ := json.Marshal(v)
		b.Write(raw)
	}
	space()
}

// respellNumber moves the point and mends the exponent, or adds zeros behind the point.
func respellNumber(s string, r *rand.Rand) string {
	if strings.ContainsAny(s, "eE") {
		return s
	}
	switch whole, fraction, _ := strings.Cut(s, "."); r.IntN(3) {
	case 0:
		return s
	case 1:
		return whole + "." + fraction + "0"
	default:
		return shifted(whole, fraction, r.IntN(5)+1)
	}
}

// shifted spells whole.fraction as a number that is 10^n times smaller, with an exponent that makes up for it.
func shifted(whole, fraction string, n int) string {
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	return fmt.Sprintf("%s0.%s%s%se+%d", sign, strings.Repeat("0", n), whole, fraction, n+len(whole))
}

func FuzzFingerprint(f *testing.F) {
	f.Add(`{"b": [1, 2.50, -0, 1e400], "a": {"x": "é\n\"", "": null}}`, uint64(1))
	f.Add(`{"n": 123456789012345678901234567890.000, "t": [true, false, [], {}]}`, uint64(2))
	f.Fuzz(func(t *testing.T, payload string, seed uint64) {
		dec := json.NewDecoder(strings.NewReader(payload))
		dec.UseNumber()
		var v any
		if !json.Valid([]byte(payload)) || dec.Decode(&v) != nil {
			t.Skip("not JSON")
		}
		want := fingerprint(t, "t", payload)
		var b strings.Builder
		respell(&b, v, rand.New(rand.NewPCG(seed, 0)))
		if got := fingerprint(t, "t", b.String()); got != want {
			t.Errorf("%s and %s are the same value and have different fingerprints", payload, b.String())
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		if got := fingerprint(t, "t", compact.String()); got != want {
			t.Errorf("%s compacted has another fingerprint", payload)
		}
	})
}

// FuzzFingerprint_numbers compares with exact arithmetic: two numbers have one fingerprint if and only if they are
// equal.
func FuzzFingerprint_numbers(f *testing.F) {
	for _, pair := range [][2]string{{"1", "1.0"}, {"10e-1", "0.1e1"}, {"-0", "0e9"}, {"9007199254740993", "9007199254740992"}, {"1.5e300", "15e299"}, {"1e-5", "0.00001"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var values [2]*big.Rat
		for i, s := range []string{a, b} {
			if !isNumber(s) {
				t.Skip("not a JSON number")
			}
			if at := strings.IndexAny(s, "eE"); at >= 0 && len(s)-at > 5 {
				t.Skip("too large to compute")
			}
			var ok bool
			if values[i], ok = new(big.Rat).SetString(s); !ok {
				t.Skip("not a number for math/big")
			}
		}
		same := fingerprint(t, "t", `{"n":`+a+`}`) == fingerprint(t, "t", `{"n":`+b+`}`)
		if want := values[0].Cmp(values[1]) == 0; same != want {
			t.Errorf("%s and %s have one fingerprint: %v, want %v", a, b, same, want)
		}
	})
}

func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && s == strings.TrimSpace(s) && json.Valid([]byte(s))
}
