package symphony_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
)

// fill sets every field of a struct to a value of its own that is not zero.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString("value of " + v.Type().Field(i).Name)
		case bool:
			f.SetBool(true)
		case int:
			f.SetInt(int64(1 + i%9))
		case time.Duration:
			f.SetInt(int64(i+1) * int64(time.Millisecond))
		case time.Time:
			f.Set(reflect.ValueOf(noon.Add(time.Duration(i+1) * time.Hour)))
		case map[string]any:
			f.Set(reflect.ValueOf(map[string]any{"in": v.Type().Field(i).Name}))
		case *int:
			f.Set(reflect.ValueOf(new(1 + i%9)))
		case *time.Duration:
			f.Set(reflect.ValueOf(new(time.Duration(i+1) * time.Millisecond)))
		case []time.Duration:
			f.Set(reflect.ValueOf([]time.Duration{time.Second, 0, time.Minute}))
		case []string:
			f.Set(reflect.ValueOf([]string{"in", v.Type().Field(i).Name}))
		case *symphony.Callback:
			f.Set(reflect.ValueOf(&symphony.Callback{Type: v.Type().Field(i).Name,
				Payload: []byte("{\"<\": \"\\u0000\"}"),
				Queue:   "q", Transport: "default", Priority: symphony.DefaultPriority}))
		case *symphony.RetryOf:
			f.Set(reflect.ValueOf(&symphony.RetryOf{FailedID: "f", MessageID: "m", Payload: []byte(`{"was": 1}`)}))
		default:
			panic(v.Type().Field(i).Name + " is not filled")
		}
	}
}

// What a dispatch asks for about its way is what its message has, whole: a Flow has no field that is no option, and
// none is left behind between options, message and storage.
func TestOptions_of_flow_are_kept(t *testing.T) {
	tr := open(t, newClock(0), "default")[0]
	bus := newBus(t, symphony.BusOptions{Clock: newClock(0)}, tr)
	var want symphony.Flow
	fill(reflect.ValueOf(&want).Elem())
	for _, key := range []string{"DebounceKey", "ThrottleKey"} { // of which a message has one
		want := want
		reflect.ValueOf(&want).Elem().FieldByName(key).SetZero()
		var o symphony.DispatchOptions
		for i, v := range reflect.ValueOf(want).Fields() {
			reflect.ValueOf(&o).Elem().FieldByName(i.Name).Set(v)
		}
		r, err := bus.Dispatch(t.Context(), "order.paid", struct{}{}, o)
		if err != nil {
			t.Fatal(err)
		}
		messages, err := bus.Messages("default")
		if err != nil {
			t.Fatal(err)
		}
		m, err := messages.Get(t.Context(), r.ID)
		if err != nil || m.Flow == nil || *m.Flow != want {
			t.Errorf("got %+v, %v; want %+v", m.Flow, err, want)
		}
	}
}

// What a dispatch asks for about its message alone is what the message has, whole, in every storage's JSON.
func TestOptions_of_terms_are_kept(t *testing.T) {
	tr := open(t, newClock(0), "default")[0]
	bus := newBus(t, symphony.BusOptions{Clock: newClock(0), URLs: func(string) error { return nil }}, tr)
	var want symphony.Terms
	fill(reflect.ValueOf(&want).Elem())
	want.URL, want.Timeout, want.RetryOf = "https://example.com/hook?a=b", time.Second, nil
	var o symphony.DispatchOptions
	for i, v := range reflect.ValueOf(want).Fields() {
		if i.Name != "RetryOf" {
			reflect.ValueOf(&o).Elem().FieldByName(i.Name).Set(v)
		}
	}
	r, err := bus.Dispatch(t.Context(), "order.paid", struct{}{}, o)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := bus.Messages("default")
	if err != nil {
		t.Fatal(err)
	}
	m, err := messages.Get(t.Context(), r.ID)
	if diff := cmp.Diff(&want, m.Terms); err != nil || diff != "" {
		t.Errorf("error %v; terms (-want +got):\n%s", err, diff)
	}
	again := *m.Terms
	again.RetryOf = &symphony.RetryOf{FailedID: "f"}
	if diff := cmp.Diff(&want, again.Again()); diff != "" {
		t.Errorf("dispatched again (-want +got):\n%s", diff)
	}
}

// Of each option of a message's way somebody has decided whether it holds for a message that is dispatched again.
func TestFlow_again_decides_about_every_option(t *testing.T) {
	kept := []string{"ConcurrencyKey", "GroupKey", "Ordered"}
	over := []string{"ExpiresAt", "DebounceKey", "ThrottleKey", "KeysOf"}
	var f symphony.Flow
	fill(reflect.ValueOf(&f).Elem())
	again, was := reflect.ValueOf(*f.Again()), reflect.ValueOf(f)
	for i := range was.NumField() {
		switch name := was.Type().Field(i).Name; {
		case slices.Contains(kept, name):
			if !again.Field(i).Equal(was.Field(i)) {
				t.Errorf("%s is lost", name)
			}
		case !slices.Contains(over, name):
			t.Errorf("is %s of a message that is dispatched again? Say so in Flow.Again and here", name)
		case !again.Field(i).IsZero():
			t.Errorf("%s is kept", name)
		}
	}
}

// Every text among the options is checked, and its problem has the option's name in JSON.
func TestOptions_are_checked(t *testing.T) {
	bus := newBus(t, symphony.BusOptions{}, open(t, newClock(0), "default")[0])
	for _, f := range reflect.VisibleFields(reflect.TypeFor[symphony.DispatchOptions]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || !strings.EqualFold(name, f.Name) {
			t.Errorf("%s is %q in JSON", f.Name, name)
		}
		if f.Type.Kind() != reflect.String {
			continue
		}
		var o symphony.DispatchOptions
		reflect.ValueOf(&o).Elem().FieldByIndex(f.Index).SetString(strings.Repeat("x", 1000))
		_, err := bus.Dispatch(t.Context(), "order.paid", struct{}{}, o)
		var invalid *symphony.ValidationError
		if !errors.As(err, &invalid) || invalid.Problems[0].Path != "options."+name {
			t.Errorf("%s of 1,000 characters: got %v, want a problem of options.%s", f.Name, err, name)
		}
	}
}
