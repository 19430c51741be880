package api

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/intake"
)

// Administrators is the way in of the people who sign in to the console, and of API tokens.
type Administrators interface {
	CreateAccount(ctx context.Context, actor access.Actor, in intake.AccountInput) (a access.Account, link string, err error)
	UpdateAccount(ctx context.Context, actor access.Actor, id string, in intake.AccountInput) (access.Account, error)
	DeleteAccount(ctx context.Context, actor access.Actor, id string) error
	InviteAccount(ctx context.Context, actor access.Actor, id string) (link string, err error)
	CreateToken(ctx context.Context, actor access.Actor, in intake.TokenInput) (secret string, t access.Token, err error)
	DeleteToken(ctx context.Context, actor access.Actor, id string) error
}

// Administrator is a person who signs in to the console, in any role.
type Administrator struct {
	ID             string             `json:"id" readOnly:"true" example:"01936b1e-6d0c-7c4e-9a53-0c1f5a6f3c11"`
	Name           string             `json:"name" maxLength:"128" doc:"What they sign in with: unique, and cannot be changed." example:"maria"`
	Role           string             `json:"role" required:"true" enum:"administrator,operator,support,auditor" doc:"An administrator may do everything; an operator sends and invites; support sees, and resends; an auditor sees everything but secrets, and changes nothing."`
	Groups         optional[[]string] `json:"groups,omitzero" doc:"Names or ids of the groups to which the role is limited: outside of them nothing is visible. null or absent = the whole fleet. An administrator cannot be limited." example:"Sales,Paris"`
	Mail           string             `json:"mail" example:"maria@example.com"`
	Mobile         string             `json:"mobile" doc:"E.164." example:"+33612345678"`
	ReceivesAlerts bool               `json:"receives_alerts" doc:"They are told, at mail and mobile, when something breaks."`
	CreatedAt      time.Time          `json:"created_at" readOnly:"true"`
	LastSignInAt   *time.Time         `json:"last_sign_in_at" readOnly:"true" doc:"null = never."`
}

// OneTimeLink lets its reader set a password, once and within a day.
type OneTimeLink struct {
	Link string `json:"link" doc:"Give it to the person. It works once, within a day, and is never shown again." example:"https://notify.example.com/welcome/…"`
}

// CreatedAdministrator is an administrator with a one-time link.
type CreatedAdministrator struct {
	Administrator
	OneTimeLink
}

func showAdministrator(a access.Account) Administrator {
	return Administrator{
		ID: a.ID, Name: a.Name, Role: string(a.Role), Groups: groupsOf(a.Scope, a.Groups), Mail: a.Mail, Mobile: a.Mobile,
		ReceivesAlerts: a.Alerts, CreatedAt: a.CreatedAt, LastSignInAt: timeOrNull(a.LastSignIn),
	}
}

func (a Administrator) input() intake.AccountInput {
	return intake.AccountInput{
		Name: a.Name, Role: access.Role(a.Role), Limited: a.Groups.Set, Groups: a.Groups.Value,
		Mail: a.Mail, Mobile: a.Mobile, Alerts: a.ReceivesAlerts,
	}
}

type listAdministratorsInput struct{ Paged }

func (s *server) listAdministrators(ctx context.Context, _ access.Actor, in *listAdministratorsInput) (*found[page[Administrator]], error) {
	list, next, err := s.store.ListAccounts(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showAdministrator), nil
}

func (s *server) getAdministrator(ctx context.Context, _ access.Actor, in *ByID) (*found[Administrator], error) {
	a, err := s.store.Account(ctx, in.ID)
	return find(showAdministrator(a), err)
}

type createAdministratorInput struct{ payload[Administrator] }

func (s *server) createAdministrator(ctx context.Context, actor access.Actor, in *createAdministratorInput) (*made[CreatedAdministrator], error) {
	a, link, err := s.door.CreateAccount(ctx, actor, in.body.input())
	if err != nil {
		return nil, err
	}
	return &made[CreatedAdministrator]{prefix + administratorsPath + "/" + a.ID, CreatedAdministrator{showAdministrator(a), OneTimeLink{s.link(link)}}}, nil
}

type updateAdministratorInput struct {
	ByID
	payload[Administrator]
}

func (s *server) updateAdministrator(ctx context.Context, actor access.Actor, in *updateAdministratorInput) (*found[Administrator], error) {
	a, err := s.door.UpdateAccount(ctx, actor, in.ID, in.body.input())
	return find(showAdministrator(a), err)
}

func (s *server) deleteAdministrator(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteAccount(ctx, actor, in.ID)
}

type inviteInput struct {
	ByID
	payload[Nothing]
}

func (s *server) inviteAdministrator(ctx context.Context, actor access.Actor, in *inviteInput) (*found[OneTimeLink], error) {
	secret, err := s.door.InviteAccount(ctx, actor, in.ID)
	return find(OneTimeLink{s.link(secret)}, err)
}
