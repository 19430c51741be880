package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/store"
	"heliograph/web"
)

const auditPath = "/settings/audit"

func auditEntryPath(id int64) string { return auditPath + "/" + strconv.FormatInt(id, 10) }

// auditPage lists who did what.
type auditPage struct {
	List    []access.Entry
	Query   url.Values // the filter, as in the address
	Next    string     // cursor
	First   bool
	Days    int // that the log is kept
	Problem string
}

func (p auditPage) heading(ctx context.Context) heading {
	return belowSettings(ctx, t(ctx, "audit.title"))
}

// auditWords are the parameters of the filter.
var auditWords = []string{"actor", "action", "kind", "object", "from", "since", "until"}

// readAudit is the filter in an address. Days are those of whoever looks.
func readAudit(ctx context.Context, values url.Values) (f store.AuditFilter, query url.Values, err error) {
	query = url.Values{}
	for _, word := range auditWords {
		if value := strings.TrimSpace(values.Get(word)); value != "" {
			query.Set(word, value)
		}
	}
	f.Actor, f.Object, f.From = query.Get("actor"), query.Get("object"), query.Get("from")
	if action := access.Action(query.Get("action")); action != "" {
		if f.Action = []access.Action{action}; !action.Known() {
			return f, query, web.ErrNotFound
		}
	}
	if kind := access.ObjectKind(query.Get("kind")); kind != "" {
		if f.Kind = []access.ObjectKind{kind}; !kind.Known() {
			return f, query, web.ErrNotFound
		}
	}
	if f.Since, err = day(ctx, query.Get("since"), 0); err == nil {
		f.Until, err = day(ctx, query.Get("until"), 1)
	}
	return f, query, err
}

// day is the beginning of a day in the zone of whoever looks, or of one that many days later.
func day(ctx context.Context, text string, later int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, viewOf(ctx).zone)
	if err != nil {
		return at, web.ErrNotFound
	}
	return at.AddDate(0, 0, later), nil
}

func (p auditPage) path(suffix, cursor string) string {
	query := maps.Clone(p.Query)
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if len(query) == 0 {
		return auditPath + suffix
	}
	return auditPath + suffix + "?" + query.Encode()
}

func (c *console) audit(w http.ResponseWriter, r *http.Request) error {
	return c.showAudit(w, r, http.StatusOK, "")
}

func (c *console) showAudit(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	ctx := r.Context()
	f, query, err := readAudit(ctx, r.URL.Query())
	if err != nil {
		return err
	}
	cursor := r.URL.Query().Get("cursor")
	p := auditPage{Query: query, First: cursor == "", Problem: problem}
	if p.List, p.Next, err = c.Registry.ListAudit(ctx, f, store.Page{Limit: entriesOnPage, Cursor: cursor}); err != nil {
		return err
	}
	if p.Days, err = c.Registry.AuditDays(ctx); err != nil {
		return err
	}
	return c.show(w, r, status, p)
}

const entriesOnPage = 50

// auditCSV exports the entries that match. Who takes them away is noted first, so that the file says so too.
func (c *console) auditCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, query, err := readAudit(ctx, r.URL.Query())
	if err != nil {
		return err
	}
	if err := c.exported(r, access.AnAudit, query); err != nil {
		return err
	}
	list, next, err := c.Registry.ListAudit(ctx, f, store.Page{Limit: exportPage})
	if err != nil {
		return err // nothing was written yet
	}
	e := export(w, "audit.csv", "id", "at", "actor_kind", "actor_id", "actor", "role", "from", "action", "object_kind", "object_id", "object", "before", "after")
	e.pages(func(cursor string) (string, error) {
		if cursor != "" {
			if list, next, err = c.Registry.ListAudit(ctx, f, store.Page{Limit: exportPage, Cursor: cursor}); err != nil {
				c.exportFailed(ctx, err)
				return "", err
			}
		}
		for _, one := range list {
			e.row(auditCells(one)...)
		}
		return next, nil
	})
	return nil
}

func auditCells(e access.Entry) []string {
	return []string{
		strconv.FormatInt(e.ID, 10), stamp(e.At), string(e.Actor.Kind), e.Actor.ID, e.Actor.Name, string(e.Actor.Role), e.Actor.From,
		string(e.Action), string(e.Object.Kind), e.Object.ID, e.Object.Name, string(e.Before), string(e.After),
	}
}

