package dynamic_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler/dynamic"
	"github.com/symphony-messenger/symphony/handler/httppush"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

// app is an application that is pushed to, and which secrets have signed what it got.
type app struct {
	*httptest.Server
	mu     sync.Mutex
	pushed []*http.Request
	bodies [][]byte
}

func newApp(t *testing.T) *app {
	a := new(app)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.pushed, a.bodies = append(a.pushed, r), append(a.bodies, body)
	}))
	t.Cleanup(a.Close)
	return a
}

// signed are those of the secrets that have signed the last push.
func (a *app) signed(t *testing.T, secrets ...string) (by []string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pushed) == 0 {
		t.Fatal("nothing was pushed")
	}
	last := len(a.pushed) - 1
	for _, s := range secrets {
		hook, err := webhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		if hook.Verify(a.bodies[last], a.pushed[last].Header) == nil {
			by = append(by, s)
		}
	}
	return by
}

// place is a storage with a process on it.
type place struct {
	*testing.T
	records storage.Records
	mux     *symphony.Mux
	set     *dynamic.Set
	log     *bytes.Buffer
}

func open(t *testing.T, records storage.Records, change func(*dynamic.Options)) *place {
	t.Helper()
	p := &place{T: t, records: records, mux: symphony.NewMux(), log: new(bytes.Buffer)}
	origins, err := httppush.NewOrigins([]string{"http://127.0.0.1"}, true)
	if err != nil {
		t.Fatal(err)
	}
	o := dynamic.Options{Records: records, Mux: p.mux, Origins: origins}
	o.Logger = slog.New(slog.NewTextHandler(p.log, nil))
	if change != nil {
		change(&o)
	}
	if p.set, err = dynamic.New(o); err != nil {
		t.Fatal(err)
	}
	return p
}

func records(t *testing.T) storage.Records { return symphonytest.Storage(t, sqlite.Options{}) }

// allowing lets messages be pushed to servers of the test.
func allowing(urls ...string) func(*dynamic.Options) {
	return func(o *dynamic.Options) { o.Origins, _ = httppush.NewOrigins(urls, true) }
}

func (p *place) put(pattern, url string) (dynamic.Handler, string) {
	p.Helper()
	h, secret, _, err := p.set.Put(p.Context(), dynamic.Change{Target: dynamic.Target{Pattern: pattern},
		Settings: dynamic.Settings{URL: url}, By: "tester"})
	if err != nil {
		p.Fatal(err)
	}
	return h, secret
}

func (p *place) handle(typ, queue string) error {
	d := &symphony.Delivery{Attempt: 1}
	d.ID, d.Type, d.Queue, d.Payload = symphony.NewID(time.Now()), typ, queue, []byte(`{}`)
	d.CreatedAt = time.Now()
	return p.mux.Run(p.Context(), d, time.Minute).Err
}

func TestPut_pushes_and_signs_with_a_secret_of_its_own(t *testing.T) {
	a := newApp(t)
	p := open(t, records(t), allowing(a.URL))
	h, secret := p.put("order.*", a.URL+"/api/symphony")
	if err := p.handle("order.paid", "default"); err != nil {
		t.Fatal(err)
	}
	if by := a.signed(t, secret); len(by) != 1 || h.By != "tester" || h.CreatedAt.IsZero() {
		t.Errorf("signed by %v; %+v", by, h)
	}
	again, none := p.put("order.*", a.URL+"/other")
	if none != "" || !again.CreatedAt.Equal(h.CreatedAt) {
		t.Errorf("a second time it has the secret %q, and was created at %s", none, again.CreatedAt)
	}
	if err := p.handle("order.paid", "default"); err != nil || len(a.signed(t, secret)) != 1 {
		t.Errorf("%v, or another secret signs", err)
	}
	if got := a.pushed[1].URL.Path; got != "/other" {
		t.Errorf("pushed to %s", got)
	}
	given := httppush.NewSecret()
	if _, made, _, err := p.set.Put(t.Context(), dynamic.Change{Target: again.Target, Settings: again.Settings,
		Secret: given}); err != nil || made != "" {
		t.Errorf("with a secret: %q, %v", made, err)
	}
	if err := p.handle("order.paid", "default"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{given}, a.signed(t, secret, given)); diff != "" {
		t.Errorf("signed by (-want +got)\n%s", diff)
	}
}

