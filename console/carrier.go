package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/channel"
	"heliograph/message"
	"heliograph/store"
)

// Carriers is the door's side that keeps the mail gateways of mobile carriers. Errors about content are *intake.Refused.
type Carriers interface {
	Carriers(ctx context.Context) ([]carrier.Gateway, error) // by name
	Carrier(ctx context.Context, id string) (carrier.Gateway, error)
	CreateCarrier(ctx context.Context, actor access.Actor, g carrier.Gateway) (carrier.Gateway, error)
	UpdateCarrier(ctx context.Context, actor access.Actor, id string, g carrier.Gateway) (carrier.Gateway, error)
	DeleteCarrier(ctx context.Context, actor access.Actor, id string) error
	DetectCarriers(ctx context.Context, actor access.Actor) (carrier.Detection, error)
	CarrierUse(ctx context.Context) (carrier.Use, error)
	SetCarrierUse(ctx context.Context, actor access.Actor, use carrier.Use) error
}

const carriersPath = "/settings/carrier-gateways"

// carrierPath is the page of one gateway.
func carrierPath(id string) string { return carriersPath + "/" + url.PathEscape(id) }

// newCarrierPath is the form for a gateway of a carrier that devices name.
func newCarrierPath(name string) string {
	return carriersPath + "/new?carrier=" + url.QueryEscape(name)
}

// carriersPage is the table of gateways, and when they are used.
type carriersPage struct {
	Gateways []carrier.Gateway
	Use      carrier.Use
	Mail     bool // an SMTP server is active
}

func (p carriersPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "carrier.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

// belowCarriers is the heading of a page that the table leads to.
func belowCarriers(ctx context.Context, title string) heading {
	return heading{Title: title, Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}, {t(ctx, "carrier.title"), carriersPath}}}
}

func (c *console) carriers(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	list, err := c.Carriers.Carriers(ctx)
	if err != nil {
		return err
	}
	use, err := c.Carriers.CarrierUse(ctx)
	if err != nil {
		return err
	}
	mail, err := c.Servers.Servers(ctx, message.SMTP.String())
	if err != nil {
		return err
	}
	active := slices.ContainsFunc(mail, func(s channel.Server) bool { return s.Active })
	return c.show(w, r, http.StatusOK, carriersPage{list, use, active})
}

// carrierTile is how things stand, for the tile on the settings page.
func (c *console) carrierTile(ctx context.Context) (settingsLink, error) {
	use, err := c.Carriers.CarrierUse(ctx)
	return settingsLink{"carriers", carriersPath, "device-mobile-message", tf(ctx, "carrier.tile", string(use))}, err
}

func (c *console) setCarrierUse(w http.ResponseWriter, r *http.Request) error {
	use := carrier.Use(r.PostFormValue("use"))
	if err := c.Carriers.SetCarrierUse(r.Context(), actor(r), use); refusal(err) != nil {
		c.say(r, "danger", t(r.Context(), "carrier.use.missing"))
	} else if err != nil {
		return err
	} else {
		c.say(r, "success", t(r.Context(), "carrier.use.saved"))
	}
	return goTo(w, r, carriersPath)
}

// detectionPart says what the carriers of devices say about the table.
type detectionPart struct{ carrier.Detection }

// detectionPage is the same as a page, for browsers without script.
type detectionPage struct{ detectionPart }

func (p detectionPage) heading(ctx context.Context) heading {
	return belowCarriers(ctx, t(ctx, "carrier.detect"))
}

func (c *console) detectCarriers(w http.ResponseWriter, r *http.Request) error {
	detected, err := c.Carriers.DetectCarriers(r.Context(), actor(r))
	if err != nil {
		return err
	}
	part := detectionPart{detected}
	if r.Header.Get("HX-Request") != "" {
		return c.showPart(w, r, part.content())
	}
	return c.show(w, r, http.StatusOK, detectionPage{part})
}

func (c *console) newCarrier(w http.ResponseWriter, r *http.Request) error {
	known, _ := carrier.KnownOf(r.URL.Query().Get("carrier"))
	known.Carrier = r.URL.Query().Get("carrier")
	return c.show(w, r, http.StatusOK, newCarrierForm(r.Context(), known))
}

func (c *console) createCarrier(w http.ResponseWriter, r *http.Request) error {
	form := newCarrierForm(r.Context(), carrier.Gateway{})
	return c.saveCarrier(w, r, form, "carrier.created", func(g carrier.Gateway) (carrier.Gateway, error) {
		return c.Carriers.CreateCarrier(r.Context(), actor(r), g)
	})
}

func (c *console) editCarrier(w http.ResponseWriter, r *http.Request) error {
	g, err := c.Carriers.Carrier(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, newCarrierForm(r.Context(), g))
}

func (c *console) updateCarrier(w http.ResponseWriter, r *http.Request) error {
	g, err := c.Carriers.Carrier(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.saveCarrier(w, r, newCarrierForm(r.Context(), g), "carrier.saved", func(g carrier.Gateway) (carrier.Gateway, error) {
		return c.Carriers.UpdateCarrier(r.Context(), actor(r), r.PathValue("id"), g)
	})
}

// saveCarrier stores what was typed, or shows the form again with what is wrong.
func (c *console) saveCarrier(w http.ResponseWriter, r *http.Request, form *carrierForm, done string, save func(carrier.Gateway) (carrier.Gateway, error)) error {
	status := http.StatusUnprocessableEntity
	g := form.read(r)
	if len(form.Problems) == 0 {
		saved, err := save(g)
		switch {
		case err == nil:
			c.say(r, "success", t(r.Context(), done, saved.Carrier))
			return goTo(w, r, carriersPath)
		case errors.Is(err, store.ErrConflict):
			status = http.StatusConflict
			form.wrong(r.Context(), "domain", t(r.Context(), "carrier.taken"))
		case refusal(err) == nil:
			return err
		}
		for _, p := range refusal(err) {
			form.wrong(r.Context(), fieldOf(p.Pointer), said(r.Context(), p.Detail))
		}
	}
	return c.show(w, r, status, form)
}

func (c *console) deleteCarrier(w http.ResponseWriter, r *http.Request) error {
	g, err := c.Carriers.Carrier(r.Context(), r.PathValue("id"))
	if err == nil {
		err = c.Carriers.DeleteCarrier(r.Context(), actor(r), g.ID)
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "carrier.deleted", g.Carrier))
	return goTo(w, r, carriersPath)
}

// stateOf is what to expect of a gateway today.
func stateOf(ctx context.Context, g carrier.Gateway) carrier.State { return g.State(viewOf(ctx).now) }

// carrierPills colour the states.
var carrierPills = map[carrier.State]string{
	carrier.Open: "good", carrier.Doubtful: "warn", carrier.Ending: "warn", carrier.Closed: "bad", carrier.NoDomain: "still",
}

// calendarDay writes a day that belongs to no time zone.
func calendarDay(ctx context.Context, at time.Time) string {
	return viewOf(ctx).catalogue.Date(at.UTC())
}

// lastDay says in words when a gateway ends or did; empty = nothing is known.
func lastDay(ctx context.Context, g carrier.Gateway) string {
	switch stateOf(ctx, g) {
	case carrier.Closed:
		return t(ctx, "carrier.closed.on", calendarDay(ctx, g.EndsOn))
	case carrier.Ending:
		return t(ctx, "carrier.ends.on", calendarDay(ctx, g.EndsOn))
	}
	return ""
}
