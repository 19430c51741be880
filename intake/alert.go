package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/template"
)

// Alerts is the store's side that remembers what administrators were told.
type Alerts interface {
	// AlertGiven reports whether an alert of this name was given.
	AlertGiven(ctx context.Context, name string) (bool, error)
	// PutAlert stores a notification under the name of an alert, once: false when it was given already.
	PutAlert(ctx context.Context, name string, n message.Notification, jobs func(key int64) []courier.Job, entries ...access.Entry) (given bool, err error)
}

// ExpiryArgs is the job that looks at what expires, and TroubleArgs the one that looks for servers in trouble.
type (
	ExpiryArgs  struct{}
	TroubleArgs struct{}
)

func (ExpiryArgs) Kind() string  { return "watch_expiry" }
func (TroubleArgs) Kind() string { return "watch_trouble" }

// Credential is something that ends by itself.
type Credential struct {
	ID      string // tells it from others, whatever it is called
	Name    string // for people
	Kind    template.TypeKey
	Expires time.Time
}

// warnDays are how many days before a credential ends administrators are told, once each.
var warnDays = []int{1, 3, 7, 14, 30, 60}

// step is the mark that a credential has come to: the smallest number of days that it still has. False when it has more.
func (c Credential) step(now time.Time) (days int, ok bool) {
	left := c.Expires.Sub(now)
	for _, days := range warnDays {
		if left <= time.Duration(days)*24*time.Hour {
			return days, true
		}
	}
	return 0, false
}

// WatchExpiry tells the administrators who receive alerts about credentials that end soon: 60, 30, 14, 7, 3 and 1 days
// before, once each. A mark that was missed, because nothing ran, is not made up for: the next one tells more.
func (d *Door) WatchExpiry(ctx context.Context, _ ExpiryArgs, _ courier.Running) error {
	list, err := d.credentials(ctx)
	if err != nil {
		return err
	}
	now := d.options.Now()
	var failed []error
	for _, c := range list {
		days, soon := c.step(now)
		if !soon {
			continue
		}
		name := fmt.Sprintf("expiry/%s/%d/%d", c.ID, c.Expires.Unix(), days)
		failed = append(failed, d.alert(ctx, name, c.Kind, map[string]string{
			"credential.name": c.Name, "credential.expires": c.Expires.UTC().Format(time.RFC3339),
		}))
	}
	return errors.Join(failed...)
}

// credentials lists what ends of the servers that messages leave by, and of this process itself.
func (d *Door) credentials(ctx context.Context) (list []Credential, err error) {
	servers, err := d.store.Servers(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		for _, e := range channel.Expiries(s.Settings, d.options.Now()) {
			if s.Active {
				list = append(list, credentialOf(s, e))
			}
		}
	}
	if d.options.Credentials != nil {
		list = append(list, d.options.Credentials()...)
	}
	return list, nil
}

// credentialOf is a credential in the settings of a server. That of Apple's push has a template of its own.
func credentialOf(s channel.Server, e channel.Expiry) Credential {
	c := Credential{ID: s.ID + "/" + e.Field, Name: s.Name, Kind: template.CredentialExpiration, Expires: e.At}
	if e.Whose != "" {
		c.Name = s.Name + " (" + e.Whose + ")"
	}
	if s.Kind == "apns" && e.Field == "certificate" {
		c.Kind = template.APNSCertExpiration
	}
	return c
}

