package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
	"heliograph/web"
)

// Sent is what the console reads of notifications and deliveries.
type Sent interface {
	Notification(ctx context.Context, scope access.Scope, id message.NotificationID) (message.Notification, error)
	ListNotifications(ctx context.Context, scope access.Scope, f store.NotificationFilter, p store.Page) ([]message.Notification, string, error)
	ListDeliveries(ctx context.Context, scope access.Scope, id message.NotificationID, f store.DeliveryFilter, p store.Page) ([]message.DeliveryView, string, error)
	UserDeliveries(ctx context.Context, scope access.Scope, user int64, p store.Page) ([]message.DeliveryView, string, error)
	DeviceDeliveries(ctx context.Context, scope access.Scope, device int64, p store.Page) ([]message.DeliveryView, string, error)
	Delivery(ctx context.Context, scope access.Scope, id message.DeliveryID) (message.DeliveryView, []message.Attempt, error)
	// KeptAnswer is the answer to a request that was made before under the same key.
	KeptAnswer(ctx context.Context, token, key string, bodyHash []byte) (store.Answer, bool, error)
}

const (
	notificationsPath   = "/notifications"
	notificationsOnPage = 25
	deliveriesOnPage    = 50
)

func notificationPath(id message.NotificationID) string {
	return notificationsPath + "/" + url.PathEscape(string(id))
}

func deliveryPath(d message.DeliveryView) string {
	return notificationPath(d.NotificationID) + "/deliveries/" + d.ID.String()
}

// notificationsPage lists everything that was sent.
type notificationsPage struct {
	Filter string // a word of notificationFilters
	List   []message.Notification
	Next   string
	Cursor string
}

// notificationFilters are the filters of the list, by their word in the address.
var notificationFilters = map[string]store.NotificationFilter{
	"":          {},
	"running":   {Running: true},
	"scheduled": {State: []message.Progress{message.Scheduled}},
	"done":      {State: []message.Progress{message.Done}},
	"cancelled": {State: []message.Progress{message.CancelledByRequest}},
}

// filterOrder is the order of the filters.
var filterOrder = []string{"", "running", "scheduled", "done", "cancelled"}

func (p notificationsPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "notifications.title"), Nav: "notifications"}
}

// Running reports whether anything on the page still changes.
func (p notificationsPage) Running() bool {
	for _, n := range p.List {
		if running(n) {
			return true
		}
	}
	return false
}

func (p notificationsPage) path(part, filter, cursor string) string {
	v := url.Values{}
	if filter != "" {
		v.Set("state", filter)
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	return withQuery(notificationsPath+part, v)
}

func (c *console) notifications(w http.ResponseWriter, r *http.Request) error {
	p, err := c.notificationsPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// notificationsLive is the list alone, for script.
func (c *console) notificationsLive(w http.ResponseWriter, r *http.Request) error {
	p, err := c.notificationsPage(r)
	if err != nil {
		return err
	}
	return c.showPart(w, r, p.list())
}

func (c *console) notificationsPage(r *http.Request) (p notificationsPage, err error) {
	p.Filter, p.Cursor = r.URL.Query().Get("state"), r.URL.Query().Get("cursor")
	filter, ok := notificationFilters[p.Filter]
	if !ok {
		return p, web.ErrNotFound
	}
	p.List, p.Next, err = c.Sent.ListNotifications(r.Context(), actor(r).Scope, filter, store.Page{Limit: notificationsOnPage, Cursor: p.Cursor})
	return p, err
}

// running reports whether a notification still changes by itself.
func running(n message.Notification) bool {
	switch n.State {
	case message.Expanding, message.InDelivery:
		return true
	case message.CancelledByRequest:
		return n.Counts.Open() > 0
	case message.Scheduled:
		return true
	}
	return false
}

// titleOf is what a notification is called: its template; where it has none its subject, else the beginning of its text.
func titleOf(ctx context.Context, n message.Notification) string {
	if n.Template != "" {
		return n.Template
	}
	for _, text := range []string{subjectOf(n.Content), pushOf(n.Content), smsOf(n.Content)} {
		line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		if line != "" {
			return shortened(line, 90)
		}
	}
	return t(ctx, "notification.untitled")
}

func subjectOf(c template.Content) string {
	if c.SMTP == nil {
		return ""
	}
	return c.SMTP.Subject
}

func pushOf(c template.Content) string {
	if c.Push == nil {
		return ""
	}
	return c.Push.Message
}

func smsOf(c template.Content) string {
	if c.SMS == nil {
		return ""
	}
	return c.SMS.Message
}

func shortened(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:most-1])) + "…"
}

// usedChannels are the channels of a content, in the order in which people read them.
func usedChannels(c template.Content) (list []message.Channel) {
	if c.Push != nil {
		list = append(list, message.Push)
	}
	if c.SMTP != nil {
		list = append(list, message.SMTP)
	}
	if c.SMS != nil {
		list = append(list, message.SMS)
	}
	return list
}

