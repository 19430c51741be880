package api

import (
	"context"

	"heliograph/access"
	"heliograph/template"
)

// Sound is one that templates can name for their push messages.
type Sound struct {
	ID      string `json:"id" readOnly:"true"`
	Name    string `json:"name" required:"true" maxLength:"100" doc:"Goes to the platform's sound field: the name of a file in the device app. Unique." example:"Casino.wav"`
	BuiltIn bool   `json:"built_in" readOnly:"true" doc:"The sound that every platform has; it cannot be changed or deleted."`
}

func showSound(v template.Sound) Sound { return Sound{v.ID, v.Name, v.BuiltIn} }

type listSoundsInput struct{ Paged }

// listSounds is short: the platforms' own sound first, then the others by name.
func (s *server) listSounds(ctx context.Context, _ access.Actor, in *listSoundsInput) (*found[page[Sound]], error) {
	list, err := s.door.Sounds(ctx)
	if err != nil {
		return nil, err
	}
	part, next, err := partOf(list, in.Paged)
	return pageOf(part, next, showSound), err
}

func (s *server) getSound(ctx context.Context, _ access.Actor, in *ByID) (*found[Sound], error) {
	v, err := s.door.Sound(ctx, in.ID)
	return find(showSound(v), err)
}

type createSoundInput struct{ payload[Sound] }

func (s *server) createSound(ctx context.Context, actor access.Actor, in *createSoundInput) (*made[Sound], error) {
	v, err := s.door.CreateSound(ctx, actor, in.body.Name)
	if err != nil {
		return nil, err
	}
	return &made[Sound]{prefix + soundsPath + "/" + v.ID, showSound(v)}, nil
}

type updateSoundInput struct {
	ByID
	payload[Sound]
}

func (s *server) updateSound(ctx context.Context, actor access.Actor, in *updateSoundInput) (*found[Sound], error) {
	if err := sameID(in.ID, in.body.ID); err != nil {
		return nil, err
	}
	v, err := s.door.RenameSound(ctx, actor, in.ID, in.body.Name)
	return find(showSound(v), err)
}

func (s *server) deleteSound(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteSound(ctx, actor, in.ID)
}
