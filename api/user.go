package api

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/message"
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

	MailRefused   *Refused `json:"mail_refused,omitempty" readOnly:"true" doc:"What the mail server last said for good of the address; absent = nothing, or it took a message since. Not in lists."`
	MobileRefused *Refused `json:"mobile_refused,omitempty" readOnly:"true" doc:"The same of the number."`
}

// Refused is what a provider said for good of an address.
type Refused struct {
	Reason string    `json:"reason" enum:"mailbox_unknown,number_barred"`
	Detail string    `json:"detail"`
	At     time.Time `json:"at"`
}

func refusedBy(marks map[message.Channel]message.Mark, c message.Channel) *Refused {
	if m, ok := marks[c]; ok {
		return &Refused{string(m.Reason), m.Detail, m.At.UTC()}
	}
	return nil
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
	u, err := s.wholeUser(ctx, actor, in.ID)
	return find(u, err)
}

// wholeUser is a person with what providers said of their addresses.
func (s *server) wholeUser(ctx context.Context, actor access.Actor, id string) (User, error) {
	u, err := s.store.User(ctx, actor.Scope, fleet.UserID(id))
	if err != nil {
		return User{}, err
	}
	marks, err := s.store.Refused(ctx, u)
	shown := showUser(u)
	shown.MailRefused, shown.MobileRefused = refusedBy(marks, message.SMTP), refusedBy(marks, message.SMS)
	return shown, err
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
	u, err := s.wholeUser(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return storedAs(u, created), nil
}

func (s *server) deleteUser(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteUser(ctx, actor, fleet.UserID(in.ID))
}
