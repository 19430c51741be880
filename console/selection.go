package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heliograph/fleet"
	"heliograph/web"
)

// deviceSelection is what is selected on the Devices page: devices picked one by one, or everything that matches the
// filter. Picked devices stay picked over paging, sorting and filtering: the session keeps them. That everything is
// selected stands in the address, since it is about the filter there.
type deviceSelection struct {
	Query    deviceQuery
	Picked   []fleet.DeviceID
	Matching int64 // devices that match the filter
	Known    bool  // Matching was counted
	Full     bool  // more were ticked than can be kept
}

// mostPicked bounds a selection by hand.
const mostPicked = 1000

const sessionPicked = "devices.picked"

// picked are the devices that were picked in this session.
func (c *console) picked(ctx context.Context) []fleet.DeviceID {
	return deviceIDs(c.sessions.GetString(ctx, sessionPicked))
}

func (c *console) keepPicked(ctx context.Context, ids []fleet.DeviceID) {
	if len(ids) == 0 {
		c.sessions.Remove(ctx, sessionPicked)
		return
	}
	c.sessions.Put(ctx, sessionPicked, joinIDs(ids))
}

// deviceIDs reads ids that are separated by blanks; what cannot be an id is left out.
func deviceIDs(text string) (ids []fleet.DeviceID) {
	for word := range strings.FieldsSeq(text) {
		if fleet.ValidID(word) {
			ids = append(ids, fleet.DeviceID(word))
		}
	}
	return ids
}

func joinIDs(ids []fleet.DeviceID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, " ")
}

// Notifies is how many devices the Notify button means; known is false when nobody counted.
func (s deviceSelection) Notifies() (n int64, known bool) {
	if s.Query.All || len(s.Picked) == 0 {
		return s.Matching, s.Known
	}
	return int64(len(s.Picked)), true
}

// selectDevices takes the ticks of one page of the table, and does what its button says.
func (c *console) selectDevices(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	values, err := url.ParseQuery(r.PostFormValue("query"))
	if err != nil {
		return web.BadRequest("The form's address cannot be read.")
	}
	query, err := readDeviceQuery(values)
	if err != nil {
		return err
	}
	query.Cursor = values.Get("cursor")
	shown, ticked := deviceIDs(r.PostFormValue("shown")), deviceIDs(strings.Join(r.PostForm["device"], " "))
	if query.All && len(ticked) == len(shown) {
		return c.afterSelecting(w, r, deviceSelection{Query: query})
	}
	s := deviceSelection{Query: query}
	s.Picked, s.Full = merge(c.picked(r.Context()), shown, ticked, query.All)
	c.keepPicked(r.Context(), s.Picked)
	return c.afterSelecting(w, r, s)
}

// merge puts the ticks of a page into what was picked before. afresh forgets what was picked: everything was selected,
// and now only what is left on the page.
func merge(before, shown, ticked []fleet.DeviceID, afresh bool) (after []fleet.DeviceID, full bool) {
	if !afresh {
		after = slices.DeleteFunc(slices.Clone(before), func(id fleet.DeviceID) bool { return slices.Contains(shown, id) })
	}
	after = append(after, ticked...)
	if len(after) > mostPicked {
		return after[:mostPicked], true
	}
	return after, false
}

// afterSelecting leads on. By script and without a button only the bar changes.
func (c *console) afterSelecting(w http.ResponseWriter, r *http.Request, s deviceSelection) error {
	all := s.Query.All && s.Picked == nil && len(r.PostForm["device"]) > 0
	switch r.PostFormValue("go") {
	case "clear":
		c.keepPicked(r.Context(), nil)
		return goTo(w, r, s.Query.here(false))
	case "notify":
		if all || len(s.Picked) == 0 {
			return goTo(w, r, withQuery(notifyPath, orEverybody(filterValues(s.Query.Filter))))
		}
		return goTo(w, r, notifyPath+"?selection=1")
	case "first":
		first := s.Query
		first.All = all
		return goTo(w, r, first.path())
	case "next":
		next := s.Query
		next.All = all
		return goTo(w, r, next.pathAt(r.PostFormValue("next")))
	}
	if r.Header.Get("HX-Request") == "" || s.Query.All {
		return goTo(w, r, s.Query.here(all))
	}
	s.Matching, s.Known = parseCount(r.PostFormValue("matching"))
	return c.showPart(w, r, s.bar())
}

// parseCount reads a number that the page itself had put into its form, to show it again.
func parseCount(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// words says what is selected.
func (s deviceSelection) words(ctx context.Context) string {
	switch {
	case s.Query.All && s.Known:
		return tn(ctx, "devices.selected.all", s.Matching)
	case s.Query.All:
		return t(ctx, "devices.selected.all.many")
	case len(s.Picked) > 0:
		return tn(ctx, "devices.selected", int64(len(s.Picked)))
	case s.Known:
		return tn(ctx, "devices.count", s.Matching)
	}
	return t(ctx, "devices.matching")
}

func (s deviceSelection) selectAllWords(ctx context.Context) string {
	if s.Known {
		return tn(ctx, "devices.select.all", s.Matching)
	}
	return t(ctx, "devices.select.all.many")
}

func (s deviceSelection) notifyWords(ctx context.Context) string {
	n, known := s.Notifies()
	switch {
	case !known:
		return t(ctx, "devices.notify.all.many")
	case s.Query.All || len(s.Picked) == 0:
		return tn(ctx, "devices.notify.all", n)
	}
	return tn(ctx, "devices.notify", n)
}