func TestRotate_has_both_sign_until_the_older_is_retired(t *testing.T) {
	a := newApp(t)
	p := open(t, records(t), allowing(a.URL))
	h, first := p.put("order", a.URL)
	if _, err := p.set.Retire(t.Context(), h.Target, ""); !errors.Is(err, dynamic.ErrNoRotation) {
		t.Errorf("retiring the only one: %v", err)
	}
	signers := func(secrets ...string) []string {
		t.Helper()
		if err := p.handle("order", "default"); err != nil {
			t.Fatal(err)
		}
		return a.signed(t, secrets...)
	}
	h, lost, err := p.set.Rotate(t.Context(), h.Target, "", "")
	if err != nil || !h.Rotating || len(signers(first, lost)) != 2 {
		t.Errorf("%+v, %v", h, err)
	}
	_, second, err := p.set.Rotate(t.Context(), h.Target, "", "")
	if diff := cmp.Diff([]string{first, second}, signers(first, lost, second)); err != nil || diff != "" {
		t.Errorf("rotated anew: %v (-want +got)\n%s", err, diff)
	}
	h, err = p.set.Retire(t.Context(), h.Target, "")
	if diff := cmp.Diff([]string{second}, signers(first, lost, second)); err != nil || diff != "" || h.Rotating {
		t.Errorf("retired: %v, rotating %t (-want +got)\n%s", err, h.Rotating, diff)
	}
	unknown := dynamic.Target{Pattern: "other"}
	_, _, rerr := p.set.Rotate(t.Context(), unknown, "", "")
	_, terr := p.set.Retire(t.Context(), unknown, "")
	for _, err := range []error{rerr, terr, p.set.Delete(t.Context(), unknown)} {
		if !errors.Is(err, symphony.ErrNotFound) {
			t.Errorf("of one that is not there: %v", err)
		}
	}
}

// A process that has not looked since learns of a handler before it lets a message fail, and of other changes as it
// follows.
func TestSet_is_followed_by_other_processes(t *testing.T) {
	a, shared := newApp(t), records(t)
	one, other := open(t, shared, allowing(a.URL)), open(t, shared, allowing(a.URL))
	var none *symphony.NoHandlerError
	if err := other.handle("order", "default"); !errors.As(err, &none) {
		t.Fatalf("without a handler: %v", err)
	}
	one.put("order", a.URL)
	if err := other.handle("order", "default"); err != nil {
		t.Errorf("on the other: %v", err)
	}
	if err := one.set.Delete(t.Context(), dynamic.Target{Pattern: "order"}); err != nil {
		t.Fatal(err)
	}
	if err := one.handle("order", "default"); !errors.As(err, &none) {
		t.Errorf("deleted, where it was deleted: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { other.set.Follow(ctx) })
	for deadline := time.Now().Add(20 * time.Second); len(other.set.Breakers()) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the other does not follow")
		}
		<-time.After(10 * time.Millisecond)
	}
	stop()
	following.Wait()
	if err := other.handle("order", "default"); !errors.As(err, &none) {
		t.Errorf("deleted, elsewhere: %v", err)
	}
}

func TestSet_survives_a_restart(t *testing.T) {
	a, kept := newApp(t), records(t)
	retries := 2
	want, secret, created, err := open(t, kept, allowing(a.URL)).set.Put(t.Context(), dynamic.Change{
		Target: dynamic.Target{Pattern: "order.*"}, By: "ann",
		Settings: dynamic.Settings{URL: a.URL + "/a?b=c", MaxRetries: &retries, Timeout: time.Second, KeepOutput: true,
			RetryDelay: []time.Duration{0, time.Minute}, Concurrency: 3, Queues: []string{"b", "a", "b"}},
	})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	p := open(t, kept, allowing(a.URL))
	got, err := p.set.Get(t.Context(), want.Target)
	if err != nil {
		t.Fatal(err)
	}
	diff := cmp.Diff(want.Settings, got.Settings)
	if diff != "" || got.By != "ann" || !got.CreatedAt.Equal(want.CreatedAt) {
		t.Errorf("%+v (-want +got)\n%s", got, diff)
	}
	if err := p.handle("order.paid", "a"); err != nil || len(a.signed(t, secret)) != 1 {
		t.Errorf("%v, or it is not signed as before", err)
	}
	var none *symphony.NoHandlerError
	if err := p.handle("order.paid", "c"); !errors.As(err, &none) {
		t.Errorf("in another queue: %v", err)
	}
	d := symphony.Envelope{Type: "order.paid", Queue: "a"}
	if policy := p.mux.PolicyOf(&d, symphony.Policy{}); policy.Retries() != 2 || len(policy.Delays) != 2 {
		t.Errorf("policy %+v", policy)
	}
	if _, places := p.mux.Places(&d, 10); places != 3 {
		t.Errorf("%d places, want 3", places)
	}
}

