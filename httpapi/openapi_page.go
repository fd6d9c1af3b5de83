package httpapi

import (
	"bytes"
	_ "embed"
	"net/http"
	"time"

	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

// The page that shows the OpenAPI document is Swagger UI. Its library would write the page by html/template, which
// calls methods by their names: then the linker keeps every exported method of the program, a sixth of its size. So
// only its files are taken, and the page is ours.

var (
	//go:embed openapi.html
	docsHTML []byte
	//go:embed openapi.js
	docsScript []byte

	docsFiles = http.StripPrefix("/docs/", statigz.FileServer(static.FS))
)

func docsRedirect(c *call) error {
	http.Redirect(c.w, c.Request, "/docs/", http.StatusFound)
	return nil
}

func docs(c *call) error {
	h := c.w.Header()
	// Everything comes from this server, and calls go to it only. Swagger UI sets styles of elements.
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "+
		"frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	switch c.PathValue("file") {
	case "":
		http.ServeContent(c.w, c.Request, "openapi.html", time.Time{}, bytes.NewReader(docsHTML))
	case "openapi.js":
		http.ServeContent(c.w, c.Request, "openapi.js", time.Time{}, bytes.NewReader(docsScript))
	default:
		docsFiles.ServeHTTP(c.w, c.Request)
	}
	return nil
}
