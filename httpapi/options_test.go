package httpapi

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/archive"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// members are the names in JSON of a struct's fields.
func members[T any]() (list []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name := jsonName(f); name != "" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// Whoever adds an option to the domain adds it to the API, to what the API tells of a message's way, and to what files
// have, or says here why not.
func TestOptions_have_their_members(t *testing.T) {
	own := []string{"dispatchedBy", "keysOf"} // follow from who calls
	// Are about the moment of the dispatch: nothing is told of them, and there is nothing to import.
	passing := []string{"debounceKey", "throttleKey", "keysOf", "delay"}
	for what, c := range map[string]struct{ got, without []string }{
		"the request's options":  {members[wire.DispatchOptions](), own},
		"the way that is told":   {append(members[wire.Flow](), members[wire.StoredMessage]()...), append(passing, "metadata")},
		"the messages of a file": {members[archive.Message](), append(passing, "metadata")}, // metadata is the message's
	} {
		for _, name := range members[symphony.DispatchOptions]() {
			if slices.Contains(c.got, name) == slices.Contains(c.without, name) {
				t.Errorf("%s: is %s there? It is among the options of a dispatch, and among the exceptions: %v",
					what, name, slices.Contains(c.without, name))
			}
		}
	}
}

// What a request asks for reaches the domain, and what the domain has is told as it was asked for.
func TestOptions_are_copied_whole(t *testing.T) {
	var want wire.DispatchOptions
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		text, n, yes := "value "+v.Type().Field(i).Name, i+1, true
		at := time.Date(2026, 12, 1+i, 9, 0, 0, 0, time.UTC)
		switch f := v.Field(i); f.Interface().(type) {
		case *string:
			f.Set(reflect.ValueOf(&text))
		case *int:
			f.Set(reflect.ValueOf(&n))
		case *bool:
			f.Set(reflect.ValueOf(&yes))
		case *time.Time:
			f.Set(reflect.ValueOf(&at))
		case []string:
			f.Set(reflect.ValueOf([]string{text}))
		case wire.Delays:
			f.Set(reflect.ValueOf(wire.Delays{n, 0}))
		case *wire.Callback:
			f.Set(reflect.ValueOf(&wire.Callback{Type: text, Payload: jsontext.Value(`{"n":1.50}`), Queue: &text,
				Transport: &text}))
		case jsontext.Value:
			f.Set(reflect.ValueOf(jsontext.Value(`{"n":1.50}`)))
		case map[string]jsontext.Value:
			f.Set(reflect.ValueOf(map[string]jsontext.Value{"h": jsontext.Value(`1.50`)}))
		default:
			t.Fatalf("%s is a %s", v.Type().Field(i).Name, f.Type())
		}
	}
	var (
		domain symphony.DispatchOptions
		got    wire.DispatchOptions
		list   []symphony.Problem
	)
	askedOptions.ask(&want, &domain, "options.", &list)
	if toldOptions.tell(&domain, &got); len(list) > 0 {
		t.Errorf("problems: %v", list)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-asked +told):\n%s", diff)
	}
	if domain.Delay != time.Duration(*want.Delay)*time.Millisecond {
		t.Errorf("a delay of %d ms became %s", *want.Delay, domain.Delay)
	}
}

// What is given and empty, or beyond what a field holds, is refused and never the default.
func TestOptions_given_and_empty(t *testing.T) {
	empty, none, late := "", 0, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		given wire.DispatchOptions
		path  string
		want  symphony.DispatchOptions
	}{
		"text":            {wire.DispatchOptions{GroupKey: &empty}, "p.groupKey", symphony.DispatchOptions{}},
		"priority":        {wire.DispatchOptions{Priority: &none}, "", symphony.DispatchOptions{Priority: -1}},
		"no delay":        {wire.DispatchOptions{Delay: &none}, "", symphony.DispatchOptions{}},
		"too long":        {wire.DispatchOptions{Delay: given(1 << 60)}, "", symphony.DispatchOptions{Delay: symphony.MaxDelay + 1}},
		"negative":        {wire.DispatchOptions{Delay: given(-1 << 60)}, "", symphony.DispatchOptions{Delay: -1}},
		"metadata":        {wire.DispatchOptions{Metadata: jsontext.Value(`[]`)}, "p.metadata", symphony.DispatchOptions{}},
		"a year too late": {wire.DispatchOptions{ExpiresAt: &late}, "p.expiresAt", symphony.DispatchOptions{}},
	} {
		var (
			got  symphony.DispatchOptions
			list []symphony.Problem
		)
		askedOptions.ask(&c.given, &got, "p.", &list)
		var paths []string
		for _, p := range list {
			paths = append(paths, p.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || strings.Join(paths, " ") != c.path {
			t.Errorf("%s: problems %v, want one of %q; options (-want +got):\n%s", name, list, c.path, diff)
		}
	}
}
