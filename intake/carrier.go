package intake

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/channel/gsm"
	"heliograph/fleet"
)

// Carriers is the store's side that keeps the gateways of carriers.
type Carriers interface {
	Carriers(ctx context.Context) ([]carrier.Gateway, error)
	Carrier(ctx context.Context, id string) (carrier.Gateway, error)
	// PutCarrier creates or replaces; a conflict says that the carrier has the domain already.
	PutCarrier(ctx context.Context, g carrier.Gateway, entries ...access.Entry) (created bool, err error)
	DeleteCarrier(ctx context.Context, id string, entries ...access.Entry) error
	DeviceCarriers(ctx context.Context, scope access.Scope) ([]carrier.Seen, error)
	PutSetting(ctx context.Context, name, value string, entries ...access.Entry) error
}

// Carriers lists the gateways of carriers by name.
func (d *Door) Carriers(ctx context.Context) ([]carrier.Gateway, error) {
	return d.store.Carriers(ctx)
}

// Carrier reads one gateway.
func (d *Door) Carrier(ctx context.Context, id string) (carrier.Gateway, error) {
	return d.store.Carrier(ctx, id)
}

// CreateCarrier stores a new gateway. It needs a domain: only what is known from the start may have none.
func (d *Door) CreateCarrier(ctx context.Context, actor access.Actor, g carrier.Gateway) (carrier.Gateway, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return g, err
	}
	g.ID = id.String()
	return d.putCarrier(ctx, actor, g, nil, true, "carrier gateway created")
}

// UpdateCarrier replaces a gateway. One that never had a domain may stay without.
func (d *Door) UpdateCarrier(ctx context.Context, actor access.Actor, id string, g carrier.Gateway) (carrier.Gateway, error) {
	before, err := d.store.Carrier(ctx, id)
	if err != nil {
		return before, err
	}
	g.ID = before.ID
	return d.putCarrier(ctx, actor, g, carrierFields(before), before.Domain != "", "carrier gateway changed")
}

func (d *Door) putCarrier(ctx context.Context, actor access.Actor, g carrier.Gateway, before any, domain bool, what string) (carrier.Gateway, error) {
	g = g.Tidy()
	if err := refuse(checkCarrier(g, domain)); err != nil {
		return g, err
	}
	_, err := d.store.PutCarrier(ctx, g, put(actor, carrierObject(g), before, carrierFields(g))...)
	if err == nil {
		d.options.Logger.Info(what, "carrier", g.Carrier, "domain", g.Domain, "by", actor.Name)
	}
	return g, err
}

// checkCarrier finds everything that is wrong with a gateway. domain: it must have one.
func checkCarrier(g carrier.Gateway, domain bool) (list []Problem) {
	found := g.Check()
	if domain && g.Domain == "" {
		list = append(list, Problem{"/domain", "is required"})
		if g.Country == "" {
			list = append(list, Problem{"/country", "is required"})
		}
	}
	for _, p := range found {
		list = append(list, Problem{"/" + p.Field, p.Detail})
	}
	if g.Country != "" && !badField(found, "country") && !gsm.ValidCountry(g.Country) {
		list = append(list, Problem{"/country", "is not the calling code of a country"})
	}
	return list
}

func badField(found []fleet.Problem, field string) bool {
	for _, p := range found {
		if p.Field == field {
			return true
		}
	}
	return false
}

// DeleteCarrier forgets a gateway.
func (d *Door) DeleteCarrier(ctx context.Context, actor access.Actor, id string) error {
	known, err := d.store.Carrier(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.DeleteCarrier(ctx, id, actor.Did(access.Delete, carrierObject(known), carrierFields(known), nil))
	if err == nil {
		d.options.Logger.Info("carrier gateway deleted", "gateway", id, "by", actor.Name)
	}
	return err
}

// DetectCarriers compares the carriers of the devices that the actor may see with the table.
func (d *Door) DetectCarriers(ctx context.Context, actor access.Actor) (carrier.Detection, error) {
	seen, err := d.store.DeviceCarriers(ctx, actor.Scope)
	if err != nil {
		return carrier.Detection{}, err
	}
	table, err := d.store.Carriers(ctx)
	return carrier.Detect(seen, table, d.options.Now()), err
}

// CarrierUse reads when gateways are used.
func (d *Door) CarrierUse(ctx context.Context) (carrier.Use, error) {
	use, err := d.store.Setting(ctx, carrier.Setting)
	if err == nil && use == "" {
		return carrier.Never, nil
	}
	return carrier.Use(use), err
}

// SetCarrierUse says when gateways are used from now on.
func (d *Door) SetCarrierUse(ctx context.Context, actor access.Actor, use carrier.Use) error {
	if !use.Known() {
		words := make([]string, len(carrier.Uses))
		for i, one := range carrier.Uses {
			words[i] = string(one)
		}
		return wrong("/"+carrier.Setting, "must be one of: %s", strings.Join(words, ", "))
	}
	known, err := d.CarrierUse(ctx)
	if err != nil {
		return err
	}
	err = d.store.PutSetting(ctx, carrier.Setting, string(use),
		put(actor, settingObject(carrier.Setting), fields{carrier.Setting: known}, fields{carrier.Setting: use})...)
	if err == nil {
		d.options.Logger.Info("use of carrier gateways changed", "use", use, "by", actor.Name)
	}
	return err
}
