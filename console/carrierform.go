package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"heliograph/carrier"
	"heliograph/channel/gsm"
)

// carrierForm is the form of one gateway, with all around it.
type carrierForm struct {
	Gateway  carrier.Gateway   // as it is stored; without an id it is a new one
	Values   map[string]string // by the field's name, as they are typed
	Doubtful bool
	Problems []problem
	Codes    []gsm.Country
}

// carrierFields are the fields that are typed, by the API's names.
var carrierFields = []string{"carrier", "domain", "country", "prefix", "ends_on", "note"}

func newCarrierForm(ctx context.Context, g carrier.Gateway) *carrierForm {
	f := &carrierForm{Gateway: g, Doubtful: g.Doubtful, Codes: gsm.Countries(viewOf(ctx).catalogue.Tag)}
	f.Values = map[string]string{"carrier": g.Carrier, "domain": g.Domain, "country": g.Country, "prefix": g.Prefix, "note": g.Note}
	if !g.EndsOn.IsZero() {
		f.Values["ends_on"] = g.EndsOn.Format(time.DateOnly)
	}
	return f
}

func (f *carrierForm) heading(ctx context.Context) heading {
	if f.New() {
		return belowCarriers(ctx, t(ctx, "carrier.new"))
	}
	return belowCarriers(ctx, f.Gateway.Carrier)
}

// New reports whether the gateway was never saved.
func (f *carrierForm) New() bool { return f.Gateway.ID == "" }

// Action is where the form goes.
func (f *carrierForm) Action() string {
	if f.New() {
		return carriersPath + "/new"
	}
	return carrierPath(f.Gateway.ID)
}

// read takes what was typed; what cannot be read is a problem.
func (f *carrierForm) read(r *http.Request) (g carrier.Gateway) {
	for _, name := range carrierFields {
		f.Values[name] = strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n"))
	}
	f.Doubtful = r.PostFormValue("doubtful") != ""
	g = carrier.Gateway{
		Carrier: f.Values["carrier"], Domain: f.Values["domain"], Country: f.Values["country"], Prefix: f.Values["prefix"],
		Note: f.Values["note"], Doubtful: f.Doubtful,
	}
	if day := f.Values["ends_on"]; day != "" {
		var err error
		if g.EndsOn, err = time.Parse(time.DateOnly, day); err != nil {
			f.wrong(r.Context(), "ends_on", t(r.Context(), "carrier.day.bad"))
		}
	}
	return g
}

// wrong puts a problem beside its field.
func (f *carrierForm) wrong(ctx context.Context, field, words string) {
	label := tf(ctx, "carrier.field", field)
	f.Problems = append(f.Problems, problem{field, label, standAlone(ctx, label, words)})
}

// optional reports whether a field may stay empty: a carrier that is known by name alone needs no domain.
func (f *carrierForm) optional(field string) bool {
	return field != "carrier" && !f.New() && f.Gateway.Domain == ""
}

// more reports whether the fields below the first must be seen.
func (f *carrierForm) more() bool {
	for _, field := range []string{"ends_on", "note"} {
		if f.Values[field] != "" || problemOf(f.Problems, field) != "" {
			return true
		}
	}
	return f.Doubtful
}

// listed reports whether the country is one of the list; a code that is not must not be lost.
func (f *carrierForm) listed() bool {
	for _, c := range f.Codes {
		if c.Code == f.Values["country"] {
			return true
		}
	}
	return f.Values["country"] == ""
}
