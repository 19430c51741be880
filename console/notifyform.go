package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"heliograph/console/text"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/macro"
	"heliograph/message"
	"heliograph/template"
	"heliograph/web"
)

// notifyForm is what was chosen and typed for a new notification.
type notifyForm struct {
	To      string // toAll, toFilter or toDevices
	Filter  fleet.Filter
	Devices []fleet.DeviceID

	Template string // id; empty = Ad Hoc

	Push        bool
	PushMessage string
	PushSound   string
	PushBadge   string

	SMTP          bool
	MailSender    string
	MailRecipient string
	MailSubject   string
	MailMessage   string

	SMS          bool
	SMSMessage   string
	SMSRecipient string

	When       string // whenNow or whenLater
	At         string // as an input of the type datetime-local has it, in the zone of who looks
	PreviewFor fleet.DeviceID
	Once       string

	Days     string    // what was typed for the days of inactivity
	bad      []problem // what of the filter cannot be read
	Fresh    bool      // nobody has chosen anything yet
	Problems []problem
}

// Words of the form.
const (
	toAll     = "all"
	toFilter  = "filter"
	toDevices = "devices"

	whenNow   = "now"
	whenLater = "later"

	localTime = "2006-01-02T15:04"
)

func newNotifyForm() *notifyForm {
	return &notifyForm{To: toAll, MailRecipient: template.DefaultMailRecipient, SMSRecipient: template.DefaultNumberRecipient, When: whenNow, Fresh: true}
}

// use switches a channel on or off.
func (f *notifyForm) use(ch message.Channel, on bool) {
	switch ch {
	case message.Push:
		f.Push = on
	case message.SMTP:
		f.SMTP = on
	case message.SMS:
		f.SMS = false // it costs money: whoever wants it says so
	}
}

// Uses reports whether a channel is switched on.
func (f *notifyForm) Uses(ch message.Channel) bool {
	return ch == message.Push && f.Push || ch == message.SMTP && f.SMTP || ch == message.SMS && f.SMS
}

func readNotifyForm(r *http.Request) (*notifyForm, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	v := r.PostForm
	f := &notifyForm{
		To: v.Get("to"), Devices: deviceIDs(v.Get("devices")), Template: v.Get("template"),
		Push: v.Get("push") == "on", PushMessage: lines(v.Get("push_message")), PushSound: strings.TrimSpace(v.Get("push_sound")),
		PushBadge: strings.TrimSpace(v.Get("push_badge")),
		SMTP:      v.Get("smtp") == "on", MailSender: strings.TrimSpace(v.Get("smtp_sender")), MailRecipient: strings.TrimSpace(v.Get("smtp_recipient")),
		MailSubject: strings.TrimSpace(v.Get("smtp_subject")), MailMessage: lines(v.Get("smtp_message")),
		SMS: v.Get("sms") == "on", SMSMessage: lines(v.Get("sms_message")), SMSRecipient: strings.TrimSpace(v.Get("sms_recipient")),
		When: v.Get("when"), At: v.Get("at"), PreviewFor: fleet.DeviceID(v.Get("preview_device")), Once: v.Get("once"),
	}
	if f.To != toFilter && f.To != toDevices {
		f.To = toAll
	}
	if f.When != whenLater {
		f.When = whenNow
	}
	if !fleet.ValidID(string(f.PreviewFor)) {
		f.PreviewFor = ""
	}
	if len(f.Once) > 64 || !utf8.ValidString(f.Once) {
		return nil, web.BadRequest("The form was changed on its way.")
	}
	v.Del("search") // a search is not part of a notification's audience
	f.readDays(r.Context(), v)
	var err error
	f.Filter, err = readFilter(v)
	return f, err
}

// mostDays bounds the days of inactivity, as the audience does.
const mostDays = 36_500

