package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"heliograph/fleet"
	"heliograph/store"
	"heliograph/web"
)

// deviceQuery is what the Devices page shows, as it stands in the address: the filter, the order and the page. The words
// are those of the API.
type deviceQuery struct {
	Filter    fleet.Filter
	Sort      store.Sort
	Ascending bool
	Cursor    string
	All       bool // everything that matches is selected
}

const devicesPath = "/devices"

// deviceSorts are the columns by which the table can be ordered, and whether the first click orders upwards.
var deviceSorts = map[store.Sort]bool{
	store.SortName: true, store.SortPlatform: true, store.SortUser: true, store.SortLastSeen: false,
}

func readDeviceQuery(v url.Values) (q deviceQuery, err error) {
	if q.Filter, err = readFilter(v); err != nil {
		return q, err
	}
	q.Sort, q.Ascending = store.Sort(v.Get("sort")), v.Get("dir") == "asc"
	if _, ok := deviceSorts[q.Sort]; !ok {
		q.Sort, q.Ascending = store.Newest, false
	}
	q.Cursor, q.All = v.Get("cursor"), v.Get("all") == "1"
	return q, nil
}

// readFilter reads a filter from an address or a form. What is not among the words is a bad request.
func readFilter(v url.Values) (f fleet.Filter, err error) {
	f.Platform, f.Ownership = words[fleet.Platform](v["platform"]), words[fleet.Ownership](v["ownership"])
	f.Group, f.Search = words[string](v["group"]), strings.TrimSpace(v.Get("search"))
	for name, into := range map[string]**bool{"compliant": &f.Compliant, "jailbroken": &f.Jailbroken, "managed": &f.Managed} {
		switch word := v.Get(name); word {
		case "":
		case "true", "false":
			yes := word == "true"
			*into = &yes
		default: // nothing is left out in silence: a filter that asks less reaches more
			return f, unreadable(name + " must be true or false")
		}
	}
	if text := strings.TrimSpace(v.Get("inactive_days_min")); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil {
			return f, unreadable("inactive_days_min must be a number")
		}
		f.InactiveDaysMin = &days
	}
	f.OSVersion = readVersion(v.Get("os_version_op"), strings.TrimSpace(v.Get("os_version")))
	for _, text := range words[string](v["property"]) {
		name, rest, _ := strings.Cut(text, ":")
		op, value, _ := strings.Cut(rest, ":")
		f.Property = append(f.Property, fleet.PropertyCondition{Name: name, Op: fleet.Op(op), Value: value})
	}
	if wrong := (fleet.Audience{Filter: &f}).Check(); len(wrong) > 0 {
		return f, unreadable(strings.TrimPrefix(wrong[0].Field, "/filter/") + " " + wrong[0].Detail)
	}
	return f, nil
}

func unreadable(why string) error {
	return web.BadRequest("The filter in the address cannot be read: " + why + ".")
}

func readVersion(op, value string) *fleet.VersionCondition {
	switch {
	case op == "" && value == "":
		return nil
	case op == "":
		op = string(fleet.Eq)
	}
	return &fleet.VersionCondition{Op: fleet.Op(op), Value: value}
}

// words are the values that are not empty, each once.
func words[T ~string](values []string) (list []T) {
	for _, value := range values {
		if word := T(strings.TrimSpace(value)); word != "" && !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

// filterValues writes a filter as readFilter reads it.
func filterValues(f fleet.Filter) url.Values {
	v := url.Values{}
	for _, p := range f.Platform {
		v.Add("platform", string(p))
	}
	for _, o := range f.Ownership {
		v.Add("ownership", string(o))
	}
	for name, flag := range map[string]*bool{"compliant": f.Compliant, "jailbroken": f.Jailbroken, "managed": f.Managed} {
		if flag != nil {
			v.Set(name, strconv.FormatBool(*flag))
		}
	}
	if f.InactiveDaysMin != nil {
		v.Set("inactive_days_min", strconv.Itoa(*f.InactiveDaysMin))
	}
	if f.OSVersion != nil {
		v.Set("os_version", f.OSVersion.Value)
		v.Set("os_version_op", string(f.OSVersion.Op))
	}
	for _, g := range f.Group {
		v.Add("group", g)
	}
	for _, p := range f.Property {
		v.Add("property", p.Name+":"+string(p.Op)+":"+p.Value)
	}
	if f.Search != "" {
		v.Set("search", f.Search)
	}
	return v
}

// asksNothing reports whether every device matches.
func asksNothing(f fleet.Filter) bool { return len(filterValues(f)) == 0 }

// values is the whole query but for the page.
func (q deviceQuery) values() url.Values {
	v := filterValues(q.Filter)
	if q.Sort != store.Newest {
		v.Set("sort", string(q.Sort))
	}
	if q.Ascending {
		v.Set("dir", "asc")
	}
	if q.All {
		v.Set("all", "1")
	}
	return v
}

// path is the address of the first page.
func (q deviceQuery) path() string { return withQuery(devicesPath, q.values()) }

// pathAt is the address of the page that a cursor leads to.
func (q deviceQuery) pathAt(cursor string) string {
	v := q.values()
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	return withQuery(devicesPath, v)
}

// here is the address of this page, with everything that matches selected or not.
func (q deviceQuery) here(all bool) string {
	q.All = all
	return q.pathAt(q.Cursor)
}

func withQuery(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// with is the address after a change of the filter. The order stays; page and selection of everything do not.
func (q deviceQuery) with(change func(*fleet.Filter)) string {
	change(&q.Filter)
	q.Cursor, q.All = "", false
	return q.path()
}

// by is the address after a click on a column's head.
func (q deviceQuery) by(column store.Sort) string {
	up := deviceSorts[column]
	if q.Sort == column {
		up = !q.Ascending
	}
	q.Sort, q.Ascending, q.Cursor = column, up, ""
	return q.path()
}

// toggled is the list with the word, or without when it was there.
func toggled[T comparable](list []T, word T) []T {
	if !slices.Contains(list, word) {
		return append(slices.Clone(list), word)
	}
	return slices.DeleteFunc(slices.Clone(list), func(w T) bool { return w == word })
}

// flipped is the value, or nothing when it was that already.
func flipped[T comparable](was *T, value T) *T {
	if was != nil && *was == value {
		return nil
	}
	return &value
}

func is[T comparable](p *T, value T) bool { return p != nil && *p == value }

// hidden is the whole query with its page, for the table's form.
func (q deviceQuery) hidden() string {
	v := q.values()
	if q.Cursor != "" {
		v.Set("cursor", q.Cursor)
	}
	return v.Encode()
}

// sorted marks the column that the table is ordered by.
func sorted(q deviceQuery, column store.Sort) templ.Attributes {
	switch {
	case q.Sort != column:
		return nil
	case q.Ascending:
		return templ.Attributes{"aria-sort": "ascending"}
	}
	return templ.Attributes{"aria-sort": "descending"}
}

// groupFilterPath lists the devices of a group.
func groupFilterPath(group string) string {
	return deviceQuery{Filter: fleet.Filter{Group: []string{group}}}.path()
}
