package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Assets are the static files of a face. Each is served under a name that holds a hash of its content, so that browsers
// may keep it for ever; compressed once, when the process starts.
type Assets struct {
	prefix string
	paths  map[string]string // file name → path to ask for
	files  map[string]asset  // last part of the path → file
}

type asset struct {
	kind    string
	plain   []byte
	gzipped []byte // nil = not worth it
}

// NewAssets reads the files of fsys. names maps the names that pages use to files in fsys; prefix is the path that they
// are served below, with both slashes.
func NewAssets(fsys fs.FS, prefix string, names map[string]string) (*Assets, error) {
	a := &Assets{prefix: prefix, paths: map[string]string{}, files: map[string]asset{}}
	for name, file := range names {
		content, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("asset %s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.paths[name] = prefix + hashed
		a.files[hashed] = asset{kind: mime.TypeByExtension(ext), plain: content, gzipped: squeeze(content)}
	}
	return a, nil
}

func squeeze(content []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is a valid one
	_, _ = w.Write(content)                                 // into memory
	_ = w.Close()
	if out.Len() > len(content)*9/10 {
		return nil
	}
	return out.Bytes()
}

// Path is where a file is served; empty when there is no such file.
func (a *Assets) Path(name string) string { return a.paths[name] }

// ServeHTTP serves the files below the prefix.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, known := a.files[strings.TrimPrefix(r.URL.Path, a.prefix)]
	if !known {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	if file.gzipped != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = file.gzipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that went away is no error of ours
	}
}