// notificationKind is the colour of a notification's state.
func notificationKind(n message.Notification) string {
	switch n.State {
	case message.Expanding, message.InDelivery:
		return "busy"
	case message.Done:
		if n.Counts.In(message.Failed)+n.Counts.In(message.Unknown) > 0 {
			return "warn"
		}
		return "good"
	}
	return "still"
}

// stateKind is the colour of a delivery's state.
func stateKind(s message.State) string {
	switch s {
	case message.Sending:
		return "busy"
	case message.Sent, message.Delivered:
		return "good"
	case message.Failed:
		return "bad"
	case message.Skipped, message.Unknown:
		return "warn"
	}
	return "still"
}

// segments are the counts of one channel, or of all (0), as parts of a bar.
func segments(ctx context.Context, counts message.Counts, ch message.Channel) []segment {
	if ch == 0 {
		return outcome(ctx, counts)
	}
	return outcome(ctx, message.Counts{ch: counts[ch]})
}

// barWords says to a screen reader what a bar shows.
func barWords(ctx context.Context, parts []segment) string {
	words := make([]string, len(parts))
	for i, s := range parts {
		words[i] = s.Label + " " + number(ctx, s.N)
	}
	return strings.Join(words, ", ")
}

// notificationPage is one notification: how far it is, what it says, and its deliveries.
type notificationPage struct {
	Notification message.Notification
	Deliveries   deliveriesPart
}

func (p notificationPage) heading(ctx context.Context) heading {
	return heading{
		Title: titleOf(ctx, p.Notification), Nav: "notifications",
		Parents: []crumb{{t(ctx, "notifications.title"), notificationsPath}},
	}
}

func (c *console) ownNotification(r *http.Request) (message.Notification, error) {
	id := r.PathValue("id")
	if !fleet.ValidID(id) {
		return message.Notification{}, web.ErrNotFound
	}
	return c.Sent.Notification(r.Context(), actor(r).Scope, message.NotificationID(id))
}

func (c *console) notification(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	deliveries, err := c.deliveriesPart(r, n)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, notificationPage{n, deliveries})
}

// notificationProgress is the part of the page that moves, for script.
func (c *console) notificationProgress(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	if !running(n) {
		w.Header().Set("HX-Trigger", deliveriesOver)
	}
	return c.showPart(w, r, progressPart{n}.part())
}

// deliveriesOver tells the list of deliveries that it will not change any more: its last look need not wait for its time.
const deliveriesOver = "heliograph:over"

// deliveriesLive is the list of deliveries alone, for script.
func (c *console) deliveriesLive(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	part, err := c.deliveriesPart(r, n)
	if err != nil {
		return err
	}
	return c.showPart(w, r, part.part())
}

// progressPart is how far a notification is.
type progressPart struct{ message.Notification }

// Settled is how many deliveries have nothing before them any more.
func (p progressPart) Settled() int64 { return p.Counts.Total() - p.Counts.Open() }

// words says in one line how far it is.
func (p progressPart) words(ctx context.Context) string {
	all := p.Counts.Total()
	switch {
	case p.State == message.Scheduled:
		return t(ctx, "progress.words.scheduled", moment(ctx, p.SendAt), ago(ctx, p.SendAt))
	case p.State == message.Expanding && all == 0:
		return t(ctx, "progress.words.begins")
	case p.State == message.Expanding:
		return tn(ctx, "progress.words.expanding", all, p.Settled())
	case p.State == message.CancelledByRequest && p.Counts.Open() > 0:
		return tn(ctx, "progress.words.cancelling", p.Counts.Open())
	case p.State == message.CancelledByRequest:
		return tn(ctx, "progress.words.cancelled", p.Counts.In(message.Cancelled))
	case p.Counts.Open() > 0:
		return t(ctx, "progress.words.sending", p.Settled(), all, percent(ctx, p.Settled(), all))
	}
	return p.doneWords(ctx)
}

func (p progressPart) doneWords(ctx context.Context) string {
	all, good := p.Counts.Total(), p.Counts.In(message.Sent)+p.Counts.In(message.Delivered)
	if good == all {
		return tn(ctx, "progress.words.all", all)
	}
	return t(ctx, "progress.words.done", good, all)
}

// Cancellable reports whether anything can still be kept from leaving.
func (p progressPart) Cancellable() bool {
	return p.State != message.Done && p.State != message.CancelledByRequest
}

