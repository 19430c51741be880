package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

// exportPage is how many rows of an export are read at once: each page is a short read of its own, by key.
const exportPage = 1000

// exporting is a CSV file on its way to a browser.
type exporting struct {
	w   http.ResponseWriter
	csv *csv.Writer
}

// export begins a CSV file. After that an error can only break the download off, so that nobody takes a part for all.
func export(w http.ResponseWriter, name string, header ...string) *exporting {
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	e := &exporting{w, csv.NewWriter(w)}
	e.row(header...)
	return e
}

func (e *exporting) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = plainCell(cell)
	}
	_ = e.csv.Write(cells) // Flush tells
}

// plainCell keeps a spreadsheet from taking a text for a formula.
func plainCell(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}

// sent hands over what there is, and reports whether anybody still reads.
func (e *exporting) sent() error {
	e.csv.Flush()
	control := http.NewResponseController(e.w)
	_ = control.SetWriteDeadline(time.Now().Add(time.Minute)) // a long file may outlast the listener's usual patience
	_ = control.Flush()
	return e.csv.Error()
}

// pages writes a list page by page until its end. read writes one page's rows and gives the cursor of the next.
func (e *exporting) pages(read func(cursor string) (next string, err error)) {
	for cursor := ""; ; {
		next, err := read(cursor)
		if err == nil {
			err = e.sent()
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if next == "" {
			return
		}
		cursor = next
	}
}

// devicesCSV exports the devices that match. The columns have the names of the import.
func (c *console) devicesCSV(w http.ResponseWriter, r *http.Request) error {
	query, err := readDeviceQuery(r.URL.Query())
	if err != nil {
		return err
	}
	if err := c.exported(r, access.ADevice, query.values()); err != nil {
		return err
	}
	ctx, scope := r.Context(), actor(r).Scope
	list, next, err := c.Fleet.ListDevices(ctx, scope, query.Filter, store.Page{Limit: exportPage})
	if err != nil {
		return err // nothing was written yet
	}
	e := export(w, "devices.csv", "id", "name", "platform", "os_version", "model", "serial_number", "imei", "phone_number", "carrier",
		"ownership", "managed", "compliant", "jailbroken", "last_seen", "user", "groups", "push.provider", "push.app", "push.environment", "push.state")
	e.pages(func(cursor string) (string, error) {
		if cursor != "" {
			if list, next, err = c.Fleet.ListDevices(ctx, scope, query.Filter, store.Page{Limit: exportPage, Cursor: cursor}); err != nil {
				c.exportFailed(ctx, err)
				return "", err
			}
		}
		for _, d := range list {
			e.row(deviceCells(d)...)
		}
		return next, nil
	})
	return nil
}

func (c *console) exportFailed(ctx context.Context, err error) {
	c.Logger.ErrorContext(ctx, "an export broke off", "error", err)
}

func deviceCells(d fleet.Device) []string {
	push := fleet.PushToken{}
	if d.Push != nil {
		push = *d.Push
	}
	return []string{
		string(d.ID), d.Name, string(d.Platform), d.OSVersion, d.Model, d.SerialNumber, d.IMEI, d.PhoneNumber, d.Carrier,
		string(d.Ownership), strconv.FormatBool(d.Managed), strconv.FormatBool(d.Compliant), strconv.FormatBool(d.Jailbroken),
		stamp(d.LastSeen), string(d.User), strings.Join(d.Groups, ";"),
		string(push.Provider), push.App, string(push.Environment), string(push.State),
	}
}

// stamp writes a time for machines; nothing for one that is not known.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