// readDays takes the one condition that is typed.
func (f *notifyForm) readDays(ctx context.Context, v url.Values) {
	f.Days = strings.TrimSpace(v.Get("inactive_days_min"))
	if n, err := strconv.Atoi(f.Days); f.Days != "" && (err != nil || n < 0 || n > mostDays) {
		v.Del("inactive_days_min")
		f.bad = append(f.bad, problem{"inactive_days_min", t(ctx, "notify.filter.inactive"), t(ctx, "notify.days", mostDays)})
	}
}

// audienceProblems is what is wrong with the audience before it is asked for.
func (f *notifyForm) audienceProblems(ctx context.Context) []problem {
	switch {
	case f.To == toDevices && len(f.Devices) == 0:
		return []problem{{"to", t(ctx, "place.to"), t(ctx, "notify.who.none")}}
	case f.To == toFilter && len(f.bad) > 0:
		return f.bad
	case f.To == toFilter && asksNothing(f.Filter):
		return []problem{{"to", t(ctx, "place.to"), t(ctx, "notify.who.filter.none")}}
	}
	return nil
}

// lines gives a text the line ends that it is stored with.
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func joinWords(list []string) string { return strings.Join(list, " ") }

// values is the whole form, as readNotifyForm reads it.
func (f *notifyForm) values() url.Values {
	v := filterValues(f.Filter)
	for name, value := range map[string]string{
		"to": f.To, "devices": joinIDs(f.Devices), "template": f.Template, "push": onOff(f.Push), "push_message": f.PushMessage, "push_sound": f.PushSound,
		"push_badge": f.PushBadge, "smtp": onOff(f.SMTP), "smtp_sender": f.MailSender, "smtp_recipient": f.MailRecipient,
		"smtp_subject": f.MailSubject, "smtp_message": f.MailMessage,
		"sms": onOff(f.SMS), "sms_message": f.SMSMessage, "sms_recipient": f.SMSRecipient, "when": f.When, "at": f.At, "preview_device": string(f.PreviewFor),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return ""
}

// audience is whom the form means.
func (f *notifyForm) audience() fleet.Audience {
	switch {
	case f.To == toDevices:
		return fleet.Audience{DeviceIDs: f.Devices}
	case f.To == toFilter:
		filter := f.Filter
		return fleet.Audience{Filter: &filter}
	}
	return fleet.Audience{All: true}
}

// content is what the form says, and what of it cannot be read.
func (f *notifyForm) content(ctx context.Context) (c template.Content, bad []problem) {
	if f.Push {
		c.Push = &template.PushText{Message: f.PushMessage, Sound: f.PushSound}
		if f.PushBadge != "" {
			n, err := strconv.Atoi(f.PushBadge)
			if err != nil {
				bad = append(bad, problem{"push_badge", t(ctx, "place.push_badge"), t(ctx, "notify.number")})
			}
			c.Push.Badge = &n
		}
	}
	if f.SMTP {
		c.SMTP = &template.MailText{Subject: f.MailSubject, Message: f.MailMessage, Sender: f.MailSender, Recipient: f.MailRecipient}
	}
	if f.SMS {
		c.SMS = &template.SMSText{Message: f.SMSMessage, Recipient: f.SMSRecipient}
	}
	return c, bad
}

// request is the form as the door takes it, and what of it cannot be read.
func (c *console) request(ctx context.Context, f *notifyForm) (r intake.Request, bad []problem, err error) {
	r.Audience = f.audience()
	r.Content, bad = f.content(ctx)
	bad = append(bad, f.audienceProblems(ctx)...)
	if f.When == whenLater {
		at, err := time.ParseInLocation(localTime, f.At, viewOf(ctx).zone)
		switch {
		case err != nil:
			bad = append(bad, problem{"at", t(ctx, "place.at"), t(ctx, "notify.at.missing")})
		case !at.After(viewOf(ctx).now):
			bad = append(bad, problem{"at", t(ctx, "place.at"), t(ctx, "notify.at.past")})
		}
		r.SendAt = at
	}
	if f.Template != "" {
		err = c.fromTemplate(ctx, f, &r)
	}
	return r, bad, err
}

// fieldNames are the form's fields by their place in a request, as the door names it.
var fieldNames = map[string]string{
	"/ad_hoc":                "channels",
	"/ad_hoc/push":           "push",
	"/ad_hoc/push/message":   "push_message",
	"/ad_hoc/push/sound":     "push_sound",
	"/ad_hoc/push/badge":     "push_badge",
	"/ad_hoc/smtp":           "smtp",
	"/ad_hoc/smtp/subject":   "smtp_subject",
	"/ad_hoc/smtp/message":   "smtp_message",
	"/ad_hoc/smtp/sender":    "smtp_sender",
	"/ad_hoc/smtp/recipient": "smtp_recipient",
	"/ad_hoc/sms":            "sms",
	"/ad_hoc/sms/message":    "sms_message",
	"/ad_hoc/sms/recipient":  "sms_recipient",
	"/send_at":               "at",
	"/template":              "template",
	"/channels":              "channels",
}

// fieldNamed is the form's field that a place in the request means.
func fieldNamed(pointer string) string {
	if rest, ok := strings.CutPrefix(pointer, "/overrides"); ok {
		pointer = "/ad_hoc" + rest
	}
	if strings.HasPrefix(pointer, "/channels/") {
		pointer = "/channels"
	}
	if name, ok := fieldNames[pointer]; ok {
		return name
	}
	return "to" // all other places lie in the audience
}

// problemsOf puts what the door says beside the fields.
func (f *notifyForm) problemsOf(ctx context.Context, list []intake.Problem) (out []problem) {
	for _, p := range list {
		name := fieldNamed(p.Pointer)
		detail := sentence(said(ctx, p.Detail))
		if name == "to" && len(f.audienceProblems(ctx)) > 0 {
			continue // said already, in better words
		}
		if name == "channels" && f.Template == "" {
			detail = t(ctx, "notify.channels.none")
		}
		out = append(out, problem{name, tf(ctx, "place", name), detail})
	}
	return out
}

// fieldOrder is the order of the fields on the page.
var fieldOrder = []string{"inactive_days_min", "to", "template", "channels", "push", "push_message", "push_sound", "push_badge", "smtp", "smtp_subject", "smtp_message", "smtp_recipient", "smtp_sender",
	"sms", "sms_message", "sms_recipient", "at"}

// asOnPage sorts problems from the top of the page down.
func asOnPage(list []problem) []problem {
	slices.SortStableFunc(list, func(a, b problem) int {
		return slices.Index(fieldOrder, a.Field) - slices.Index(fieldOrder, b.Field)
	})
	return list
}

// sentence makes a sentence of what the door says of a field: a capital at its beginning and a full stop.
func sentence(text string) string {
	if text == "" {
		return text
	}
	text = sentenceCase(text)
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// macroGroup is a namespace of the macro picker.
type macroGroup struct {
	Name   string // of its title in the catalogue: "macros.<Name>"
	Macros []macro.Macro
}

// macroGroups are the macros that mean something in a message sent by hand.
func macroGroups() (list []macroGroup) {
	for _, name := range []string{"user", "device", "organization"} {
		group := macroGroup{Name: name}
		for _, m := range macro.Table() {
			if m.Namespace == name {
				group.Macros = append(group.Macros, m)
			}
		}
		list = append(list, group)
	}
	return list
}

// earliest is the first time that can be chosen, as the input wants it.
func earliest(ctx context.Context) string {
	v := viewOf(ctx)
	return v.now.In(v.zone).Add(time.Minute).Format(localTime)
}

// zoneName is the zone in which times are typed.
func zoneName(ctx context.Context) string {
	v := viewOf(ctx)
	short := text.Zone(v.now.In(v.zone))
	if v.zone == time.UTC {
		return short
	}
	return v.zone.String() + " (" + short + ")"
}