// exported notes that whoever asks takes a list away as a file: what of it their filter says.
func (c *console) exported(r *http.Request, kind access.ObjectKind, filter url.Values) error {
	what := map[string]string{}
	for name, values := range filter {
		what[name] = strings.Join(values, ",")
	}
	return c.Administration.Exported(r.Context(), actor(r), kind, map[string]any{"filter": what})
}

func (c *console) setAuditDays(w http.ResponseWriter, r *http.Request) error {
	days, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("days")))
	if err == nil {
		err = c.Administration.SetAuditDays(r.Context(), actor(r), days, store.LeastAuditDays, store.MostAuditDays)
	}
	var number *strconv.NumError
	switch {
	case err == nil:
		c.say(r, "success", t(r.Context(), "audit.days.saved"))
		return goTo(w, r, auditPath)
	case errors.As(err, &number), refusal(err) != nil:
		return c.showAudit(w, r, http.StatusUnprocessableEntity, t(r.Context(), "audit.days.wrong", store.LeastAuditDays, store.MostAuditDays))
	}
	return err
}

// auditEntryPage is one entry, with what changed.
type auditEntryPage struct {
	access.Entry
	Changes []change
}

// change is one field of an object, before and after.
type change struct{ Field, Before, After string }

func (p auditEntryPage) heading(ctx context.Context) heading {
	return belowSettings(ctx, didWords(ctx, p.Entry), crumb{t(ctx, "audit.title"), auditPath})
}

func (c *console) auditEntry(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return web.ErrNotFound
	}
	e, err := c.Registry.AuditEntry(r.Context(), id)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, auditEntryPage{e, changes(e.Before, e.After)})
}

// changes lists the fields that are different; of an object that came or went, those that say something.
func changes(before, after json.RawMessage) (list []change) {
	was, is := flat(before), flat(after)
	for _, field := range slices.Sorted(maps.Keys(merged(was, is))) {
		if was[field] != is[field] {
			list = append(list, change{field, was[field], is[field]})
		}
	}
	return list
}

func merged(a, b map[string]string) map[string]string {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// flat writes an object of JSON as texts by their paths, such as texts.smtp.subject.
func flat(raw json.RawMessage) map[string]string {
	fields := map[string]string{}
	if len(raw) == 0 {
		return fields
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err == nil {
		flatten(fields, "", value)
	}
	return fields
}

func flatten(fields map[string]string, path string, value any) {
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for name, inner := range v {
			flatten(fields, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		words := make([]string, len(v))
		for i, inner := range v {
			words[i] = plainValue(inner)
		}
		fields[path] = strings.Join(words, ", ")
	default:
		fields[path] = plainValue(value)
	}
}

// plainValue writes a value of JSON for people.
func plainValue(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any, []any:
		raw, _ := json.Marshal(v) // it was JSON a moment ago
		return string(raw)
	}
	return fmt.Sprint(value)
}

// didWords says in one line what was done.
func didWords(ctx context.Context, e access.Entry) string {
	what := tf(ctx, "audit.kind", string(e.Object.Kind))
	if e.Object.Name != "" {
		what = t(ctx, "audit.named", what, e.Object.Name)
	}
	return t(ctx, "audit.did", tf(ctx, "audit.action", string(e.Action)), what)
}

// actorWords names who did it.
func actorWords(ctx context.Context, a access.Actor) string {
	if a.Name != "" {
		return a.Name
	}
	return tf(ctx, "audit.actor", string(a.Kind))
}

// choice is one entry of a list to choose from.
type choice struct{ Value, Words string }

func auditActions(ctx context.Context) (list []choice) {
	for _, a := range access.Actions {
		list = append(list, choice{string(a), tf(ctx, "audit.action", string(a))})
	}
	return byWords(list)
}

func auditKinds(ctx context.Context) (list []choice) {
	for _, k := range access.ObjectKinds {
		list = append(list, choice{string(k), tf(ctx, "audit.kind", string(k))})
	}
	return byWords(list)
}

func byWords(list []choice) []choice {
	slices.SortFunc(list, func(a, b choice) int { return strings.Compare(a.Words, b.Words) })
	return list
}

// daysProblem is what is wrong with the retention's field, as the fields of forms have it.
func daysProblem(words string) []problem {
	if words == "" {
		return nil
	}
	return []problem{{Field: "days", Detail: words}}
}

// roleOrNone is the role that somebody had; nothing for who had none.
func roleOrNone(ctx context.Context, a access.Actor) string {
	if a.Kind == access.BySystem || !a.Role.Known() {
		return ""
	}
	return tf(ctx, "role", string(a.Role))
}