// WatchTrouble tells the administrators who receive alerts about servers that are paused for longer than the organisation
// bears, once for each pause, by channels that still work.
func (d *Door) WatchTrouble(ctx context.Context, _ TroubleArgs, _ courier.Running) error {
	servers, err := d.Servers(ctx)
	if err != nil {
		return err
	}
	o, err := d.Organization(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, s := range servers {
		who, p := longestPause(s)
		if p == nil || !s.Active || d.options.Now().Sub(p.Since) < o.TroubleAfter() {
			continue
		}
		name := "trouble/" + s.ID + "/" + strconv.FormatInt(p.Since.UnixMilli(), 10)
		failed = append(failed, d.alert(ctx, name, template.ServerTrouble, map[string]string{
			"server.name": who, "server.error": p.Detail,
		}))
	}
	return errors.Join(failed...)
}

// longestPause is the one that administrators hear of, and whose it is: of a server with many hosts behind it, that of the
// host which was left alone first, for devices say which hosts there are, and may name any number that never answer. nil =
// there is none.
func longestPause(s channel.Server) (who string, p *channel.Pause) {
	if s.Pause == nil && len(s.Resting) > 0 {
		return s.Name + " (" + s.Resting[0].Host + ")", &s.Resting[0].Pause
	}
	return s.Name, s.Pause
}

// alert tells the administrators who receive alerts, once for each name. Where nobody can be told now, it is tried again
// at the next look.
func (d *Door) alert(ctx context.Context, name string, kind template.TypeKey, facts map[string]string) error {
	if given, err := d.store.AlertGiven(ctx, name); given || err != nil {
		return err
	}
	t, err := d.alertTemplate(ctx, kind)
	if err != nil {
		return err
	}
	content, err := d.alertContent(ctx, t, facts)
	if err != nil {
		return err
	}
	if content.Empty() {
		d.options.Logger.Warn("nobody can be told", "alert", name, "template", t.Name,
			"why", "the template is switched off, no administrator receives alerts, or no channel works")
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	n := message.Notification{
		ID: message.NotificationID(id.String()), State: message.Expanding, Content: content, Template: t.Name, TemplateID: t.ID,
		RequestedBy: access.System.Name, Lane: courier.Urgent,
	}
	given, err := d.store.PutAlert(ctx, name, n, beginning(n), access.System.Did(access.Sent, notificationObject(n), nil, fields{"alert": name}))
	if given {
		d.options.Logger.Info("administrators told", "alert", name, "notification", n.ID)
	}
	return err
}

// alertTemplate is the predefined template of a type, or when it is switched off one that somebody added in its place.
func (d *Door) alertTemplate(ctx context.Context, kind template.TypeKey) (template.Template, error) {
	list, err := d.store.Templates(ctx)
	if err != nil {
		return template.Template{}, err
	}
	var found template.Template
	for _, t := range list {
		if t.Type != kind {
			continue
		}
		if found.ID == "" || !anyActive(found) {
			found = t
		}
	}
	return found, nil
}

func anyActive(t template.Template) bool { return t.SMTP.Active || t.SMS.Active || t.Push.Active }

// alertContent is what an alert says, by the channels that work and on which somebody is to be told.
func (d *Door) alertContent(ctx context.Context, t template.Template, facts map[string]string) (template.Content, error) {
	working, err := d.working(ctx)
	if err != nil {
		return template.Content{}, err
	}
	o, err := d.Organization(ctx)
	if err != nil {
		return template.Content{}, err
	}
	var channels []template.Channel
	for _, c := range message.Channels {
		if t.Active(word(c)) && working[c] {
			channels = append(channels, word(c))
		}
	}
	content := t.Content(channels, o.Speaks())
	for slot, value := range facts {
		content = content.WithFact(slot, value)
	}
	if content, err = d.settle(ctx, content); err != nil {
		return content, err
	}
	return told(content)
}

// told is the part of a content that reaches somebody.
func told(c template.Content) (template.Content, error) {
	plan, err := notice.NewPlan(c)
	if err != nil {
		return c, err
	}
	c.Push = nil // an alert is about no device
	if len(plan.Fixed(message.SMTP, false)) == 0 {
		c.SMTP = nil
	}
	if len(plan.Fixed(message.SMS, false)) == 0 {
		c.SMS = nil
	}
	return c, nil
}

// working tells which channels have a server that is not paused.
func (d *Door) working(ctx context.Context) (map[message.Channel]bool, error) {
	servers, err := d.store.Servers(ctx)
	if err != nil {
		return nil, err
	}
	working, gateway := map[message.Channel]bool{}, false
	for _, s := range servers {
		p, ok := d.provider(s.Kind)
		if !ok || !s.Active {
			continue
		}
		working[p.Channel] = working[p.Channel] || s.Pause == nil
		gateway = gateway || p.Channel == message.SMS
	}
	if !gateway { // text messages go by e-mail
		working[message.SMS] = d.byCarrier(ctx, working[message.SMTP])
	}
	return working, nil
}
