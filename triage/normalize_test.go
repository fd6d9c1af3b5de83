package triage_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/triage"
)

// Texts of errors as libraries and services write them, with what is left of them.
func TestNormalize(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"  boom \n\t again  ":    "boom again",
		"order 4711 not found":   "order # not found",
		"order 1,234.50 too big": "order # too big",
		"can't pay, won't pay":   "can't pay, won't pay",

		// Go
		"dial tcp 10.0.0.7:5432: connect: connection refused": "dial tcp <address>: connect: connection refused",
		"dial tcp [::1]:5432: connect: connection refused":    "dial tcp [<address>]:#: connect: connection refused",
		"lookup api.example.com on 127.0.0.11:53: no such host": "lookup api.example.com on <address>: no such host",
		`Post "https://api.example.com/v1/charges": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`: `Post <text>: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
		"json: cannot unmarshal string into Go struct field Order.total of type int":                                           "json: cannot unmarshal string into Go struct field Order.total of type int",
		"invalid character '}' looking for beginning of object key string":                                                     "invalid character <text> looking for beginning of object key string",
		`strconv.Atoi: parsing "12a": invalid syntax`:                                                                          "strconv.Atoi: parsing <text>: invalid syntax",
		"runtime error: index out of range [5] with length 3":                                                                  "runtime error: index out of range [#] with length #",
		"panic: assignment to entry in nil map at handler.go:118 +0x1d":                                                        "panic: assignment to entry in nil map at handler.go:# +#",
		"handler was stopped after 30s":                                                                                        "handler was stopped after <time>",
		"took 1m30.5s, limit is 250ms":                                                                                         "took <time>, limit is <time>",

		// Databases
		`ERROR: duplicate key value violates unique constraint "orders_pkey" (SQLSTATE 23505)`: "ERROR: duplicate key value violates unique constraint <text> (SQLSTATE #)",
		"Deadlock found when trying to get lock; try restarting transaction":                 "Deadlock found when trying to get lock; try restarting transaction",
		"Duplicate entry 'bob@example.com' for key 'users.email'":                            "Duplicate entry <text> for key <text>",
		"E11000 duplicate key error collection: shop.orders index: _id_ dup key: { _id: 7 }":  "E# duplicate key error collection: shop.orders index: _id_ dup key: { _id: # }",
		"MOVED 3999 127.0.0.1:6381":                                                           "MOVED # <address>",

		// Services
		"No such customer: cus_9s6XKzkNRiz8i3":                                         "No such customer: cus_#",
		"429 Too Many Requests; retry at 2026-11-29T12:30:00Z":                         "# Too Many Requests; retry at <time>",
		"request 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed with status 502":          "request # failed with status #",
		"trace_id=4bf92f3577b34da6a3ce929d0e0e4736 user=alice@example.com attempt=3":   "trace_id=# user=<address> attempt=#",
		`{"error":{"code":"card_declined","charge":"ch_3MmlLr"}}`:                      "{<text>:{<text>:<text>,<text>:<text>}}",
		"GET https://example.com/orders/42?x=1: 404":                                   "GET <address>: #",
		"/orders/42/items/7f3e9ab not found":                                           "/orders/#/items/# not found",
		"object s3://bucket/key-1 is gone":                                             "object <address> is gone",
		"certificate expired on 2026-01-31 23:59:59":                                   "certificate expired on <time> <time>",
		"exit status 137":                                                              "exit status #",
		"sha256 of http2 frame differs":                                                "sha# of http# frame differs",

		// Other languages
		"java.lang.NullPointerException: Cannot invoke \"Order.getId()\" because \"order\" is null": "java.lang.NullPointerException: Cannot invoke <text> because <text> is null",
		"at Shop.Pay(Order o) in /src/Shop.cs:line 42":                                              "at Shop.Pay(Order o) in /src/Shop.cs:line #",
		"undefined method `total' for nil:NilClass":                                                 "undefined method `total' for nil:NilClass",
		"App\\Exception\\PaymentFailed: Karte „Müller“ abgelehnt":                                   "App\\Exception\\PaymentFailed: Karte <text> abgelehnt",
		"TypeError: Cannot read properties of undefined (reading 'id')":                             "TypeError: Cannot read properties of undefined (reading <text>)",
		"支払い 12 件が失敗": "支払い # 件が失敗",
		`an "unfinished quote and 7`: `an "unfinished quote and #`,
	} {
		got := triage.Normalize(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
		if again := triage.Normalize(got); again != got {
			t.Errorf("%q once more is %q", got, again)
		}
	}
}

func TestFingerprint(t *testing.T) {
	of := triage.Fingerprint("Order", "timeout", "order 17 took 30s")
	if !triage.ValidGroup(of) || len(of) != 26 {
		t.Errorf("%q is no name of a group", of)
	}
	if want := "1:8c93a3ff7212985275ea1b07"; of != want {
		t.Errorf("got %q, want %q: another way to make fingerprints needs another version", of, want)
	}
	if same := triage.Fingerprint("Order", "timeout", "order 18 took 31.5s"); same != of {
		t.Errorf("%q and %q differ", of, same)
	}
	if same := triage.Compose("Order", triage.Cause("timeout", "order 1 took 1s")); same != of {
		t.Errorf("composed %q, want %q", same, of)
	}
	for _, other := range []string{
		triage.Fingerprint("Mail", "timeout", "order 17 took 30s"),
		triage.Fingerprint("Order", "refused", "order 17 took 30s"),
		triage.Fingerprint("Order", "timeout", "order 17 was refused"),
		triage.Fingerprint("Order\ntimeout", "", "order 17 took 30s"),
	} {
		if other == of {
			t.Errorf("%q is the group of others, too", other)
		}
	}
}

func TestValidGroup(t *testing.T) {
	for name, want := range map[string]bool{
		"other": true, "1:0123456789abcdef01234567": true,
		"": false, "1:": false, "2:0123456789abcdef01234567": false, "1:0123456789ABCDEF01234567": false,
		"1:0123456789abcdef0123456": false, "Other": false, "1:0123456789abcdef0123456g": false,
	} {
		if got := triage.ValidGroup(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, text := range []string{"order 17", `dial tcp 10.0.0.7:5432: "x" 'y`, "trace=4bf92f-aa11 <id> <text> 2026-01-02T03:04:05Z", "‘’“”«", "\\\"'a'1.5s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			return
		}
		got := triage.Normalize(text)
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q became %q, which is no UTF-8", text, got)
		}
		if len(got) > 9*len(text) || strings.Contains(got, "  ") {
			t.Errorf("%q became %q", text, got)
		}
		if strings.TrimSpace(text) != "" && got == "" {
			t.Errorf("nothing is left of %q", text)
		}
	})
}
