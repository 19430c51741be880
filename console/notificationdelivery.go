package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"heliograph/access"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/store"
	"heliograph/web"
)

// deliveriesPart is the list of a notification's deliveries with its filter.
type deliveriesPart struct {
	Notification message.Notification
	Channel      message.Channel // 0 = all
	States       []message.State
	Search       string
	Cursor       string
	List         []message.DeliveryView
	Next         string
}

func (c *console) deliveriesPart(r *http.Request, n message.Notification) (p deliveriesPart, err error) {
	if p, err = readDeliveries(r.URL.Query()); err != nil {
		return p, err
	}
	p.Notification = n
	p.List, p.Next, err = c.Sent.ListDeliveries(r.Context(), actor(r).Scope, n.ID, p.filter(), store.Page{Limit: deliveriesOnPage, Cursor: p.Cursor, Within: lookWithin})
	return p, err
}

func readDeliveries(v url.Values) (p deliveriesPart, err error) {
	if word := v.Get("channel"); word != "" {
		if p.Channel, err = message.ParseChannel(word); err != nil {
			return p, web.BadRequest("There is no such channel.")
		}
	}
	for _, word := range words[string](v["state"]) {
		state, err := message.ParseState(word)
		if err != nil {
			return p, web.BadRequest("There is no such state.")
		}
		p.States = append(p.States, state)
	}
	p.Search, p.Cursor = strings.TrimSpace(v.Get("search")), v.Get("cursor")
	return p, nil
}

func (p deliveriesPart) filter() store.DeliveryFilter {
	return store.DeliveryFilter{Channel: p.Channel, State: p.States, Search: p.Search}
}

// Filtered reports whether only a part of the deliveries is asked for.
func (p deliveriesPart) Filtered() bool { return p.Channel != 0 || len(p.States) > 0 || p.Search != "" }

func (p deliveriesPart) values() url.Values {
	v := url.Values{}
	if p.Channel != 0 {
		v.Set("channel", p.Channel.String())
	}
	for _, s := range p.States {
		v.Add("state", s.String())
	}
	if p.Search != "" {
		v.Set("search", p.Search)
	}
	return v
}

// path is the address of the notification's page with this filter, or of a part of it below the page's own address.
func (p deliveriesPart) path(part string) string {
	return withQuery(notificationPath(p.Notification.ID)+part, p.values())
}

// next is the address of the following page.
func (p deliveriesPart) next() string {
	v := p.values()
	v.Set("cursor", p.Next)
	return withQuery(notificationPath(p.Notification.ID), v) + deliveriesAnchor
}

// lookWithin is how long a page looks for deliveries that pass its filter, before it comes and looks on.
const lookWithin = 100 * time.Millisecond

// further fetches the list from where the look ended, where there is script.
func (p deliveriesPart) further() templ.Attributes {
	v := p.values()
	v.Set("cursor", p.Next)
	return templ.Attributes{
		"hx-get":     withQuery(notificationPath(p.Notification.ID)+"/deliveries", v),
		"hx-trigger": "load", "hx-target": "#deliveries", "hx-swap": "outerHTML",
	}
}

const deliveriesAnchor = "#deliveries"

// of is the address with another channel or state asked for.
func (p deliveriesPart) of(ch message.Channel, states ...message.State) string {
	p.Channel, p.States, p.Cursor = ch, states, ""
	return p.path("") + deliveriesAnchor
}

// stateTab is a state to filter by, with how many there are.
type stateTab struct {
	Label string
	N     int64
	Path  string
	On    bool
}

func (p deliveriesPart) tabs(ctx context.Context) []stateTab {
	count := func(s message.State) int64 {
		if p.Channel == 0 {
			return p.Notification.Counts.In(s)
		}
		return p.Notification.Counts[p.Channel][s]
	}
	list := []stateTab{{t(ctx, "deliveries.all"), 0, p.of(p.Channel), len(p.States) == 0}}
	for _, s := range message.States {
		list[0].N += count(s)
		if on := slices.Contains(p.States, s); count(s) > 0 || on {
			list = append(list, stateTab{tf(ctx, "state", s.String()), count(s), p.of(p.Channel, s), on})
		}
	}
	return list
}

