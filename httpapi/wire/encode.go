package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var asGiven = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))

// AsGiven are the options with which answers and exports are written: a payload that was stored goes out as it came in, with
// every digit and every escape, also where it has names twice or half a surrogate pair, which readers of JSON may take and
// the API itself does not. Only white space between the parts of JSON is left out. Text that is not UTF-8 is mended.
func AsGiven() json.Options { return asGiven }
