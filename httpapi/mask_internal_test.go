package httpapi

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/auth"
	"github.com/symphony-messenger/symphony/event"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// shown are the members of answers whose texts the scope observe shows. A member of a new name is hidden, or it is
// listed here because it never has anything that a message says.
var shown = strings.Fields(`
	action alert alerts breakers by byMessageType byTransport call causationId code correlationId dispatchedBy
	errorClass failedId failureGroup group groupBy handler id kind message mode
	name newMessageId nextCursor node outcome outputError priority queue queues rate
	reason set tag tags
	replaced rule scopes source state status stopReason text transport transports type unit version webhook worker
	names pattern schema
	messageId originalFailedMessageId originalMessageId oldestLeases timezone cron missed overlap since until`)

// TestObserve_hides_each_member_that_is_not_known_to_be_harmless fills each member of each answer that the scope
// observe opens with the same text, masks the answer, and looks where that text is still to be seen.
func TestObserve_hides_each_member_that_is_not_known_to_be_harmless(t *testing.T) {
	routes := (&API{}).table()
	for i := range routes {
		rt := &routes[i]
		if rt.access != userAccess || !rt.observable() || rt.success == nil {
			continue
		}
		answers := []any{rt.success}
		for _, also := range rt.also {
			answers = append(answers, also)
		}
		for _, answer := range answers {
			full := reflect.New(reflect.TypeOf(answer)).Elem()
			fill(full, 0)
			masked := wire.Mask{All: true}.Apply(full.Interface())
			for _, path := range visible(reflect.ValueOf(masked), "") {
				name := path[strings.LastIndex(path, ".")+1:]
				if !slices.Contains(shown, name) {
					t.Errorf("%s %s shows %s of %T to the scope observe: give it a tag mask, or name it in shown",
						rt.methods[0], rt.path, path, answer)
				}
			}
		}
	}
}

// TestObserve_opens_no_other_way_to_what_is_hidden holds that whatever can tell of hidden members takes more.
func TestObserve_opens_no_other_way_to_what_is_hidden(t *testing.T) {
	routes := (&API{}).table()
	for i := range routes {
		rt := &routes[i]
		if rt.scope == auth.ScopeObserve || rt.methods[0] != http.MethodGet && rt.observable() {
			t.Errorf("%s %s: observe opens GETs of read only", rt.methods, rt.path)
		}
		if rt.streams != nil && rt.observable() && rt.id != wire.StreamEvents.ID {
			t.Errorf("%s streams, which is not masked as a whole", rt.path)
		}
		for _, p := range rt.query {
			hidden := p.name == "q" || strings.HasPrefix(p.name, "metadata") || strings.HasSuffix(p.name, "Key")
			if hidden != p.reveals {
				t.Errorf("%s: the parameter %s looks into what is hidden: %t, and is marked so: %t", rt.path, p.name,
					hidden, p.reveals)
			}
		}
	}
}

const canary = "canary"

// fill puts the canary into each text within v.
func fill(v reflect.Value, depth int) {
	if depth > 12 {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[jsontext.Value]():
		v.SetBytes([]byte(`{"x":"` + canary + `"}`))
		return
	case v.Type() == reflect.TypeFor[time.Time]():
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(canary)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		member := reflect.New(v.Type().Elem()).Elem()
		fill(member, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("name").Convert(v.Type().Key()), member)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth+1)
			}
		}
	}
}

// visible lists where the canary is.
func visible(v reflect.Value, path string) (paths []string) {
	switch v.Kind() {
	case reflect.String:
		if strings.Contains(v.String(), canary) {
			paths = append(paths, path)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			paths = visible(v.Elem(), path)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[jsontext.Value]() {
			if strings.Contains(string(v.Bytes()), canary) {
				paths = append(paths, path+".value of its own")
			}
			return paths
		}
		for i := range v.Len() {
			paths = append(paths, visible(v.Index(i), path)...)
		}
	case reflect.Map:
		for of := v.MapRange(); of.Next(); {
			paths = append(paths, visible(of.Value(), path)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			at := path
			if name != "" {
				at = fmt.Sprintf("%s.%s", path, name)
			}
			paths = append(paths, visible(v.Field(i), at)...)
		}
	}
	return paths
}

func TestObserve_masks_texts_of_events(t *testing.T) {
	mask, err := newEventMask()
	if err != nil {
		t.Fatal(err)
	}
	frame := event.Frame{Type: "message.progress", Bytes: []byte("id: 7\nevent: message.progress\n" +
		`data: {"id":7,"type":"message.progress","data":` +
		`{"messageId":"a","error":"canary","progress":{"done":1,"text":"canary"}}}` + "\n\n")}
	for scope, want := range map[auth.Scope]string{
		auth.ScopeRead: string(frame.Bytes),
		auth.ScopeObserve: "id: 7\nevent: message.progress\n" + `data: {"id":7,"type":"message.progress","data":` +
			`{"messageId":"a","error":"[redacted]","progress":{"done":1,"text":"[redacted]"}}}` + "\n\n",
	} {
		c := call{api: &API{eventMask: mask}, route: &route{scope: auth.ScopeRead},
			principal: auth.Principal{Scopes: auth.Scopes(scope)}}
		if got := string(c.maskedEvent(frame)); got != want {
			t.Errorf("%s: got %s, want %s", scope, got, want)
		}
	}
}
