package client

import (
	"bytes"
	"crypto/rand"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errNotJSON = errors.New("must be one JSON value in UTF-8 without duplicate names")

// encode makes the body of a request. Payloads and metadata are JSON already and go byte for byte: an encoder would
// drop their white space and spell their strings anew, though a handler gets a payload as it was dispatched. So the
// encoder writes a mark in the place of each, which no caller can guess, and they take their places afterwards.
func encode(request any) ([]byte, error) {
	mark := []byte(`"` + rand.Text() + `"`)
	var values [][]byte
	keep := json.MarshalFunc(func(v jsontext.Value) ([]byte, error) {
		if v == nil {
			return []byte("null"), nil
		}
		if !v.IsValid() {
			return nil, errNotJSON
		}
		values = append(values, v)
		return mark, nil
	})
	body, err := json.Marshal(request, json.WithMarshalers(keep))
	if err != nil || len(values) == 0 {
		return body, err
	}
	var out []byte
	for i, between := range bytes.Split(body, mark) {
		if i > 0 {
			out = append(out, values[i-1]...)
		}
		out = append(out, between...)
	}
	return out, nil
}
