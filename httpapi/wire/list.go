package wire

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/symphony-messenger/symphony"
)

// Lists whose request may be large are counted while they are decoded: what is too much is not even made.

// TooManyError says that a list has more entries than it may; the rest of it was not looked at.
type TooManyError struct{ Most int }

func (e *TooManyError) Error() string { return fmt.Sprintf("must have at most %d entries", e.Most) }

// Batch are the messages of one batch, at most symphony.MaxBatch.
type Batch []DispatchRequest

// UnmarshalJSONFrom decodes a batch. One that is too long is a *TooManyError.
func (b *Batch) UnmarshalJSONFrom(dec *jsontext.Decoder) (err error) {
	*b, err = decodeList(dec, *b, symphony.MaxBatch)
	return err
}

// IDs are the ids of one bulk call, at most MaxIDs.
type IDs []string

// UnmarshalJSONFrom decodes ids. Too many are a *TooManyError.
func (l *IDs) UnmarshalJSONFrom(dec *jsontext.Decoder) (err error) {
	*l, err = decodeList(dec, *l, MaxIDs)
	return err
}

// Names select some of what there is, at most MaxNames; without them all is selected, so that none at all are refused.
type Names []string

// UnmarshalJSONFrom decodes names. An empty list and null are errors.
func (l *Names) UnmarshalJSONFrom(dec *jsontext.Decoder) (err error) {
	if *l, err = decodeList(dec, *l, MaxNames); err == nil && len(*l) == 0 {
		err = errNoNames
	}
	return err
}

var errNoNames = errors.New("must not be empty; leave it out for all")

// Equalities are values by where they must stand.
type Equalities map[string]string

// UnmarshalJSONFrom decodes values. One that is null is an error: it would select what has an empty text there.
func (e *Equalities) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var values map[string]*string
	if err := json.UnmarshalDecode(dec, &values); err != nil || values == nil {
		*e = nil
		return err
	}
	*e = make(Equalities, len(values))
	for path, value := range values {
		if value == nil {
			return fmt.Errorf("%s must be a string, not null", path)
		}
		(*e)[path] = *value
	}
	return nil
}

// Delays are times in milliseconds: one number, or a list of at most symphony.MaxRetryDelays.
type Delays []int

// UnmarshalJSONFrom decodes a number or a list. Too many are a *TooManyError.
func (l *Delays) UnmarshalJSONFrom(dec *jsontext.Decoder) (err error) {
	if dec.PeekKind() != '0' {
		*l, err = decodeList(dec, *l, symphony.MaxRetryDelays)
		return err
	}
	*l = make(Delays, 1)
	return json.UnmarshalDecode(dec, &(*l)[0])
}

// MarshalJSONTo encodes a list of one as a number.
func (l Delays) MarshalJSONTo(enc *jsontext.Encoder) error {
	if len(l) == 1 {
		return enc.WriteToken(jsontext.Int(int64(l[0])))
	}
	return json.MarshalEncode(enc, []int(l))
}

// decodeList decodes into list, which is reused; null is no list.
func decodeList[T any](dec *jsontext.Decoder, list []T, most int) ([]T, error) {
	token, err := dec.ReadToken()
	switch {
	case err != nil:
		return list, err
	case token.Kind() == 'n':
		return nil, nil
	case token.Kind() != '[':
		return list, fmt.Errorf("must be an array, is %s", token.Kind())
	}
	if list = list[:0]; list == nil {
		list = []T{} // given, and empty
	}
	for dec.PeekKind() != ']' {
		if len(list) == most {
			return list, &TooManyError{most}
		}
		var element T
		list = append(list, element)
		if err := json.UnmarshalDecode(dec, &list[len(list)-1]); err != nil {
			return list, err
		}
	}
	_, err = dec.ReadToken()
	return list, err
}
