package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
)

// Sender is the door's side that sends. Errors about content are *intake.Refused.
type Sender interface {
	Send(ctx context.Context, actor access.Actor, r intake.Request, once *intake.Idempotency) (n message.Notification, replayed bool, err error)
	// Summary checks all that Send checks, and stores nothing.
	Summary(ctx context.Context, actor access.Actor, r intake.Request) (intake.Summary, error)
	Preview(ctx context.Context, actor access.Actor, a fleet.Audience) (fleet.Reach, error)
	PreviewContent(ctx context.Context, actor access.Actor, c template.Content, device fleet.DeviceID) (shown template.Content, missing []string, err error)
	// Channels tells for which channels something is set up.
	Channels(ctx context.Context) (map[message.Channel]bool, error)
	Cancel(ctx context.Context, actor access.Actor, id message.NotificationID) error
	Retry(ctx context.Context, actor access.Actor, id message.NotificationID, states []message.State, c *message.Channel, once *intake.Idempotency) (queued int64, err error)
}

const notifyPath = "/notify"

func notifyDevicePath(id fleet.DeviceID) string {
	return notifyPath + "?device=" + url.QueryEscape(string(id))
}

// orEverybody says in an address that an empty filter was meant.
func orEverybody(v url.Values) url.Values {
	if len(v) == 0 {
		v.Set("to", toAll)
	}
	return v
}

// notifyPage is the form of a new notification.
type notifyPage struct {
	*notifyForm
	Figures  fleet.Figures // what the filter offers
	Reach    reachPart
	Choice   previewChoice
	Preview  previewPart
	Size     sizePart
	Channels []channelOffer
	Ready    []sendable // templates to choose from
	Sounds   []template.Sound
}

func (p notifyPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "notify.title"), Nav: "notify"}
}

// channelOffer is a channel, and whether anything is set up for it.
type channelOffer struct {
	Channel message.Channel
	Ready   bool
	Path    string // where to set it up
}

// notify begins a notification to what the address names: devices, the selection, a filter or everybody.
func (c *console) notify(w http.ResponseWriter, r *http.Request) error {
	form, err := c.beginNotify(r)
	if err != nil {
		return err
	}
	return c.showNotify(w, r, http.StatusOK, form)
}

func (c *console) beginNotify(r *http.Request) (*notifyForm, error) {
	form, v := newNotifyForm(), r.URL.Query()
	var err error
	if form.Filter, err = readFilter(v); err != nil {
		return nil, err
	}
	form.Days = v.Get("inactive_days_min")
	if id := v.Get("template"); id != "" {
		if err := c.takeTemplate(r.Context(), form, id); err != nil {
			return nil, err
		}
	}
	switch {
	case len(v["device"]) > 0:
		form.To, form.Devices = toDevices, deviceIDs(joinWords(v["device"]))
	case v.Get("selection") != "":
		form.To, form.Devices = toDevices, c.picked(r.Context())
	case form.Filter.Search != "":
		return form, c.findDevices(r, form)
	case !asksNothing(form.Filter):
		form.To = toFilter
	}
	return form, nil
}

// findDevices turns a search into the devices that it finds now: what is asked for later is a list, not a search.
func (c *console) findDevices(r *http.Request, form *notifyForm) error {
	form.To = toDevices
	for cursor := ""; ; {
		list, next, err := c.Fleet.ListDevices(r.Context(), actor(r).Scope, form.Filter, store.Page{Limit: exportPage, Cursor: cursor})
		if err != nil {
			return err
		}
		for _, d := range list {
			form.Devices = append(form.Devices, d.ID)
		}
		if next == "" || len(form.Devices) > mostFound {
			form.Filter = fleet.Filter{}
			return nil
		}
		cursor = next
	}
}

// mostFound is how many devices an audience can list: beyond it the door refuses, and says so.
const mostFound = 10_000

// notifyAgain shows the form with what was typed: to count, to preview, or to change something after the summary.
func (c *console) notifyAgain(w http.ResponseWriter, r *http.Request) error {
	form, err := readNotifyForm(r)
	if err != nil {
		return err
	}
	if id, asked := askedTemplate(r); asked {
		if err := c.takeTemplate(r.Context(), form, id); err != nil {
			return err
		}
	}
	return c.showNotify(w, r, http.StatusOK, form)
}

