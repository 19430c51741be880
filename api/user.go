package api

import (
	"context"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/store"
)

// User is a person who carries devices.
type User struct {
	ID          string            `json:"id" maxLength:"128" doc:"1 to 128 of A-Z a-z 0-9 . _ : @ - as whoever feeds the fleet chose it. In PUT it may be left out." example:"u-17"`
	Username    string            `json:"username" example:"ada"`
	Domain      string            `json:"domain" example:"example.com"`
	DisplayName string            `json:"display_name" example:"Ada Lovelace"`
	GivenName   string            `json:"given_name" example:"Ada"`
	Surname     string            `json:"surname" example:"Lovelace"`
	Mail        string            `json:"mail" doc:"One plain address." example:"ada@example.com"`
	Mobile      string            `json:"mobile" doc:"E.164." example:"+33612345678"`
	Language    string            `json:"language" doc:"BCP 47; empty = the organisation's." example:"fr"`
	Groups      []string          `json:"groups" doc:"Names. A group that does not exist comes into being." example:"Sales,Paris"`
	Properties  map[string]string `json:"properties" doc:"Anything else, by name."`
}

func showUser(u fleet.User) User {
	return User{
		ID: string(u.ID), Username: u.Username, Domain: u.Domain, DisplayName: u.DisplayName, GivenName: u.GivenName,
		Surname: u.Surname, Mail: u.Mail, Mobile: u.Mobile, Language: u.Language,
		Groups: listOf(u.Groups), Properties: named(u.Properties),
	}
}

func (u User) user(id string) fleet.User {
	return fleet.User{
		ID: fleet.UserID(id), Username: u.Username, Domain: u.Domain, DisplayName: u.DisplayName, GivenName: u.GivenName,
		Surname: u.Surname, Mail: u.Mail, Mobile: u.Mobile, Language: u.Language, Groups: u.Groups, Properties: u.Properties,
	}
}

type listUsersInput struct {
	Paged
	Group  []string `query:"group,explode" doc:"Name or id of a group. Repeat it for one of several."`
	Search string   `query:"search" maxLength:"256" doc:"A fragment of name, user name, id, mail address or number."`
}

func (s *server) listUsers(ctx context.Context, actor access.Actor, in *listUsersInput) (*found[page[User]], error) {
	list, next, err := s.store.ListUsers(ctx, actor.Scope, store.UserFilter{Group: in.Group, Search: in.Search}, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showUser), nil
}

func (s *server) getUser(ctx context.Context, actor access.Actor, in *ByID) (*found[User], error) {
	u, err := s.store.User(ctx, actor.Scope, fleet.UserID(in.ID))
	return find(showUser(u), err)
}

type putUserInput struct {
	ByID
	payload[User]
}

func (s *server) putUser(ctx context.Context, actor access.Actor, in *putUserInput) (*stored[User], error) {
	if err := sameID(in.ID, in.body.ID); err != nil {
		return nil, err
	}
	created, err := s.door.PutUser(ctx, actor, in.body.user(in.ID))
	if err != nil {
		return nil, err
	}
	u, err := s.store.User(ctx, actor.Scope, fleet.UserID(in.ID))
	if err != nil {
		return nil, err
	}
	return storedAs(showUser(u), created), nil
}

func (s *server) deleteUser(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteUser(ctx, actor, fleet.UserID(in.ID))
}
