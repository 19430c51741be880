package console

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"strings"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/web"
)

// Importer takes files of devices and people in.
type Importer interface {
	ImportDevices(ctx context.Context, actor access.Actor, r io.Reader, format fleet.Format, dryRun bool) (fleet.ImportReport, error)
}

// ImportPath is where files are uploaded: they may take as long as they move.
const ImportPath = "/settings/import"

const (
	importPath    = ImportPath
	importsAtOnce = 2
	maxFile       = 1 << 30 // bytes of an upload; the API takes any number
)

// limitBody lets nobody send more than a form needs, but for files.
func limitBody(next http.Handler) http.Handler {
	forms, files := web.LimitBody(maxBody)(next), web.LimitBody(maxFile)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == importPath {
			files.ServeHTTP(w, r)
			return
		}
		forms.ServeHTTP(w, r)
	})
}

// importPage is the form for a file, and what came of the one before.
type importPage struct {
	Report   *fleet.ImportReport // nil = none was given yet
	Dry      bool                // nothing was stored
	File     string              // its name
	Problems []problem
}

func (p importPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "import.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

// counts are the figures of the report.
func (p importPage) counts(ctx context.Context) []fact {
	r := p.Report
	list := []fact{}
	for _, one := range []struct {
		name string
		n    int
	}{{"rows", r.Rows}, {"created", r.Created}, {"updated", r.Updated}, {"unchanged", r.Unchanged}, {"rejected", r.Rejected}} {
		list = append(list, fact{tf(ctx, "import.count", one.name), number(ctx, int64(one.n))})
	}
	return list
}

func (c *console) importForm(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, importPage{})
}

// importFile reads an upload as it comes: it may be larger than memory.
func (c *console) importFile(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := importPage{Dry: r.URL.Query().Get("dry_run") == "true"}
	select {
	case c.imports <- struct{}{}:
		defer func() { <-c.imports }()
	default:
		return c.importRefused(w, r, p, http.StatusTooManyRequests, t(ctx, "import.busy"))
	}
	part, err := filePart(r)
	if err != nil {
		return c.importRefused(w, r, p, http.StatusUnprocessableEntity, t(ctx, "import.missing"))
	}
	p.File = part.FileName()
	report, err := c.Keeper.ImportDevices(ctx, actor(r), part, formatOf(p.File), p.Dry)
	p.Report = &report
	var invalid *fleet.Invalid
	switch {
	case err == nil:
		return c.show(w, r, http.StatusOK, p)
	case errors.As(err, &invalid):
		for _, bad := range invalid.Problems {
			p.Problems = append(p.Problems, problem{"file", t(ctx, "import.file"), standAlone(ctx, "", said(ctx, bad.Detail))})
		}
		p.Report = nil
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	case errors.As(err, new(*http.MaxBytesError)):
		return c.importRefused(w, r, p, http.StatusRequestEntityTooLarge, t(ctx, "import.large"))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return c.importRefused(w, r, p, http.StatusBadRequest, t(ctx, "import.broken"))
	}
	return err
}

// importRefused shows the form with one thing that is wrong.
func (c *console) importRefused(w http.ResponseWriter, r *http.Request, p importPage, status int, why string) error {
	p.Problems = []problem{{"file", t(r.Context(), "import.file"), why}}
	return c.show(w, r, status, p)
}

var errNoFile = errors.New("no file was chosen")

// filePart is the file of an upload.
func filePart(r *http.Request) (*multipart.Part, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() == "file" {
			if part.FileName() == "" {
				return nil, errNoFile
			}
			return part, nil
		}
	}
}

// formatOf is what a file's name says that is in it.
func formatOf(name string) fleet.Format {
	switch strings.ToLower(path.Ext(name)) {
	case ".ndjson", ".jsonl", ".json":
		return fleet.NDJSON
	}
	return fleet.CSV
}
