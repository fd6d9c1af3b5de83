package wire

import (
	"reflect"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/redact"
)

// Mask hides, in answers and in the records of exports, what their caller is not to see. The tag mask of a member says
// what it holds:
//
//	value  JSON of a message's own: its payload, metadata, headers, output
//	text   what somebody wrote who knows the message: an error, a line of a log, a key
//	type   the type of the message whose JSON stands beside it or around it
//
// A struct with a member Masked says by it that something in it was hidden.
type Mask struct {
	// All hides every value and every text.
	All bool
	// Rules hide parts of values. Nil: none.
	Rules *redact.Rules
}

// Apply returns an answer, or a record, with nothing in it that is hidden. It leaves v as it is.
func (m Mask) Apply(v any) any {
	if !m.All && m.Rules == nil || v == nil {
		return v
	}
	plan := maskingOf(reflect.TypeOf(v))
	if plan == nil {
		return v
	}
	whole := reflect.New(reflect.TypeOf(v)).Elem()
	whole.Set(reflect.ValueOf(v))
	plan(whole, "", m)
	return whole.Interface()
}

// masking masks a value, which can be set and is shared with nobody, unlike what it points to. typ is the type of the
// message around it. It reports whether anything was hidden.
type masking func(v reflect.Value, typ string, m Mask) (hidden bool)

// maskings are the maskings of answers that were met before, so that each is looked through once.
var maskings sync.Map // of reflect.Type to masking, nil where there is nothing to hide

func maskingOf(t reflect.Type) masking {
	if known, ok := maskings.Load(t); ok {
		return known.(masking)
	}
	plan := newMasking(t, nil)
	maskings.Store(t, plan)
	return plan
}

// newMasking looks through a type, which is within the types around. One that is within itself has nothing to hide
// there.
func newMasking(t reflect.Type, around []reflect.Type) masking {
	if slices.Contains(around, t) {
		return nil
	}
	around = append(slices.Clone(around), t)
	switch t.Kind() {
	case reflect.Pointer:
		if within := newMasking(t.Elem(), around); within != nil {
			return maskPointer(within)
		}
	case reflect.Slice:
		if within := newMasking(t.Elem(), around); within != nil {
			return maskSlice(within)
		}
	case reflect.Map:
		if within := newMasking(t.Elem(), around); within != nil {
			return maskMap(within)
		}
	case reflect.Struct:
		if t != timeType {
			return maskStruct(t, around)
		}
	}
	return nil
}

func maskPointer(within masking) masking {
	return func(v reflect.Value, typ string, m Mask) bool {
		if v.IsNil() {
			return false
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		v.Set(own)
		return within(own.Elem(), typ, m)
	}
}

func maskSlice(within masking) masking {
	return func(v reflect.Value, typ string, m Mask) (hidden bool) {
		if v.IsNil() {
			return false
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		v.Set(own)
		for i := range own.Len() {
			hidden = within(own.Index(i), typ, m) || hidden
		}
		return hidden
	}
}

func maskMap(within masking) masking {
	return func(v reflect.Value, typ string, m Mask) (hidden bool) {
		if v.IsNil() {
			return false
		}
		own := reflect.MakeMapWithSize(v.Type(), v.Len())
		for of := v.MapRange(); of.Next(); {
			member := reflect.New(v.Type().Elem()).Elem()
			member.Set(of.Value())
			hidden = within(member, typ, m) || hidden
			own.SetMapIndex(of.Key(), member)
		}
		v.Set(own)
		return hidden
	}
}

// maskStruct masks the members of a struct by their tags, and what is within the others.
func maskStruct(t reflect.Type, around []reflect.Type) masking {
	type member struct {
		index int
		mask  masking
	}
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		var mask masking
		switch f.Tag.Get("mask") {
		case "value":
			mask = maskValue
		case "text":
			mask = maskText
		case "":
			mask = newMasking(f.Type, around)
		}
		if mask != nil {
			members = append(members, member{i, mask})
		}
	}
	if members == nil {
		return nil
	}
	about, named := typeWithin(t)
	mark, marked := t.FieldByName("Masked")
	return func(v reflect.Value, typ string, m Mask) (hidden bool) {
		if named {
			if of, err := v.FieldByIndexErr(about); err == nil { // else there is no such struct, and no type
				typ = of.String()
			}
		}
		for _, of := range members {
			hidden = of.mask(v.Field(of.index), typ, m) || hidden
		}
		if marked && hidden {
			v.FieldByIndex(mark.Index).SetBool(true)
		}
		return hidden
	}
}

// typeWithin finds the member with the type of the message that a struct is about, in it or in a struct within it.
func typeWithin(t reflect.Type) (index []int, ok bool) {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("mask") == "type" {
			return []int{i}, true
		}
	}
	for i := range t.NumField() {
		f := t.Field(i).Type
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		if f.Kind() == reflect.Struct && f != timeType {
			if index, ok := typeWithin(f); ok {
				return append([]int{i}, index...), true
			}
		}
	}
	return nil, false
}

// maskValue masks a JSON value, or an object whose members are decoded.
func maskValue(v reflect.Value, typ string, m Mask) (hidden bool) {
	if v.Kind() == reflect.Map {
		members, ok := v.Interface().(map[string]jsontext.Value)
		switch {
		case !ok || v.IsNil():
			return false
		case m.All:
			members, hidden = map[string]jsontext.Value{"redacted": jsontext.Value("true")}, true
		default:
			members, hidden = m.Rules.Members(typ, members)
		}
		v.Set(reflect.ValueOf(members))
		return hidden
	}
	raw := jsontext.Value(v.Bytes())
	switch {
	case len(raw) == 0:
		return false
	case m.All:
		raw, hidden = redact.Value(), true
	default:
		raw, hidden = m.Rules.JSON(typ, raw)
	}
	v.SetBytes(raw)
	return hidden
}

// maskText masks a text, or a list of them.
func maskText(v reflect.Value, typ string, m Mask) (hidden bool) {
	switch {
	case !m.All:
		return false
	case v.Kind() == reflect.Slice:
		return maskSlice(maskText)(v, typ, m)
	case v.Kind() == reflect.Pointer:
		return maskPointer(maskText)(v, typ, m)
	case v.Len() == 0:
		return false
	}
	v.SetString(redact.Text)
	return true
}
