package intake

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/template"
)

// What the audit log says about each object: a view without secrets, with the API's names. A view of nothing is nil.

type fields = map[string]any

func serverObject(v channel.Server) access.Object {
	return access.Object{Kind: access.AServer, ID: v.ID, Name: v.Name}
}

// serverFields is nil when the settings cannot be shown: then nothing is said about them.
func (d *Door) serverFields(v channel.Server) any {
	view, err := ServerView(d.options.Providers, v)
	if err != nil {
		return nil
	}
	delete(view, "id")
	return view
}

func carrierObject(g carrier.Gateway) access.Object {
	return access.Object{Kind: access.ACarrier, ID: g.ID, Name: g.Carrier}
}

func carrierFields(g carrier.Gateway) any {
	return fields{"carrier": g.Carrier, "domain": g.Domain, "country": g.Country, "prefix": g.Prefix}
}

// settingObject is one of the installation's settings.
func settingObject(name string) access.Object {
	return access.Object{Kind: access.ASetting, ID: name, Name: name}
}

func deviceObject(id fleet.DeviceID, name string) access.Object {
	return access.Object{Kind: access.ADevice, ID: string(id), Name: name}
}

func deviceFields(d fleet.Device) any {
	return fields{
		"name": d.Name, "platform": d.Platform, "os_version": d.OSVersion, "model": d.Model, "serial_number": d.SerialNumber,
		"imei": d.IMEI, "phone_number": d.PhoneNumber, "carrier": d.Carrier, "ownership": d.Ownership, "managed": d.Managed,
		"compliant": d.Compliant, "jailbroken": d.Jailbroken, "last_seen": timeField(d.LastSeen), "user": d.User,
		"groups": sorted(d.Groups), "properties": d.Properties, "push": pushFields(d.Push),
	}
}

// pushFields says where a token belongs, and never what it is.
func pushFields(t *fleet.PushToken) any {
	if t == nil || t.Removed {
		return nil
	}
	return fields{"provider": t.Provider, "app": t.App, "environment": t.Environment, "token_set": true}
}

func userObject(u fleet.User) access.Object {
	name := u.DisplayName
	if name == "" {
		name = u.Username
	}
	return access.Object{Kind: access.AUser, ID: string(u.ID), Name: name}
}

func userFields(u fleet.User) any {
	return fields{
		"username": u.Username, "domain": u.Domain, "display_name": u.DisplayName, "given_name": u.GivenName, "surname": u.Surname,
		"mail": u.Mail, "mobile": u.Mobile, "language": u.Language, "groups": sorted(u.Groups), "properties": u.Properties,
	}
}

func templateObject(t template.Template) access.Object {
	return access.Object{Kind: access.ATemplate, ID: t.ID, Name: t.Name}
}

func templateFields(t template.Template) any {
	return fields{"name": t.Name, "description": t.Description, "type": t.Type, "texts": t.Body}
}

func soundObject(v template.Sound) access.Object {
	return access.Object{Kind: access.ASound, ID: v.ID, Name: v.Name}
}

func groupObject(g fleet.Group) access.Object {
	return access.Object{Kind: access.AGroup, ID: string(g.ID), Name: g.Name}
}

func groupFields(g fleet.Group) any {
	return fields{"name": g.Name, "description": g.Description}
}

func notificationObject(n message.Notification) access.Object {
	name := n.Template
	if name == "" {
		name = titleOf(n.Content)
	}
	return access.Object{Kind: access.ANotification, ID: string(n.ID), Name: name}
}

// titleOf is what people know a text by: its subject, or how it begins.
func titleOf(c template.Content) string {
	text := ""
	switch {
	case c.SMTP != nil && c.SMTP.Subject != "":
		text = c.SMTP.Subject
	case c.Push != nil:
		text = c.Push.Message
	case c.SMS != nil:
		text = c.SMS.Message
	}
	const most = 80 // characters
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// sentFields says to whom, by what and when; the texts are kept with the notification itself.
func sentFields(n message.Notification, reach fleet.Reach) any {
	var channels []string
	for c, used := range map[message.Channel]bool{message.Push: n.Content.Push != nil, message.SMTP: n.Content.SMTP != nil, message.SMS: n.Content.SMS != nil} {
		if used {
			channels = append(channels, c.String())
		}
	}
	return fields{
		"audience": audienceFields(n.Audience), "channels": sorted(channels), "template": n.Template, "send_at": timeField(n.SendAt),
		"devices": reach.Devices, "users": reach.Users,
	}
}

// mostListed is how many ids of an audience the log names; of more it says how many there are.
const mostListed = 20

func audienceFields(a fleet.Audience) any {
	view := fields{}
	if a.All {
		view["all"] = true
	}
	listed(view, "device_ids", a.DeviceIDs)
	listed(view, "user_ids", a.UserIDs)
	listed(view, "groups", a.Groups)
	if a.Addresses != nil {
		listed(view, "mail", a.Addresses.Mail)
		listed(view, "mobile", a.Addresses.Mobile)
	}
	if a.Filter != nil {
		view["filter"] = a.Filter
	}
	return view
}

func listed[T ~string](view fields, name string, ids []T) {
	switch {
	case len(ids) == 0:
	case len(ids) > mostListed:
		view[name+"_count"] = len(ids)
	default:
		view[name] = ids
	}
}

func timeField(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// Exported notes that somebody took a list away as a file. what is what of it they asked for.
func (d *Door) Exported(ctx context.Context, actor access.Actor, kind access.ObjectKind, what any) error {
	return d.store.Audit(ctx, actor.Did(access.Export, access.Object{Kind: kind}, nil, what))
}

// retryFields says what is sent again. channel 0 = all.
func retryFields(states []message.State, c message.Channel) any {
	words := make([]string, len(states))
	for i, s := range states {
		words[i] = s.String()
	}
	view := fields{"states": words}
	if c != 0 {
		view["channel"] = c.String()
	}
	return view
}
