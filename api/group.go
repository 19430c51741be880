package api

import (
	"context"

	"heliograph/access"
	"heliograph/fleet"
)

// Group is a fixed set of devices and people. Who is in it is said by the groups of each device and user.
type Group struct {
	ID          string `json:"id" maxLength:"128" doc:"1 to 128 of A-Z a-z 0-9 . _ : @ -; made up when a group comes into being by its name. In PUT it may be left out." example:"sales"`
	Name        string `json:"name" required:"true" doc:"Unique." example:"Sales"`
	Description string `json:"description" example:"Everybody who travels"`
	Devices     int64  `json:"devices" readOnly:"true" doc:"How many devices are in it."`
	Users       int64  `json:"users" readOnly:"true" doc:"How many people are in it."`
}

func showGroup(g fleet.Group) Group {
	return Group{ID: string(g.ID), Name: g.Name, Description: g.Description, Devices: g.Devices, Users: g.Users}
}

type listGroupsInput struct{ Paged }

func (s *server) listGroups(ctx context.Context, actor access.Actor, in *listGroupsInput) (*found[page[Group]], error) {
	list, next, err := s.store.ListGroups(ctx, actor.Scope, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showGroup), nil
}

func (s *server) getGroup(ctx context.Context, actor access.Actor, in *ByID) (*found[Group], error) {
	g, err := s.store.Group(ctx, actor.Scope, fleet.GroupID(in.ID))
	return find(showGroup(g), err)
}

type putGroupInput struct {
	ByID
	payload[Group]
}

func (s *server) putGroup(ctx context.Context, actor access.Actor, in *putGroupInput) (*stored[Group], error) {
	if err := sameID(in.ID, in.body.ID); err != nil {
		return nil, err
	}
	created, err := s.door.PutGroup(ctx, actor, fleet.Group{ID: fleet.GroupID(in.ID), Name: in.body.Name, Description: in.body.Description})
	if err != nil {
		return nil, err
	}
	g, err := s.store.Group(ctx, actor.Scope, fleet.GroupID(in.ID))
	if err != nil {
		return nil, err
	}
	return storedAs(showGroup(g), created), nil
}

func (s *server) deleteGroup(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteGroup(ctx, actor, fleet.GroupID(in.ID))
}
