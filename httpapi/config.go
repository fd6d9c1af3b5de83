package httpapi

import (
	"net/http"
)

var errNoConfig = unsupported("tells no configuration: the API was made without Options.Config")

func configShow(c *call) error {
	if c.api.o.Config == nil {
		return errNoConfig
	}
	return c.answer(http.StatusOK, c.api.o.Config())
}
