package api

import (
	"context"

	"heliograph/access"
	"heliograph/fleet"
)

// Organization is whose fleet it is: what messages call it, and what holds for all of it.
type Organization struct {
	Name           string `json:"name" maxLength:"1024" doc:"${organization.name}" example:"Contoso"`
	Helpdesk       string `json:"helpdesk" maxLength:"1024" doc:"Whom people ask: ${organization.helpdesk}" example:"Service Desk"`
	Mail           string `json:"mail" maxLength:"254" doc:"Of the help desk: ${organization.mail}" example:"help@contoso.example"`
	Phone          string `json:"phone" maxLength:"1024" doc:"Of the help desk, as people read it: ${organization.phone}"`
	TimeZone       string `json:"time_zone" maxLength:"64" doc:"In which messages write times; empty = UTC." example:"Europe/Lisbon"`
	Language       string `json:"language" maxLength:"35" doc:"Of people who have none (BCP 47); empty = en." example:"pt"`
	TroubleMinutes int    `json:"trouble_minutes" minimum:"0" maximum:"1440" doc:"How long a server may be paused before administrators are told; 0 = 15." example:"15"`
}

func (s *server) getOrganization(ctx context.Context, _ access.Actor, _ *struct{}) (*found[Organization], error) {
	o, err := s.door.Organization(ctx)
	return find(Organization(o), err)
}

type putOrganizationInput struct{ payload[Organization] }

func (s *server) putOrganization(ctx context.Context, actor access.Actor, in *putOrganizationInput) (*found[Organization], error) {
	o, err := s.door.SetOrganization(ctx, actor, fleet.Organization(in.body))
	return find(Organization(o), err)
}
