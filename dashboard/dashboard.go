// Package dashboard serves the page for people: what messages do, and what is to be mended. The page is made in the
// folder web, by "npm run build", into the folder dist, which is part of every program that imports this package. It
// knows nothing but the HTTP API.
//
// A program that embeds package server has it already, by its Handler. Elsewhere, Handler serves the page, and hands
// the page's calls of the API to a server:
//
//	h, err := dashboard.Handler("http://queue.internal:8080", dashboard.Options{})
//	http.ListenAndServe("127.0.0.1:9000", h) // the dashboard is at http://127.0.0.1:9000/dashboard
//
// # Where the page is
//
// The page finds its parts and the API by two tags of index.html, <base> and <meta name="symphony-root">. Page writes
// relative references into both: how many steps up from the address that was asked for. So it works at any path, and
// behind a proxy that takes a prefix off, without being told the prefix; scripts read document.baseURI, which is fixed
// when the page is loaded. The root is relative to <base>.
//
// # What browsers are told
//
// Nothing comes from elsewhere, nothing is inline, nobody may frame the page (see Policy). Files below assets/ have a
// hash in their names and are kept for good; the page itself is never kept, so that a new release shows at once.
package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// DefaultPath is where the dashboard is, unless it is said otherwise.
const DefaultPath = "/dashboard"

// Policy is the Content-Security-Policy of the page. base-uri is there for <base>, which points to this server; what
// default-src does not cover is closed.
const Policy = "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// assets is the folder of files whose names have a hash of what is in them.
const assets = "assets/"

// compressible is how many bytes a file needs to be worth compressing.
const compressible = 1 << 10

// CheckPath says what is wrong with a path to serve the dashboard at: it begins with a slash, ends with none, and has
// letters, digits and -._~ between. What the API serves is taken.
func CheckPath(p string) error {
	if !pathPattern.MatchString(p) || path.Clean(p) != p {
		return fmt.Errorf("must be a path like %s, of letters, digits and -._~, is %q", DefaultPath, p)
	}
	first, _, _ := strings.Cut(p[1:], "/")
	switch first {
	case "api", "docs", "metrics", "healthz", "readyz", "openapi.json", "openapi.yaml":
		return fmt.Errorf("must not be below /%s, which is the API's", first)
	}
	return nil
}

var pathPattern = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// Page serves the page at a path and below, where it has addresses for everything that it shows: what is no file of the
// page's is the page itself. It serves GET and HEAD. The error says what is wrong with the path.
func Page(at string) (http.Handler, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err // never: it is embedded
	}
	return newPage(at, files)
}

type page struct {
	path  string
	index index
	files map[string]*file // by name, without the index
}

func newPage(at string, from fs.FS) (*page, error) {
	if err := CheckPath(at); err != nil {
		return nil, fmt.Errorf("dashboard: the path %w", err)
	}
	p := &page{path: at, files: make(map[string]*file)}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		if err == nil && name == "index.html" {
			p.index, err = newIndex(string(content), strings.Count(at, "/"))
			return err
		}
		p.files[name] = newFile(name, content)
		return err
	})
	if err == nil && p.index.head == "" {
		err = errors.New("there is no index.html; make it with: cd dashboard/web && npm ci && npm run build")
	}
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return p, nil
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The dashboard is read by GET.", http.StatusMethodNotAllowed)
		return
	}
	Protect(w.Header())
	below, ok := strings.CutPrefix(r.URL.EscapedPath(), p.path+"/")
	switch {
	case p.files[below] != nil:
		p.files[below].serve(w, r)
	case strings.HasPrefix(below, assets) || !ok && r.URL.EscapedPath() != p.path:
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is no such file. The page may be of another release: load it again.", http.StatusNotFound)
	default:
		// From /dashboard itself one goes down; from /dashboard/a/b two steps up, as /b counts for nothing.
		base := strings.Repeat("../", strings.Count(below, "/"))
		if !ok {
			base = path.Base(p.path) + "/"
		}
		p.index.serve(w, r, base)
	}
}

// Protect has browsers keep what is the page's apart from everything else.
func Protect(h http.Header) {
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
}

// index is index.html, taken apart where a base is written into it.
type index struct{ head, tail string }

var (
	basePattern = regexp.MustCompile(`(<base href=")[^"]*(")`)
	rootPattern = regexp.MustCompile(`(<meta name="symphony-root" content=")[^"]*(")`)
)

// newIndex writes the way from the page's path up to the server's root, which is depth steps long, and finds the place
// of the base.
func newIndex(text string, depth int) (index, error) {
	base, root := basePattern.FindAllStringIndex(text, -1), rootPattern.FindAllStringIndex(text, -1)
	if len(base) != 1 || len(root) != 1 {
		return index{}, errors.New("index.html needs one <base href=\"…\"> and one " +
			"<meta name=\"symphony-root\" content=\"…\">")
	}
	text = rootPattern.ReplaceAllString(text, "${1}"+strings.Repeat("../", depth)+"${2}")
	at := basePattern.FindStringSubmatchIndex(text)
	return index{text[:at[3]], text[at[4]:]}, nil
}

func (i index) serve(w http.ResponseWriter, r *http.Request, base string) {
	if base == "" {
		base = "./"
	}
	body := i.head + base + i.tail
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // a caller that is gone cannot be told so
	}
}

// file is one file of the page.
type file struct {
	content   []byte
	kind      string // Content-Type
	immutable bool
	etag      string
	gzipped   func() []byte // nil where that is not worth it
}

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{content: content, kind: mime.TypeByExtension(path.Ext(name)), immutable: strings.HasPrefix(name, assets),
		etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
	switch path.Ext(name) { // not as the machine's tables have it
	case ".js", ".mjs":
		f.kind = "text/javascript; charset=utf-8"
	case ".css":
		f.kind = "text/css; charset=utf-8"
	case ".svg":
		f.kind = "image/svg+xml"
	case ".webmanifest":
		f.kind = "application/manifest+json"
	case "":
		f.kind = "application/octet-stream"
	}
	isText := !strings.HasPrefix(f.kind, "image/") || f.kind == "image/svg+xml"
	if isText && len(content) >= compressible {
		f.gzipped = sync.OnceValue(func() []byte {
			var b bytes.Buffer
			z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
			if err != nil {
				return nil
			}
			_, werr := z.Write(content)
			if errors.Join(werr, z.Close()) != nil || b.Len() >= len(content) {
				return nil
			}
			return b.Bytes()
		})
	}
	return f
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache") // asked for anew, by its ETag
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := f.content
	if f.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if zipped := f.gzipped(); zipped != nil && takesGzip(r.Header) {
			body = zipped
			h.Set("Content-Encoding", "gzip")
			h.Set("ETag", strings.TrimSuffix(f.etag, `"`)+`-gzip"`)
		}
	}
	if r.Header.Get("If-None-Match") == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// takesGzip reports whether a caller says that it takes gzip, other than with the weight 0.
func takesGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for entry := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(entry, ";")
			weight := strings.ReplaceAll(strings.TrimSpace(params), " ", "")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") && strings.TrimRight(weight, "0.") != "q=" {
				return true
			}
		}
	}
	return false
}