func TestPut_for_one_queue_leaves_the_others(t *testing.T) {
	production, preview := newApp(t), newApp(t)
	p := open(t, records(t), allowing(production.URL, preview.URL))
	p.put("*", production.URL)
	target := dynamic.Target{Pattern: "*", Queue: "pr-42"}
	if _, _, created, err := p.set.Put(t.Context(), dynamic.Change{Target: target,
		Settings: dynamic.Settings{URL: preview.URL}}); err != nil || !created {
		t.Fatal(created, err)
	}
	for _, queue := range []string{"default", "pr-42", "other"} {
		if err := p.handle("order", queue); err != nil {
			t.Error(err)
		}
	}
	if len(production.pushed) != 2 || len(preview.pushed) != 1 {
		t.Errorf("%d to production, %d to the preview", len(production.pushed), len(preview.pushed))
	}
	if err := p.set.Delete(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if err := p.handle("order", "pr-42"); err != nil || len(production.pushed) != 3 {
		t.Errorf("without the preview: %v", err)
	}
}

func TestPut_refuses(t *testing.T) {
	p := open(t, records(t), nil)
	p.mux.HandleFunc("mail.*", func(context.Context, *symphony.Delivery) error { return nil })
	retries, at := 101, "http://127.0.0.1/"
	set := func(s dynamic.Settings) dynamic.Change {
		return dynamic.Change{Target: dynamic.Target{Pattern: "order"}, Settings: s}
	}
	target := func(pattern, queue string, queues ...string) dynamic.Change {
		return dynamic.Change{Target: dynamic.Target{Pattern: pattern, Queue: queue},
			Settings: dynamic.Settings{URL: at, Queues: queues}}
	}
	signed := func(secret string) dynamic.Change {
		c := target("a", "")
		c.Secret = secret
		return c
	}
	for name, test := range map[string]struct {
		change dynamic.Change
		path   string
	}{
		"no URL":                {set(dynamic.Settings{}), "url"},
		"another origin":        {set(dynamic.Settings{URL: "http://127.0.0.1:81/"}), "url"},
		"another scheme":        {set(dynamic.Settings{URL: "ftp://127.0.0.1/"}), "url"},
		"a password":            {set(dynamic.Settings{URL: "http://a:b@127.0.0.1/"}), "url"},
		"a fragment":            {set(dynamic.Settings{URL: at + "#a"}), "url"},
		"a long one":            {set(dynamic.Settings{URL: at + strings.Repeat("a", symphony.MaxURLLength)}), "url"},
		"no pattern":            {target("a*", ""), "pattern"},
		"a bad queue":           {target("a", "b c"), "queue"},
		"queues beside a queue": {target("a", "b", "c"), "queues"},
		"one of the queues":     {target("a", "", "a", "b/c d"), "queues[1]"},
		"a short time":          {set(dynamic.Settings{URL: at, Timeout: time.Millisecond}), "timeout"},
		"a long time":           {set(dynamic.Settings{URL: at, Timeout: 25 * time.Hour}), "timeout"},
		"too many places":       {set(dynamic.Settings{URL: at, Concurrency: 10_001}), "concurrency"},
		"too many delays": {set(dynamic.Settings{URL: at, RetryDelay: make([]time.Duration, 101)}),
			"retry.retryDelay"},
		"too many queues":  {target("a", "", make([]string, dynamic.MaxQueues+1)...), "queues"},
		"too many retries": {set(dynamic.Settings{URL: at, MaxRetries: &retries}), "retry.maxRetries"},
		"a delay": {set(dynamic.Settings{URL: at, RetryDelay: []time.Duration{0, 25 * time.Hour}}),
			"retry.retryDelay[1]"},
		"what is no secret":      {signed("hunter2"), "secret"},
		"what is not much of it": {signed("whsec_YQ=="), "secret"},
	} {
		_, _, _, err := p.set.Put(t.Context(), test.change)
		var invalid *symphony.ValidationError
		if !errors.As(err, &invalid) || invalid.Problems[0].Path != test.path {
			t.Errorf("%s: %v, want a problem of %s", name, err, test.path)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v repeats the secret", name, err)
		}
	}
	for pattern, by := range map[string]string{"mail.*": "mail.*", "mail.new": "mail.*"} {
		change := set(dynamic.Settings{URL: at})
		change.Pattern = pattern
		_, _, _, err := p.set.Put(t.Context(), change)
		var registered *dynamic.RegisteredError
		if !errors.As(err, &registered) || registered.By != by {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	if list, err := p.set.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%d are set, %v", len(list), err)
	}
}

func TestPut_waits_for_older_nodes(t *testing.T) {
	older := []string{"old:1"}
	p := open(t, records(t), func(o *dynamic.Options) {
		o.Older = func(context.Context) ([]string, error) { return older, nil }
	})
	change := dynamic.Change{Target: dynamic.Target{Pattern: "a"}, Settings: dynamic.Settings{URL: "http://127.0.0.1/"}}
	var refused *dynamic.OlderNodesError
	_, _, _, err := p.set.Put(t.Context(), change)
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "old:1") {
		t.Errorf("got %v", err)
	}
	older = nil
	if _, _, _, err := p.set.Put(t.Context(), change); err != nil {
		t.Error(err)
	}
}

func TestPut_is_bounded(t *testing.T) {
	p := open(t, records(t), nil)
	for i := range dynamic.Most {
		raw := []byte(`{"url":"http://127.0.0.1/","secrets":["` + httppush.NewSecret() + `"]}`)
		if err := storage.Put(t.Context(), p.records, "handler", fmt.Sprint("t", i), raw); err != nil {
			t.Fatal(err)
		}
	}
	var invalid *symphony.ValidationError
	_, _, _, err := p.set.Put(t.Context(), dynamic.Change{Target: dynamic.Target{Pattern: "a"},
		Settings: dynamic.Settings{URL: "http://127.0.0.1/"}})
	if !errors.As(err, &invalid) {
		t.Errorf("one more: %v", err)
	}
}

// What this process cannot push is tried again, and said.
func TestSet_cannot_push(t *testing.T) {
	kept := records(t)
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	sealed := func(keys ...[]byte) func(*dynamic.Options) {
		return func(o *dynamic.Options) { o.SealKeys = keys }
	}
	_, secret := open(t, kept, sealed(key)).put("order", "http://127.0.0.1/")
	raw, err := storage.Get(t.Context(), kept, "handler", "order")
	if err != nil || bytes.Contains(raw, []byte(secret)) {
		t.Fatalf("the record has the secret, or there is none: %v", err)
	}
	if err := storage.Put(t.Context(), kept, "handler", "later", []byte(`{"url":7}`)); err != nil {
		t.Fatal(err)
	}
	if err := storage.Put(t.Context(), kept, "handler", "a*b", []byte(`{"url":"http://127.0.0.1/"}`)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*dynamic.Options){
		"another key": sealed(other), "no key": nil,
		"another origin": func(o *dynamic.Options) { sealed(key)(o); allowing("http://localhost")(o) },
	} {
		p := open(t, kept, change)
		for _, typ := range []string{"order", "later"} {
			err := p.handle(typ, "default")
			var unable *dynamic.UnableError
			if !errors.As(err, &unable) || symphony.IsPermanent(err) || symphony.ErrorClass(err) != "handler_unable" {
				t.Errorf("%s: %s: %v", name, typ, err)
			}
		}
		if strings.Contains(p.log.String(), secret) || !strings.Contains(p.log.String(), "cannot push here") {
			t.Errorf("%s: the log says %s", name, p.log)
		}
		h, err := p.set.Get(t.Context(), dynamic.Target{Pattern: "order"})
		if err != nil || h.Problem == nil {
			t.Errorf("%s: %+v, %v; want its problem", name, h, err)
		}
	}
	// With the new key first, the old one still opens.
	p := open(t, kept, sealed(other, key))
	h, err := p.set.Get(t.Context(), dynamic.Target{Pattern: "order"})
	if err != nil || h.Problem != nil {
		t.Errorf("%+v, %v", h.Problem, err)
	}
	if err := p.set.Delete(t.Context(), dynamic.Target{Pattern: "a*b"}); err != nil {
		t.Errorf("what is damaged cannot be deleted: %v", err)
	}
}

// A handler that has not changed keeps its circuit breaker, whatever becomes of others.
func TestSet_keeps_what_has_not_changed(t *testing.T) {
	p := open(t, records(t), nil)
	p.put("order", "http://127.0.0.1/")
	before := p.set.Breakers()[0]
	p.put("mail", "http://127.0.0.1/")
	kept := false
	for _, b := range p.set.Breakers() {
		kept = kept || b == before
	}
	if !kept {
		t.Error("it was made anew")
	}
}

func TestPush_to_a_private_address_is_refused(t *testing.T) {
	a := newApp(t)
	p := open(t, records(t), func(o *dynamic.Options) {
		o.Origins, _ = httppush.NewOrigins([]string{strings.Replace(a.URL, "127.0.0.1", "localhost", 1)}, false)
	})
	p.put("order", strings.Replace(a.URL, "127.0.0.1", "localhost", 1))
	var refused *httppush.AddressError
	if err := p.handle("order", "default"); !errors.As(err, &refused) || len(a.pushed) != 0 {
		t.Errorf("%v, %d were pushed", err, len(a.pushed))
	}
}