func (c *console) showNotify(w http.ResponseWriter, r *http.Request, status int, form *notifyForm) error {
	p := notifyPage{notifyForm: form}
	var err error
	if p.Channels, err = c.channelOffers(r.Context()); err != nil {
		return err
	}
	if p.Ready, err = c.sendables(r.Context()); err != nil {
		return err
	}
	if p.Sounds, err = c.Templates.Sounds(r.Context()); err != nil {
		return err
	}
	p.Figures, _, err = within(r.Context(), func(ctx context.Context) (fleet.Figures, error) { return c.Fleet.Figures(ctx, actor(r).Scope) })
	if err != nil {
		return err
	}
	if form.Fresh { // nothing was chosen yet: begin with what works
		for _, offer := range p.Channels {
			form.use(offer.Channel, offer.Ready)
		}
	}
	reach, known, err := within(r.Context(), func(ctx context.Context) (reachPart, error) { return c.reachOf(r.WithContext(ctx), form) })
	if err != nil {
		return err
	}
	p.Reach, p.Choice = reach, choiceOf(form, reach)
	p.Reach.Pending = !known
	if p.Preview, err = c.previewOf(r, form, p.Choice.Device); err != nil {
		return err
	}
	p.Size = sizeOf(form, p.Preview)
	return c.show(w, r, status, p)
}

// channelOffers are the channels that can be used, or could be when something were set up.
func (c *console) channelOffers(ctx context.Context) (list []channelOffer, err error) {
	ready, err := c.Sender.Channels(ctx)
	for _, f := range serverFamilies {
		for _, ch := range f.channels {
			if slices.ContainsFunc(c.Providers, func(p channel.Provider) bool { return p.Channel == ch }) {
				list = append(list, channelOffer{ch, ready[ch], f.path})
			}
		}
	}
	slices.SortFunc(list, func(a, b channelOffer) int { return int(a.Channel) - int(b.Channel) })
	return list, err
}

// reachPart is what an audience comes to.
type reachPart struct {
	Reach   fleet.Reach
	Pending bool   // it takes longer than a page may, and is fetched after it
	Problem string // why it cannot be counted
}

func (c *console) reachOf(r *http.Request, form *notifyForm) (part reachPart, err error) {
	if bad := form.audienceProblems(r.Context()); len(bad) > 0 {
		return reachPart{Problem: bad[0].Detail}, nil
	}
	part.Reach, err = c.Sender.Preview(r.Context(), actor(r), form.audience())
	if list := refusal(err); list != nil {
		return reachPart{Problem: sentence(said(r.Context(), list[0].Detail))}, nil
	}
	return part, err
}

// notifyReach counts again after the audience was changed, for script. The devices to preview for come with it.
func (c *console) notifyReach(w http.ResponseWriter, r *http.Request) error {
	form, err := readNotifyForm(r)
	if err != nil {
		return err
	}
	part, err := c.reachOf(r, form)
	if err != nil {
		return err
	}
	w.Header().Set("HX-Trigger-After-Swap", "heliograph:reach")
	return c.showPart(w, r, part.withChoice(choiceOf(form, part)))
}

// previewChoice is the device that texts are previewed for, among some of the audience.
type previewChoice struct {
	Sample []fleet.Sample
	Device fleet.DeviceID // empty = there is none
}

func choiceOf(form *notifyForm, reach reachPart) (p previewChoice) {
	for _, s := range reach.Reach.Sample {
		if s.DeviceID == "" {
			continue
		}
		p.Sample = append(p.Sample, s)
		if s.DeviceID == form.PreviewFor {
			p.Device = s.DeviceID
		}
	}
	if p.Device == "" && len(p.Sample) > 0 {
		p.Device = p.Sample[0].DeviceID
	}
	return p
}

// previewPart shows what a real device and its user would get.
type previewPart struct {
	Device  fleet.DeviceID // empty = there is none
	Push    *template.PushText
	SMTP    *template.MailText
	SMS     *template.SMSText
	Missing []string
	Problem string
}

func (c *console) previewOf(r *http.Request, form *notifyForm, device fleet.DeviceID) (p previewPart, err error) {
	p.Device = device
	content, list := form.content(r.Context())
	if p.Device == "" || len(list) > 0 || content.Empty() {
		return p, nil
	}
	shown, missing, err := c.Sender.PreviewContent(r.Context(), actor(r), previewable(content), p.Device)
	switch {
	case errors.Is(err, store.ErrNotFound):
		p.Problem = t(r.Context(), "notify.preview.gone")
		return p, nil
	case refusal(err) != nil:
		for _, one := range form.problemsOf(r.Context(), refusal(err)) {
			p.Problem = joined(" ", p.Problem, about(r.Context(), one.Label, one.Detail))
		}
		return p, nil
	}
	p.Push, p.SMTP, p.SMS = shown.Push, shown.SMTP, shown.SMS
	for _, name := range missing {
		if !slices.Contains(p.Missing, name) {
			p.Missing = append(p.Missing, name)
		}
	}
	return p, err
}

