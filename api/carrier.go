package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/carrier"
)

// Carriers is the door's side that keeps the mail gateways of mobile carriers.
type Carriers interface {
	Carriers(ctx context.Context) ([]carrier.Gateway, error)
	Carrier(ctx context.Context, id string) (carrier.Gateway, error)
	CreateCarrier(ctx context.Context, actor access.Actor, g carrier.Gateway) (carrier.Gateway, error)
	UpdateCarrier(ctx context.Context, actor access.Actor, id string, g carrier.Gateway) (carrier.Gateway, error)
	DeleteCarrier(ctx context.Context, actor access.Actor, id string) error
	DetectCarriers(ctx context.Context, actor access.Actor) (carrier.Detection, error)
	CarrierUse(ctx context.Context) (carrier.Use, error)
	SetCarrierUse(ctx context.Context, actor access.Actor, use carrier.Use) error
}

// CarrierGateway turns an e-mail to a number into a text message, at one carrier.
type CarrierGateway struct {
	ID       string  `json:"id" readOnly:"true"`
	Carrier  string  `json:"carrier" required:"true" doc:"As devices name it; case does not matter. Unique together with domain." example:"Verizon"`
	Domain   string  `json:"domain" doc:"Where the e-mail goes: prefix, national digits, @, domain. Required in a new gateway; empty in those that are known by name alone." example:"vtext.com"`
	Country  string  `json:"country" doc:"Calling code of the numbers that it serves. Required with a domain." example:"+1"`
	Prefix   string  `json:"prefix" doc:"Stands before the number."`
	EndsOn   *string `json:"ends_on" format:"date" doc:"The day on which the carrier closes it or did; null = not known." example:"2027-03-31"`
	Doubtful bool    `json:"doubtful" doc:"It is said to lose messages."`
	Note     string  `json:"note" maxLength:"1000"`
	Status   string  `json:"status" readOnly:"true" enum:"open,doubtful,ending,closed,no_domain" doc:"What to expect of it today. Nothing is sent where there is no domain."`
}

func (s *server) showCarrier(g carrier.Gateway) CarrierGateway {
	shown := CarrierGateway{
		ID: g.ID, Carrier: g.Carrier, Domain: g.Domain, Country: g.Country, Prefix: g.Prefix, Doubtful: g.Doubtful, Note: g.Note,
		Status: string(g.State(s.now())),
	}
	if !g.EndsOn.IsZero() {
		shown.EndsOn = ptr(g.EndsOn.Format(time.DateOnly))
	}
	return shown
}

func (c CarrierGateway) noun() (g carrier.Gateway, err error) {
	g = carrier.Gateway{Carrier: c.Carrier, Domain: c.Domain, Country: c.Country, Prefix: c.Prefix, Doubtful: c.Doubtful, Note: c.Note}
	if c.EndsOn == nil || *c.EndsOn == "" {
		return g, nil
	}
	if g.EndsOn, err = time.Parse(time.DateOnly, *c.EndsOn); err != nil {
		return g, refused(Fault{"/ends_on", "is not a date, such as 2027-03-31"})
	}
	return g, nil
}

type listCarriersInput struct{ Paged }

// listCarriers pages through gateways by their place: there are a few dozen of them.
func (s *server) listCarriers(ctx context.Context, _ access.Actor, in *listCarriersInput) (*found[page[CarrierGateway]], error) {
	list, err := s.door.Carriers(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b carrier.Gateway) int { return strings.Compare(b.ID, a.ID) })
	if in.Cursor != "" {
		list = slices.DeleteFunc(list, func(g carrier.Gateway) bool { return g.ID >= in.Cursor })
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = list[in.Limit-1].ID
	}
	return pageOf(list, next, s.showCarrier), nil
}

func (s *server) getCarrier(ctx context.Context, _ access.Actor, in *ByID) (*found[CarrierGateway], error) {
	g, err := s.door.Carrier(ctx, in.ID)
	return find(s.showCarrier(g), err)
}

type createCarrierInput struct{ payload[CarrierGateway] }

func (s *server) createCarrier(ctx context.Context, actor access.Actor, in *createCarrierInput) (*made[CarrierGateway], error) {
	g, err := in.body.noun()
	if err == nil {
		g, err = s.door.CreateCarrier(ctx, actor, g)
	}
	if err != nil {
		return nil, err
	}
	return &made[CarrierGateway]{prefix + carriersPath + "/" + g.ID, s.showCarrier(g)}, nil
}

type updateCarrierInput struct {
	ByID
	payload[CarrierGateway]
}

func (s *server) updateCarrier(ctx context.Context, actor access.Actor, in *updateCarrierInput) (*found[CarrierGateway], error) {
	if err := sameID(in.ID, in.body.ID); err != nil {
		return nil, err
	}
	g, err := in.body.noun()
	if err == nil {
		g, err = s.door.UpdateCarrier(ctx, actor, in.ID, g)
	}
	return find(s.showCarrier(g), err)
}

func (s *server) deleteCarrier(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteCarrier(ctx, actor, in.ID)
}

// DetectedCarriers is what the carriers of devices say about the table.
type DetectedCarriers struct {
	New []NewCarrier `json:"new" doc:"Carriers that devices name and no gateway is for, those of most devices first."`
}

// NewCarrier is a carrier that devices name and no gateway is for.
type NewCarrier struct {
	Carrier string `json:"carrier" example:"Verizon"`
	Domain  string `json:"domain,omitempty" doc:"Its gateway’s, where it is known." example:"vtext.com"`
	Country string `json:"country,omitempty" doc:"Its calling code, where it is known." example:"+1"`
	Devices int64  `json:"devices" doc:"How many devices name it." example:"120"`
}

type detectCarriersInput struct{ payload[Nothing] }

func (s *server) detectCarriers(ctx context.Context, actor access.Actor, _ *detectCarriersInput) (*found[DetectedCarriers], error) {
	detected, err := s.door.DetectCarriers(ctx, actor)
	if err != nil {
		return nil, err
	}
	shown := DetectedCarriers{New: []NewCarrier{}}
	for _, one := range detected.New {
		shown.New = append(shown.New, NewCarrier{one.Carrier, one.Known.Domain, one.Known.Country, one.Devices})
	}
	return find(shown, nil)
}

// CarrierUse is the setting that says when carriers' gateways are used.
type CarrierUse struct {
	Use string `json:"carrier_gateway_use" required:"true" enum:"never,no_sms_gateway,preferred" doc:"never; no_sms_gateway: for text messages while no SMS gateway is active; preferred: wherever one serves the device’s carrier. An SMTP server must be active."`
}

func (s *server) getCarrierUse(ctx context.Context, _ access.Actor, _ *struct{}) (*found[CarrierUse], error) {
	use, err := s.door.CarrierUse(ctx)
	return find(CarrierUse{string(use)}, err)
}

type putCarrierUseInput struct{ payload[CarrierUse] }

func (s *server) putCarrierUse(ctx context.Context, actor access.Actor, in *putCarrierUseInput) (*found[CarrierUse], error) {
	return find(in.body, s.door.SetCarrierUse(ctx, actor, carrier.Use(in.body.Use)))
}
