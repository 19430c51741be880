package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

type importCmd struct {
	File   string `arg:"" help:"CSV (.csv) or NDJSON (.ndjson, .jsonl) file; - reads standard input."`
	Format string `help:"csv or ndjson. Default: by the file's name." enum:"csv,ndjson," default:"" placeholder:"WORD"`
	DryRun bool   `help:"Only say what would change."`
	JSON   bool   `help:"Print the report as JSON." name:"json"`

	remote
}

// Help is shown by -h below the flags.
func (importCmd) Help() string {
	return `The file is sent while it is read, so it may be of any size. Rows that are wrong are rejected alone, and the report names line and column of each. The same file twice changes nothing.

A CSV file has a header. Columns, in any order: id (required), name, platform, os_version, model, serial_number, imei, phone_number, carrier, ownership, managed, compliant, jailbroken, last_seen, user, groups (separated by ;), push.provider, push.token, push.app, push.environment, property.NAME, and user.id, user.username, user.mail … for the device's person. A column that is absent keeps what is stored; an empty cell clears it.

An NDJSON file has one device object of the API on each line.

Examples:

    heliograph import --token-file token devices.csv
    HELIOGRAPH_TOKEN=$(cat token) heliograph import --dry-run devices.ndjson
    mdm-export | heliograph import --format csv -

The exit code is 1 when a row was rejected.`
}

// report is the API's answer to an import.
type report struct {
	Rows      int64 `json:"rows"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Rejected  int64 `json:"rejected"`
	Errors    []struct {
		Line   int64  `json:"line"`
		Column string `json:"column"`
		Detail string `json:"detail"`
	} `json:"errors"`
}

// Run streams the file to the API and prints the report.
func (c *importCmd) Run(ctx context.Context, term terminal) error {
	kind, err := c.contentType()
	if err != nil {
		return err
	}
	if c.File == "-" && c.TokenFile == "-" {
		return misused("standard input cannot be the file and the token at once")
	}
	api, err := c.client(term)
	if err != nil {
		return err
	}
	file, err := openInput(c.File, term.in)
	if err != nil {
		return err
	}
	defer file.Close()
	path := "/import/devices"
	if c.DryRun {
		path += "?dry_run=true"
	}
	var answer json.RawMessage
	if err := api.call(ctx, "POST", path, file, map[string]string{"Content-Type": kind}, &answer); err != nil {
		return err
	}
	return c.print(term.out, answer)
}

var importTypes = map[string]string{
	"csv": "text/csv", ".csv": "text/csv",
	"ndjson": "application/x-ndjson", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson",
}

func (c *importCmd) contentType() (string, error) {
	key := c.Format
	if key == "" {
		key = strings.ToLower(filepath.Ext(c.File))
	}
	kind, known := importTypes[key]
	if !known {
		return "", misused("is %s CSV or NDJSON? Say so with --format", named(c.File))
	}
	return kind, nil
}

func openInput(file string, in io.Reader) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(in), nil
	}
	return os.Open(file)
}

func (c *importCmd) print(to io.Writer, answer json.RawMessage) error {
	var r report
	if err := json.Unmarshal(answer, &r); err != nil {
		return fmt.Errorf("reading the report: %w", err)
	}
	if c.JSON {
		fmt.Fprintln(to, strings.TrimSpace(string(answer)))
	} else {
		r.words(to, c.DryRun)
	}
	if r.Rejected > 0 {
		return errSaid
	}
	return nil
}

func (r report) words(to io.Writer, dryRun bool) {
	for _, e := range r.Errors {
		place := fmt.Sprintf("line %d", e.Line)
		if e.Column != "" {
			place += ", " + e.Column
		}
		fmt.Fprintf(to, "%s: %s\n", place, e.Detail)
	}
	if more := r.Rejected - int64(len(r.Errors)); more > 0 && len(r.Errors) > 0 {
		fmt.Fprintf(to, "… and %d more rows rejected\n", more)
	}
	fmt.Fprintf(to, "%d rows: %d created, %d updated, %d unchanged, %d rejected", r.Rows, r.Created, r.Updated, r.Unchanged, r.Rejected)
	if dryRun {
		fmt.Fprint(to, " (dry run: nothing was stored)")
	}
	fmt.Fprintln(to)
}