// previewable is a content that can be shown while it is still being written: where nothing stands yet, a blank does.
func previewable(c template.Content) template.Content {
	blank := func(text string) string {
		if text == "" {
			return " "
		}
		return text
	}
	if c.Push != nil {
		push := *c.Push
		push.Message = blank(push.Message)
		c.Push = &push
	}
	if c.SMTP != nil {
		mail := *c.SMTP
		mail.Subject, mail.Message = blank(mail.Subject), blank(mail.Message)
		c.SMTP = &mail
	}
	if c.SMS != nil {
		sms := *c.SMS
		sms.Message = blank(sms.Message)
		c.SMS = &sms
	}
	return c
}

// notifyPreview renders again after something was typed, for script.
func (c *console) notifyPreview(w http.ResponseWriter, r *http.Request) error {
	form, err := readNotifyForm(r)
	if err != nil {
		return err
	}
	part, err := c.previewOf(r, form, form.PreviewFor)
	if err != nil {
		return err
	}
	return c.showPart(w, r, part.part())
}

// summaryPage says in words what Send would do.
type summaryPage struct {
	*notifyForm
	Summary intake.Summary
	Shown   template.Content // as it was written
	Once    string           // makes a form that is sent twice one notification
}

func (p summaryPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "summary.title"), Nav: "notify", Parents: []crumb{{t(ctx, "notify.title"), notifyPath}}}
}

func (c *console) notifySummary(w http.ResponseWriter, r *http.Request) error {
	form, err := readNotifyForm(r)
	if err != nil {
		return err
	}
	request, bad, err := c.request(r.Context(), form)
	if err != nil {
		return err
	}
	p := summaryPage{notifyForm: form, Shown: request.Content, Once: rand.Text()}
	p.Summary, err = c.Sender.Summary(r.Context(), actor(r), request)
	if bad = append(bad, form.problemsOf(r.Context(), refusal(err))...); len(bad) > 0 {
		form.Problems = asOnPage(bad)
		return c.showNotify(w, r, http.StatusUnprocessableEntity, form)
	}
	if err != nil {
		return err
	}
	if p.Template != "" {
		p.Shown = p.Summary.Content
	}
	return c.show(w, r, http.StatusOK, p)
}

// notifySend sends. The form carries a word that is good for one notification: sent twice, it leads to the same one.
func (c *console) notifySend(w http.ResponseWriter, r *http.Request) error {
	form, err := readNotifyForm(r)
	if err != nil {
		return err
	}
	request, bad, err := c.request(r.Context(), form)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		form.Problems = asOnPage(bad)
		return c.showNotify(w, r, http.StatusUnprocessableEntity, form)
	}
	n, replayed, err := c.Sender.Send(r.Context(), actor(r), request, onceOnly(r, form))
	if list := refusal(err); list != nil {
		form.Problems = asOnPage(form.problemsOf(r.Context(), list))
		return c.showNotify(w, r, http.StatusUnprocessableEntity, form)
	}
	if err != nil {
		return err
	}
	if replayed {
		return c.sentBefore(w, r, form)
	}
	if form.To == toDevices {
		c.keepPicked(r.Context(), nil) // it has served
	}
	c.say(r, "success", t(r.Context(), sentKey(n)))
	return goTo(w, r, notificationPath(n.ID))
}

func sentKey(n message.Notification) string {
	if n.State == message.Scheduled {
		return "notify.scheduled"
	}
	return "notify.sent"
}

// onceOnly is what makes a form that is sent twice one notification. nil when it has no word for it.
func onceOnly(r *http.Request, form *notifyForm) *intake.Idempotency {
	if form.Once == "" {
		return nil
	}
	hash := sha256.Sum256([]byte(form.values().Encode()))
	return &intake.Idempotency{
		TokenID: "console " + actor(r).ID, Key: form.Once, BodyHash: hash[:],
		Answer: func(n message.Notification) (int, string, []byte) {
			return http.StatusSeeOther, notificationPath(n.ID), nil
		},
	}
}

// sentBefore leads to the notification that the same form made.
func (c *console) sentBefore(w http.ResponseWriter, r *http.Request, form *notifyForm) error {
	once := onceOnly(r, form)
	answer, ok, err := c.Sent.KeptAnswer(r.Context(), once.TokenID, once.Key, once.BodyHash)
	if err != nil {
		return err
	}
	if !ok {
		return goTo(w, r, notificationsPath)
	}
	return goTo(w, r, answer.Location)
}

// toNotify leads those who ask for a page that only a form can show back to the form.
func (c *console) toNotify(w http.ResponseWriter, r *http.Request) error {
	return goTo(w, r, notifyPath)
}
