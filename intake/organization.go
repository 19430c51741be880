package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/notice"
	"heliograph/template"
)

// organizationSetting is where the organisation is kept, as JSON.
const organizationSetting = "organization"

// Organization is whose fleet it is. One that was never filled in is the zero value, which works.
func (d *Door) Organization(ctx context.Context) (o fleet.Organization, err error) {
	text, err := d.store.Setting(ctx, organizationSetting)
	if err != nil || text == "" {
		return o, err
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return o, fmt.Errorf("reading the organisation's settings: %w", err)
	}
	return o, nil
}

// SetOrganization replaces what is known of the organisation.
func (d *Door) SetOrganization(ctx context.Context, actor access.Actor, o fleet.Organization) (fleet.Organization, error) {
	var problems []Problem
	for _, p := range o.Check() {
		problems = append(problems, Problem{"/" + p.Field, p.Detail})
	}
	if err := refuse(problems); err != nil {
		return o, err
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return o, err
	}
	known, err := d.Organization(ctx)
	if err != nil {
		return o, err
	}
	err = d.store.PutSetting(ctx, organizationSetting, string(raw), put(actor, settingObject(organizationSetting), known, o)...)
	if err == nil {
		d.options.Logger.Info("organisation changed", "by", actor.Name)
	}
	return o, err
}

// settle writes into a content what is the same for everybody, as it is now: the organisation's words, its time zone, and
// where the administrators are who receive alerts. Only what the texts ask for is taken.
func (d *Door) settle(ctx context.Context, c template.Content) (template.Content, error) {
	o, err := d.Organization(ctx)
	if err != nil {
		return c, err
	}
	if c.TimeZone = o.TimeZone; c.Language == "" {
		c.Language = o.Speaks()
	}
	wanted := map[macro.Slot]bool{}
	for _, t := range c.Texts() {
		parsed, err := macro.Parse(t.Text)
		if err != nil {
			return c, nil // Check says what is wrong with it
		}
		for _, s := range parsed.Slots() {
			wanted[s] = true
		}
	}
	for slot, value := range map[macro.Slot]string{
		"organization.name": o.Name, "organization.helpdesk": o.Helpdesk, "organization.mail": o.Mail, "organization.phone": o.Phone,
	} {
		if wanted[slot] {
			c = c.WithFact(string(slot), value)
		}
	}
	if !wanted[notice.Administrators] {
		return c, nil
	}
	return d.withAdministrators(ctx, c)
}

// withAdministrators says where the administrators are who receive alerts, and what they speak.
func (d *Door) withAdministrators(ctx context.Context, c template.Content) (template.Content, error) {
	list, err := d.store.AlertRecipients(ctx)
	if err != nil {
		return c, fmt.Errorf("looking for administrators who receive alerts: %w", err)
	}
	var mails, numbers []string
	c.Languages = map[string]string{}
	for _, a := range list {
		if a.Mail != "" {
			mails = append(mails, a.Mail)
			c.Languages[strings.ToLower(a.Mail)] = a.Language
		}
		if a.Mobile != "" {
			numbers = append(numbers, a.Mobile)
			c.Languages[a.Mobile] = a.Language
		}
	}
	c = c.WithFact(notice.Administrators, strings.Join(mails, "; "))
	return c.WithFact(notice.AdministratorNumbers, strings.Join(numbers, "; ")), nil
}
