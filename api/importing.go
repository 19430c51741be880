package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"heliograph/access"
	"heliograph/fleet"
)

const (
	importPath    = "/import/devices"
	importNeeds   = access.ManageFleet
	importsAtOnce = 4 // more would only wait for each other in the database
	importRetry   = 10 * time.Second
)

// ImportReport says what an import came to. rows = created + updated + unchanged + rejected.
type ImportReport struct {
	Rows      int64         `json:"rows"`
	Created   int64         `json:"created"`
	Updated   int64         `json:"updated"`
	Unchanged int64         `json:"unchanged"`
	Rejected  int64         `json:"rejected"`
	Errors    []ImportError `json:"errors" doc:"The first 1,000."`
}

// ImportError is why a row was rejected.
type ImportError struct {
	Line   int    `json:"line" doc:"Physical line where the row begins; the header is 1."`
	Column string `json:"column" doc:"Empty when it is about the whole row."`
	Detail string `json:"detail"`
}

func showImport(r fleet.ImportReport) ImportReport {
	shown := ImportReport{
		Rows: int64(r.Rows), Created: int64(r.Created), Updated: int64(r.Updated), Unchanged: int64(r.Unchanged),
		Rejected: int64(r.Rejected), Errors: []ImportError{},
	}
	for _, e := range r.Errors {
		shown.Errors = append(shown.Errors, ImportError(e))
	}
	return shown
}

const importAbout = `Creates devices, and with ` + "`user.…`" + ` columns their people; rows that say nothing new change nothing. The body is streamed and may be of any length; rows are committed 1,000 at a time. A row that is refused is reported with its line and stops nobody else.

CSV (UTF-8, RFC 4180, with a header): the device fields in any order, ` + "`id`" + ` required; ` + "`user.…`" + ` (then ` + "`user.id`" + ` or ` + "`user.username`" + ` required); ` + "`property.NAME`" + `; ` + "`groups`" + ` separated by semicolons; ` + "`push.provider`, `push.token`, `push.app`, `push.environment`" + `. An absent column keeps, an empty cell clears. Booleans: true, false, 1, 0.`

// importRoute is the one operation whose body huma does not read: it streams.
func (s *server) importRoute() {
	schemas := s.huma.OpenAPI().Components.Schemas
	report := schemas.Schema(reflect.TypeFor[ImportReport](), true, "")
	text := &huma.Schema{Type: huma.TypeString, Description: "One device as JSON on each line."}
	csv := &huma.Schema{Type: huma.TypeString, Description: "A header and one device a line."}
	o := route(http.MethodPost, importPath, importNeeds, devices, "import-devices", "Import devices and people").shows(report).Operation
	o.Description = importAbout + "\n\n" + whoMay(importNeeds)
	o.Parameters = []*huma.Param{{
		Name: "dry_run", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean, Default: false},
		Description: "Store nothing, and report what would have been done.",
	}}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"text/csv":             {Schema: csv, Example: "id,name,platform,user.id,user.mail,property.SITE\nd-1001,iPhone of Ada,ios,u-17,ada@example.com,Paris\n"},
		"application/x-ndjson": {Schema: text, Example: `{"id": "d-1001", "name": "iPhone of Ada", "platform": "ios", "properties": {"SITE": "Paris"}}`},
	}}
	problem := schemas.Schema(reflect.TypeFor[Problem](), true, "")
	for _, status := range []int{400, 401, 403, 415, 422, 429, 500} {
		o.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status), Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}
	}
	s.huma.OpenAPI().AddOperation(&o)
	s.mux.Handle("POST "+prefix+importPath, importNeeds, http.HandlerFunc(s.importDevices))
}

func (s *server) importDevices(w http.ResponseWriter, r *http.Request) {
	report, err := s.doImport(w, r)
	if err != nil {
		problemOf(r.Context(), s.log, err).write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(showImport(report))) // a client that went away knows it
}

func (s *server) doImport(w http.ResponseWriter, r *http.Request) (fleet.ImportReport, error) {
	format, err := importFormat(r)
	if err != nil {
		return fleet.ImportReport{}, err
	}
	dryRun, err := importFlag(r)
	if err != nil {
		return fleet.ImportReport{}, err
	}
	select {
	case s.imports <- struct{}{}:
		defer func() { <-s.imports }()
	default:
		busy := newProblem(http.StatusTooManyRequests, "Other imports are running.")
		busy.retryAfter = importRetry
		return fleet.ImportReport{}, busy
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // as long as it takes; without deadlines there is none to lift
	report, err := s.door.ImportDevices(r.Context(), actorOf(r.Context()), sender{r.Body}, format, dryRun)
	return report, importProblem(err)
}

// importProblem tells a file that cannot be used, and a body that broke off, from a mistake of ours.
func importProblem(err error) error {
	var invalid *fleet.Invalid
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		faults := make([]Fault, 0, len(invalid.Problems))
		for _, p := range invalid.Problems {
			faults = append(faults, Fault{p.Field, p.Detail})
		}
		return refused(faults...)
	case errors.Is(err, errBody):
		return malformed("breaks off; what was committed before it did stays")
	}
	return err
}

// errBody says that the body could not be read to its end.
var errBody = errors.New("the body broke off")

// sender reads a body, and marks its errors as the sender's.
type sender struct{ io.Reader }

func (s sender) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = errors.Join(errBody, err)
	}
	return n, err
}

func importFormat(r *http.Request) (fleet.Format, error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := parameters["charset"]; err == nil && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		switch kind {
		case "text/csv":
			return fleet.CSV, nil
		case "application/x-ndjson":
			return fleet.NDJSON, nil
		}
	}
	return 0, newProblem(http.StatusUnsupportedMediaType, "Send text/csv or application/x-ndjson, in UTF-8.",
		Fault{"Content-Type", "must be text/csv or application/x-ndjson, in UTF-8"})
}

func importFlag(r *http.Request) (dryRun bool, err error) {
	for name, values := range r.URL.Query() {
		switch {
		case name != "dry_run":
			return false, refused(Fault{name, "is not a parameter that is known here"})
		case values[0] == "true" || values[0] == "1":
			dryRun = true
		case values[0] != "false" && values[0] != "0" && values[0] != "":
			return false, refused(Fault{name, "must be true or false"})
		}
	}
	return dryRun, nil
}