// facts are what else is known of a notification.
func (p progressPart) facts(ctx context.Context) []fact {
	list := []fact{
		{t(ctx, "notification.by"), p.RequestedBy},
		{t(ctx, "notification.created"), moment(ctx, p.CreatedAt)},
	}
	if !p.StartedAt.IsZero() {
		list = append(list, fact{t(ctx, "notification.started"), moment(ctx, p.StartedAt)})
	}
	if !p.FinishedAt.IsZero() {
		took := p.FinishedAt.Sub(laterOf(p.StartedAt, p.RetriedAt))
		list = append(list, fact{t(ctx, "notification.finished"), moment(ctx, p.FinishedAt)})
		if !p.StartedAt.IsZero() && took >= 0 {
			list = append(list, fact{t(ctx, "notification.took"), span(ctx, max(took, time.Second))})
		}
	}
	return append(list, fact{t(ctx, "notification.to"), audienceWords(ctx, p.Audience)})
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// audienceWords says whom a notification was for.
func audienceWords(ctx context.Context, a fleet.Audience) string {
	var parts []string
	add := func(words string) { parts = append(parts, words) }
	if a.All {
		add(t(ctx, "audience.all"))
	}
	if n := len(a.DeviceIDs); n > 0 {
		add(tn(ctx, "audience.devices", int64(n)))
	}
	if n := len(a.UserIDs); n > 0 {
		add(tn(ctx, "audience.users", int64(n)))
	}
	if len(a.Groups) > 0 {
		add(t(ctx, "audience.groups", strings.Join(a.Groups, ", ")))
	}
	if a.Filter != nil {
		if words := filterWords(ctx, *a.Filter); words != "" {
			add(words)
		} else {
			add(t(ctx, "audience.all"))
		}
	}
	if a.Addresses != nil {
		add(tn(ctx, "audience.addresses", int64(len(a.Addresses.Mail)+len(a.Addresses.Mobile))))
	}
	return strings.Join(parts, " · ")
}

// cancelNotification stops what has not left.
func (c *console) cancelNotification(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	err = c.Sender.Cancel(r.Context(), actor(r), n.ID)
	switch {
	case errors.Is(err, store.ErrConflict):
		c.say(r, "danger", t(r.Context(), "notification.cancel.late"))
	case err != nil:
		return err
	default:
		c.say(r, "success", t(r.Context(), "notification.cancel.done"))
	}
	return goTo(w, r, notificationPath(n.ID))
}

// retryNotification queues again what failed, or what nobody knows about.
func (c *console) retryNotification(w http.ResponseWriter, r *http.Request) error {
	n, err := c.ownNotification(r)
	if err != nil {
		return err
	}
	state, err := message.ParseState(r.PathValue("state"))
	if err != nil || state != message.Failed && state != message.Unknown {
		return web.BadRequest("Only failed and unknown deliveries can be tried again.")
	}
	queued, err := c.Sender.Retry(r.Context(), actor(r), n.ID, []message.State{state}, nil, nil)
	if err != nil {
		return err
	}
	if queued == 0 {
		c.say(r, "danger", t(r.Context(), "notification.retry.none"))
	} else {
		c.say(r, "success", tn(r.Context(), "notification.retry.done", queued))
	}
	return goTo(w, r, notificationPath(n.ID))
}

// retryAction is where the form of a retry goes; the state stands in its address, since the question has no fields.
func retryAction(n message.Notification, s message.State) string {
	return fmt.Sprintf("%s/retry/%s", notificationPath(n.ID), s)
}

// Seconds between two looks at what moves.
const (
	progressSeconds   = 1
	deliveriesSeconds = 4
	listSeconds       = 5
	waitingSeconds    = 20 // while it waits for its time
)

func pace(n message.Notification, seconds int) int {
	if n.State == message.Scheduled {
		return waitingSeconds
	}
	return seconds
}

func (p progressPart) liveness() templ.Attributes {
	if !running(p.Notification) {
		return nil
	}
	return live(notificationPath(p.ID)+"/progress", pace(p.Notification, progressSeconds))
}

func (p deliveriesPart) liveness() templ.Attributes {
	if !running(p.Notification) || p.Cursor != "" { // a page further back stays as it is
		return nil
	}
	attributes := live(p.path("/deliveries"), pace(p.Notification, deliveriesSeconds))
	attributes["hx-trigger"] = fmt.Sprintf("%s, %s from:body", attributes["hx-trigger"], deliveriesOver)
	return attributes
}

func (p notificationsPage) liveness() templ.Attributes {
	if !p.Running() {
		return nil
	}
	return live(p.path("/list", p.Filter, p.Cursor), listSeconds)
}

// filterKey is a filter's word in the catalogue.
func filterKey(word string) string {
	if word == "" {
		return "all"
	}
	return word
}

func channelPicture(ch message.Channel) string {
	switch ch {
	case message.Push:
		return "device-mobile-message"
	case message.SMTP:
		return "mail"
	}
	return "message"
}

// secondWords are the line below a recipient: where it goes.
func secondWords(d message.DeliveryView) string {
	if d.Address != "" {
		return d.Address
	}
	if d.UserName != "" {
		return joined("", d.DeviceName, orID(d))
	}
	return ""
}

// orID is the device's id when it has no name.
func orID(d message.DeliveryView) string {
	if d.DeviceName != "" {
		return ""
	}
	return string(d.DeviceID)
}
