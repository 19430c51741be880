package intake

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/template"
)

// defaultSound is the one that every platform has. It stands first in the list, and stays.
var defaultSound = template.Sound{ID: "default", Name: template.DefaultSound, BuiltIn: true}

// Sounds lists the sounds of push messages: the platforms' own first, then those that were added, by name.
func (d *Door) Sounds(ctx context.Context) ([]template.Sound, error) {
	list, err := d.store.Sounds(ctx)
	return append([]template.Sound{defaultSound}, list...), err
}

// Sound reads one.
func (d *Door) Sound(ctx context.Context, id string) (template.Sound, error) {
	if id == defaultSound.ID {
		return defaultSound, nil
	}
	return d.store.Sound(ctx, id)
}

// CreateSound adds a sound to the list. The file itself is part of the device app.
func (d *Door) CreateSound(ctx context.Context, actor access.Actor, name string) (template.Sound, error) {
	name = strings.TrimSpace(name)
	if err := refuse(place("", template.CheckSound(name))); err != nil {
		return template.Sound{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return template.Sound{}, err
	}
	v := template.Sound{ID: id.String(), Name: name}
	v, err = d.store.AddSound(ctx, v, actor.Did(access.Create, soundObject(v), nil, fields{"name": name}))
	if err == nil {
		d.options.Logger.Info("sound added", "sound", name, "by", actor.Name)
	}
	return v, err
}

// RenameSound gives a sound another name, in the templates that use it too.
func (d *Door) RenameSound(ctx context.Context, actor access.Actor, id, name string) (template.Sound, error) {
	if id == defaultSound.ID {
		return defaultSound, wrong("/name", "of the sound that every platform has cannot be changed")
	}
	name = strings.TrimSpace(name)
	if err := refuse(place("", template.CheckSound(name))); err != nil {
		return template.Sound{}, err
	}
	v, err := d.store.Sound(ctx, id)
	if err != nil {
		return v, err
	}
	v, err = d.store.RenameSound(ctx, id, name, put(actor, soundObject(v), fields{"name": v.Name}, fields{"name": name})...)
	if err == nil {
		d.options.Logger.Info("sound renamed", "sound", name, "by", actor.Name)
	}
	return v, err
}

// DeleteSound takes a sound off the list, unless a template uses it.
func (d *Door) DeleteSound(ctx context.Context, actor access.Actor, id string) error {
	if id == defaultSound.ID {
		return wrong("", "the sound that every platform has cannot be deleted")
	}
	v, err := d.store.Sound(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.DeleteSound(ctx, id, actor.Did(access.Delete, soundObject(v), fields{"name": v.Name}, nil))
	if err == nil {
		d.options.Logger.Info("sound deleted", "sound", id, "by", actor.Name)
	}
	return err
}