// deliveriesCSV exports the deliveries that match.
func (c *console) deliveriesCSV(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	p, err := readDeliveries(r.URL.Query())
	if err != nil {
		return err
	}
	what := r.URL.Query()
	what.Set("notification", string(n.ID))
	if err := c.exported(r, access.ADelivery, what); err != nil {
		return err
	}
	ctx, scope := r.Context(), actor(r).Scope
	list, next, err := c.Sent.ListDeliveries(ctx, scope, n.ID, p.filter(), store.Page{Limit: exportPage})
	if err != nil {
		return err // nothing was written yet
	}
	e := export(w, "deliveries.csv", "id", "channel", "state", "device_id", "device_name", "user_id", "user_name", "address",
		"attempts", "next_attempt_at", "reason", "detail", "provider_id", "finished_at")
	e.pages(func(cursor string) (string, error) {
		if cursor != "" {
			if list, next, err = c.Sent.ListDeliveries(ctx, scope, n.ID, p.filter(), store.Page{Limit: exportPage, Cursor: cursor}); err != nil {
				c.exportFailed(ctx, err)
				return "", err
			}
		}
		for _, d := range list {
			e.row(deliveryCells(d)...)
		}
		return next, nil
	})
	return nil
}

func deliveryCells(d message.DeliveryView) []string {
	return []string{
		d.ID.String(), d.Channel.String(), d.State.String(), string(d.DeviceID), d.DeviceName, string(d.UserID), d.UserName, d.Address,
		strconv.Itoa(d.Attempts), stamp(d.DueAt), string(d.Reason), d.Detail, d.ProviderID, stamp(d.FinishedAt),
	}
}

// recipientWords is whom a delivery is for.
func recipientWords(ctx context.Context, d message.DeliveryView) string {
	for _, name := range []string{d.UserName, d.DeviceName, string(d.DeviceID), d.Address} {
		if name != "" {
			return name
		}
	}
	return t(ctx, "delivery.gone")
}

// deliveryPage is one delivery: what it said, and what became of it.
type deliveryPage struct {
	Delivery message.DeliveryView
	Attempts []message.Attempt
	Message  message.Message // as it was rendered
	Missing  []string
	Title    string // of the notification
}

func (p deliveryPage) heading(ctx context.Context) heading {
	return heading{
		Title: recipientWords(ctx, p.Delivery), Nav: "notifications",
		Parents: []crumb{
			{t(ctx, "notifications.title"), notificationsPath},
			{p.Title, notificationPath(p.Delivery.NotificationID)},
		},
	}
}

func (c *console) delivery(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	id, err := message.ParseDeliveryID(r.PathValue("delivery"))
	if err != nil {
		return web.ErrNotFound
	}
	p := deliveryPage{Title: shortened(titleOf(r.Context(), n), 40)}
	if p.Delivery, p.Attempts, err = c.Sent.Delivery(r.Context(), actor(r).Scope, id); err != nil {
		return err
	}
	if p.Delivery.NotificationID != n.ID {
		return web.ErrNotFound
	}
	plan, err := notice.NewPlan(n.Content)
	if err != nil {
		return err
	}
	p.Message = plan.Message(n.ID, p.Delivery.Delivery, notice.Place{Language: language.English})
	p.Missing = plan.Missing(p.Delivery.Delivery)
	return c.show(w, r, http.StatusOK, p)
}

// why explains in a sentence what happened to a delivery, and what can be done; empty when there is nothing to explain.
func why(ctx context.Context, r message.Reason) string {
	if r == "" {
		return ""
	}
	return tf(ctx, "why", string(r))
}

// next says when a delivery that waits is tried again, and why it waits.
func (p deliveryPage) next(ctx context.Context) string {
	d := p.Delivery
	switch {
	case d.State != message.Queued:
		return ""
	case d.DueAt.IsZero():
		return t(ctx, "delivery.next.turn")
	case d.Reason == "":
		return t(ctx, "delivery.next.server", clock(ctx, d.DueAt), ago(ctx, d.DueAt))
	}
	return t(ctx, "delivery.next.again", clock(ctx, d.DueAt), ago(ctx, d.DueAt))
}

func (p deliveryPage) facts(ctx context.Context) []fact {
	d := p.Delivery
	list := []fact{
		{t(ctx, "delivery.address"), d.Address},
		{t(ctx, "delivery.server"), d.Server},
		{t(ctx, "delivery.attempts"), number(ctx, int64(d.Attempts))},
		{t(ctx, "delivery.provider"), d.ProviderID},
		{t(ctx, "delivery.id"), d.ID.String()},
	}
	if !d.FinishedAt.IsZero() {
		list = append(list, fact{t(ctx, "delivery.finished"), moment(ctx, d.FinishedAt)})
	}
	return known(list)
}
