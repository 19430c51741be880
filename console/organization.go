package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"heliograph/fleet"
)

const organizationPath = "/settings/organization"

// organizationPage is the form of what the organisation calls itself, and of what holds for all of it.
type organizationPage struct {
	fleet.Organization
	Trouble  string // minutes, as typed
	Problems []problem
}

func (p organizationPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "organization.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

func (c *console) organization(w http.ResponseWriter, r *http.Request) error {
	o, err := c.Templates.Organization(r.Context())
	if err != nil {
		return err
	}
	p := organizationPage{Organization: o}
	p.Language = o.Speaks()
	p.Trouble = strconv.Itoa(int(o.TroubleAfter().Minutes()))
	return c.show(w, r, http.StatusOK, p)
}

func (c *console) setOrganization(w http.ResponseWriter, r *http.Request) error {
	line := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	p := organizationPage{Trouble: line("trouble_minutes"), Organization: fleet.Organization{
		Name: line("name"), Helpdesk: line("helpdesk"), Mail: line("mail"), Phone: line("phone"),
		TimeZone: line("time_zone"), Language: line("language"),
	}}
	minutes, err := strconv.Atoi(p.Trouble)
	if p.Trouble != "" && (err != nil || minutes == 0) {
		minutes = -1 // refused, with the bounds
	}
	p.TroubleMinutes = minutes
	_, err = c.Templates.SetOrganization(r.Context(), actor(r), p.Organization)
	if list := refusal(err); list != nil {
		for _, one := range list {
			label := tf(r.Context(), "organization", fieldOf(one.Pointer))
			p.Problems = append(p.Problems, problem{fieldOf(one.Pointer), label, standAlone(r.Context(), label, said(r.Context(), one.Detail))})
		}
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "organization.saved"))
	return goTo(w, r, organizationPath)
}

// completion is what a browser may fill in; empty = nothing.
func completion(word string) string {
	if word == "" {
		return "off"
	}
	return word
}
