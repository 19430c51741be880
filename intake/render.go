package intake

import (
	"context"
	"errors"
	"time"

	"golang.org/x/text/language"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/notice"
	"heliograph/template"
)

// Rendering is a text with its macros replaced. With errors, Text is empty.
type Rendering struct {
	Text     string
	Missing  []string
	Warnings []macro.Problem
	Errors   []macro.Problem
}

// Render shows what a text becomes for a device and its person, or for a person alone. Both may be empty: then every
// value is missing.
func (d *Door) Render(ctx context.Context, actor access.Actor, text string, device fleet.DeviceID, user fleet.UserID) (Rendering, error) {
	r, err := d.recipient(ctx, actor, device, user)
	if err != nil {
		return Rendering{}, err
	}
	parsed, err := macro.Parse(text)
	var problems macro.Errors
	if errors.As(err, &problems) {
		return Rendering{Errors: problems}, nil
	}
	if err != nil {
		return Rendering{}, err
	}
	said, err := d.settle(ctx, template.Content{SMTP: &template.MailText{Message: text}})
	if err != nil {
		return Rendering{}, err
	}
	values := notice.Values(r)
	shown, missing := parsed.Render(macro.Env{
		Values: func(s macro.Slot) (string, bool) {
			if value, ok := values(s); ok {
				return value, true
			}
			value := said.Facts[string(s)]
			return value, value != ""
		},
		Location: locationOf(said, d.options.Location), Language: language.Make(said.Language),
	})
	return Rendering{Text: shown, Missing: missing, Warnings: parsed.WarningsKnowing(known(r))}, nil
}

// locationOf is the time zone of a content, or another when it does not say or this machine does not know it.
func locationOf(c template.Content, otherwise *time.Location) *time.Location {
	if location, err := time.LoadLocation(c.TimeZone); err == nil && c.TimeZone != "" {
		return location
	}
	return otherwise
}

// known says which properties exist: those that the recipient has.
func known(r fleet.Recipient) func(macro.Slot) bool {
	values := notice.Values(r)
	return func(s macro.Slot) bool {
		_, ok := values(s)
		return ok
	}
}

// PreviewContent shows what a content becomes for a device and its person, in their language.
func (d *Door) PreviewContent(ctx context.Context, actor access.Actor, c template.Content, device fleet.DeviceID) (shown template.Content, missing []string, err error) {
	if wrong, _ := notice.Check(c, nil); len(wrong) > 0 {
		return shown, nil, refuse(place("/ad_hoc", wrong))
	}
	c, err = d.settle(ctx, c)
	if err != nil {
		return shown, nil, err
	}
	plan, err := notice.NewPlan(c)
	if err != nil {
		return shown, nil, err
	}
	r, err := d.recipient(ctx, actor, device, "")
	if err != nil {
		return shown, nil, err
	}
	speaks := ""
	if r.User != nil {
		speaks = r.User.Language
	}
	shown, missing = plan.Preview(notice.Values(r), speaks, notice.Place{Location: d.options.Location, Language: language.English})
	return shown, missing, nil
}

// recipient reads a device with its person, or a person.
func (d *Door) recipient(ctx context.Context, actor access.Actor, device fleet.DeviceID, user fleet.UserID) (r fleet.Recipient, err error) {
	if device != "" {
		found, err := d.store.Device(ctx, actor.Scope, device)
		if err != nil {
			return r, err
		}
		r.Device = &found
		if user == "" {
			user = found.User
		}
	}
	if user != "" {
		found, err := d.store.User(ctx, actor.Scope, user)
		if err != nil {
			return r, err
		}
		r.User = &found
	}
	return r, nil
}
