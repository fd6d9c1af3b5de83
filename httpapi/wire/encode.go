package wire

import (
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var asGiven = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))

// AsGiven are the options with which answers and exports are written: a payload that was stored goes out as it came in,
// with every digit and every escape, also where it has names twice or half a surrogate pair, which readers of JSON may
// take and the API itself does not. Only white space between the parts of JSON is left out. Text that is not UTF-8 is
// mended.
func AsGiven() json.Options { return asGiven }

// Buffer is where Encode writes to, such as a *bytes.Buffer.
type Buffer interface {
	io.Writer
	Len() int
	Truncate(n int)
}

// Encode appends an answer, or one record of an export, to buf as JSON. What of a record cannot be written, because an
// older release has stored it or storage was damaged, is left out, and the record says so: it costs its own row, and
// never the list. mended reports that this was so. Records are structs with a member Unreadable; an error is of
// something else.
func Encode(buf Buffer, v any) (mended bool, err error) {
	begin := buf.Len()
	if err = write(buf, v); err == nil {
		return false, nil
	}
	whole := reflect.New(reflect.TypeOf(v)).Elem()
	whole.Set(reflect.ValueOf(v))
	if !mend(whole, false) {
		return false, fmt.Errorf("encode: %w", err)
	}
	buf.Truncate(begin)
	if err = write(buf, whole.Interface()); err != nil {
		return true, fmt.Errorf("encode: %w", err)
	}
	return true, nil
}

func write(w io.Writer, v any) error {
	return json.MarshalWrite(w, v, json.Deterministic(true), json.FormatNilSliceAsNull(false), asGiven)
}

var (
	rawType  = reflect.TypeFor[jsontext.Value]()
	timeType = reflect.TypeFor[time.Time]()
)

// mend takes out of v, a copy of an answer, what cannot be written, of its records only. It reports whether anything
// was taken out. within says that v is part of a record.
func mend(v reflect.Value, within bool) (mended bool) {
	if writable(v) {
		return false
	}
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct && v.Elem().Type() != timeType:
		whole := reflect.New(v.Type().Elem())
		whole.Elem().Set(v.Elem())
		mended = mend(whole.Elem(), within)
		v.Set(whole)
		return mended
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		mark := v.FieldByName("Unreadable")
		within = within || mark.IsValid()
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				mended = mend(v.Field(i), within) || mended
			}
		}
		if mended && mark.IsValid() {
			mark.SetBool(true)
		}
		return mended
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		whole := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(whole, v)
		v.Set(whole)
		for i := range v.Len() {
			mended = mend(v.Index(i), within) || mended
		}
		return mended
	case !within:
		return false // a fault of this program's, which must not be hidden
	case v.Type() == rawType:
		v.Set(reflect.ValueOf(jsontext.Value("{}")))
	default:
		v.SetZero()
	}
	return true
}

// levels is more than there are around a value in any answer.
const levels = 16

// writable reports whether a value can be written where it stands: within others, of which JSON takes so many only.
func writable(v reflect.Value) bool {
	enc := jsontext.NewEncoder(io.Discard, asGiven)
	for range levels {
		if enc.WriteToken(jsontext.BeginArray) != nil {
			return false
		}
	}
	return json.MarshalEncode(enc, v.Interface(), json.Deterministic(true), json.FormatNilSliceAsNull(false)) == nil
}

// DoneResponse says that something was done.
type DoneResponse struct {
	Success bool   `json:"success" required:"true"`
	Message string `json:"message" required:"true"`
}
