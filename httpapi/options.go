package httpapi

import (
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/archive"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// The options of a dispatch are enumerated in symphony.DispatchOptions and, as the API has them, in
// wire.DispatchOptions. Everywhere else they are copied from one to the other by their names in JSON, in which both
// agree. So another option needs no line here; see ADR 22.

// pair is a field of one struct and the field of the same name in another. Both have these indexes, through embedded
// structs.
type pair struct {
	name     string
	from, to []int
	positive bool // a number that was asked for is to be more than 0, which to the domain is the default
}

// at is the field of v with an index. Most are not in an embedded struct.
func at(v reflect.Value, index []int) reflect.Value {
	if len(index) == 1 {
		return v.Field(index[0])
	}
	return v.FieldByIndex(index)
}

// pairs are the fields that two structs have both, by their names in JSON.
type pairs []pair

func pairsOf[From, To any]() (list pairs) {
	to := make(map[string][]int)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[To]()) {
		if name := jsonName(f); name != "" {
			to[name] = f.Index
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[From]()) {
		if index := to[jsonName(f)]; index != nil {
			least := f.Tag.Get("minimum")
			list = append(list, pair{jsonName(f), f.Index, index, least != "" && least != "0"})
		}
	}
	return list
}

// jsonName is the name that a field has in JSON, empty for none.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

var (
	askedOptions    = pairsOf[wire.DispatchOptions, symphony.DispatchOptions]()
	toldOptions     = pairsOf[symphony.DispatchOptions, wire.DispatchOptions]()
	importedOptions = pairsOf[archive.Message, symphony.DispatchOptions]()
	toldFlow        = pairsOf[symphony.Flow, wire.Flow]()
	toldTerms       = pairsOf[symphony.Terms, wire.Terms]()
)

// ask copies what was given in a request, a pointer to a struct, to the domain's, a pointer too. It notes what the
// domain cannot see: that something was given, and empty or out of range. Paths of problems begin with prefix.
func (l pairs) ask(from, to any, prefix string, list *[]symphony.Problem) {
	source, target := reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem()
	for i := range l {
		p := &l[i]
		given := at(source, p.from)
		if given.IsZero() {
			continue
		}
		field := at(target, p.to)
		// Through pointers, so that no value is copied to the heap: this is part of every dispatch.
		switch v := given.Addr().Interface().(type) {
		case *string, *bool, *int, *wire.Equalities:
			field.Set(given)
		case *wire.Names: // of a filter; statuses are copied by themselves
			if list, ok := field.Addr().Interface().(*[]string); ok {
				*list = *v
			}
		case **string:
			if field.SetString(**v); **v == "" {
				*list = append(*list, symphony.Problem{Path: prefix + p.name, Message: "must not be empty"})
			}
		case **bool:
			field.SetBool(**v)
		case **int:
			if field.Kind() == reflect.Pointer {
				field.Set(reflect.New(field.Type().Elem()))
				field = field.Elem()
			}
			if field.SetInt(asked(**v, field.Type())); p.positive && **v == 0 {
				field.SetInt(-1)
			}
		case *wire.Delays:
			*field.Addr().Interface().(*[]time.Duration) = delays(*v, prefix+p.name, list)
		case *[]string:
			field.Set(given)
		case **wire.Callback:
			*field.Addr().Interface().(**symphony.Callback) = callback(*v, prefix+p.name+".", list)
		case **time.Time:
			*field.Addr().Interface().(*time.Time) = instant(*v, prefix+p.name, list)
		case *jsontext.Value:
			*field.Addr().Interface().(*map[string]any) = object(*v, prefix+p.name, list)
		case *map[string]jsontext.Value:
			*field.Addr().Interface().(*map[string]any) = freeHeaders(*v)
		default:
			panic(fmt.Sprintf("httpapi: no request has a %T, as %s", v, p.name))
		}
	}
}

// asked is a number that was asked for, in milliseconds where it is a time. A time that no Duration holds is out of
// range.
func asked(n int, kind reflect.Type) int64 {
	switch most := symphony.MaxDelay.Milliseconds(); {
	case kind != reflect.TypeFor[time.Duration]():
		return int64(n)
	case n < 0:
		return -1
	case int64(n) > most:
		return int64(symphony.MaxDelay) + 1
	}
	return int64(n) * int64(time.Millisecond)
}

// tell copies what the domain has, a pointer to a struct, to what an answer tells, a pointer too. Zero values are not
// told.
func (l pairs) tell(from, to any) {
	source, target := reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem()
	for i := range l {
		p := &l[i]
		known := at(source, p.from)
		if known.IsZero() {
			continue
		}
		field := at(target, p.to)
		switch v := known.Interface().(type) {
		case time.Duration:
			field.Set(reflect.ValueOf(given(int(v.Milliseconds()))))
		case *time.Duration:
			ms := int(v.Milliseconds())
			field.Set(reflect.ValueOf(&ms))
		case *int:
			field.Set(known)
		case []time.Duration:
			field.Set(reflect.ValueOf(toldDelays(v)))
		case *symphony.Callback:
			field.Set(reflect.ValueOf(toldCallback(v)))
		case *symphony.RetryOf:
			field.Set(reflect.ValueOf(toldRetryOf(v)))
		case time.Time:
			field.Set(reflect.ValueOf(optional(v)))
		case map[string]any:
			if len(v) == 0 {
				continue
			}
			if field.Type() == reflect.TypeFor[jsontext.Value]() {
				field.Set(reflect.ValueOf(metadata(v)))
			} else {
				field.Set(reflect.ValueOf(headers(v)))
			}
		default:
			if field.Kind() == reflect.Pointer {
				field.Set(reflect.New(known.Type()))
				field = field.Elem()
			}
			field.Set(known)
		}
	}
}

// delays are times that were asked for in milliseconds.
func delays(ms wire.Delays, path string, list *[]symphony.Problem) []time.Duration {
	if len(ms) == 0 {
		*list = append(*list, symphony.Problem{Path: path, Message: "must not be empty"})
	}
	out := make([]time.Duration, len(ms))
	for i, n := range ms {
		out[i] = time.Duration(asked(n, reflect.TypeFor[time.Duration]()))
	}
	return out
}

func toldDelays(list []time.Duration) wire.Delays {
	out := make(wire.Delays, len(list))
	for i, d := range list {
		out[i] = int(d.Milliseconds())
	}
	return out
}

// callback is one that was asked for. What is null is as if it were left out.
func callback(c *wire.Callback, prefix string, list *[]symphony.Problem) *symphony.Callback {
	out := &symphony.Callback{Type: c.Type, Queue: value(c.Queue), Transport: value(c.Transport)}
	if c.Payload != nil && c.Payload.Kind() != 'n' {
		out.Payload = stdjson.RawMessage(c.Payload)
	}
	for name, text := range map[string]*string{"queue": c.Queue, "transport": c.Transport} {
		if text != nil && *text == "" {
			*list = append(*list, symphony.Problem{Path: prefix + name, Message: "must not be empty"})
		}
	}
	return out
}

func toldCallback(c *symphony.Callback) *wire.Callback {
	out := &wire.Callback{Type: c.Type, Queue: given(c.Queue), Transport: given(c.Transport)}
	if c.Payload != nil {
		out.Payload = payload(c.Payload)
	}
	return out
}

func toldRetryOf(r *symphony.RetryOf) *wire.RetryOf {
	out := &wire.RetryOf{FailedID: r.FailedID, MessageID: r.MessageID}
	if r.Payload != nil {
		out.Payload = payload(r.Payload)
	}
	return out
}
