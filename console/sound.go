package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"heliograph/store"
	"heliograph/template"
)

const soundsPath = "/settings/sounds"

func soundPath(id string) string { return soundsPath + "/" + url.PathEscape(id) }

// soundsPage is the list of sounds, with the form for one more.
type soundsPage struct {
	Sounds   []template.Sound
	Name     string // as it was typed
	Edited   string // id of the sound whose name is being changed; empty = a new one is added
	Problems []problem
}

func (p soundsPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "sound.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

// name is what stands in the field of one sound.
func (p soundsPage) name(s template.Sound) string {
	if p.Edited == s.ID {
		return p.Name
	}
	return s.Name
}

// problemAt is what is wrong with the name of one sound.
func (p soundsPage) problemAt(id string) string {
	if p.Edited != id {
		return ""
	}
	return problemOf(p.Problems, "name")
}

func (c *console) sounds(w http.ResponseWriter, r *http.Request) error {
	return c.showSounds(w, r, http.StatusOK, soundsPage{})
}

func (c *console) showSounds(w http.ResponseWriter, r *http.Request, status int, p soundsPage) (err error) {
	if p.Sounds, err = c.Templates.Sounds(r.Context()); err != nil {
		return err
	}
	return c.show(w, r, status, p)
}

func (c *console) createSound(w http.ResponseWriter, r *http.Request) error {
	return c.saveSound(w, r, "", "sound.created", func(name string) (template.Sound, error) {
		return c.Templates.CreateSound(r.Context(), actor(r), name)
	})
}

func (c *console) renameSound(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	return c.saveSound(w, r, id, "sound.renamed", func(name string) (template.Sound, error) {
		return c.Templates.RenameSound(r.Context(), actor(r), id, name)
	})
}

func (c *console) saveSound(w http.ResponseWriter, r *http.Request, id, words string, save func(string) (template.Sound, error)) error {
	ctx := r.Context()
	p := soundsPage{Name: strings.TrimSpace(r.PostFormValue("name")), Edited: id}
	saved, err := save(p.Name)
	switch {
	case err == nil:
		c.say(r, "success", t(ctx, words, saved.Name))
		return goTo(w, r, soundsPath)
	case errors.Is(err, store.ErrConflict):
		p.Problems = []problem{{"name", t(ctx, "sound.name"), t(ctx, "sound.taken")}}
		return c.showSounds(w, r, http.StatusConflict, p)
	case refusal(err) == nil:
		return err
	}
	p.Problems = []problem{{"name", t(ctx, "sound.name"), standAlone(ctx, t(ctx, "sound.name"), said(ctx, refusal(err)[0].Detail))}}
	return c.showSounds(w, r, http.StatusUnprocessableEntity, p)
}

// deleteSound takes a sound off the list, unless a template uses it.
func (c *console) deleteSound(w http.ResponseWriter, r *http.Request) error {
	one, err := c.Templates.Sound(r.Context(), r.PathValue("id"))
	if err == nil {
		err = c.Templates.DeleteSound(r.Context(), actor(r), one.ID)
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		c.say(r, "danger", t(r.Context(), "sound.used", one.Name))
	case refusal(err) != nil:
		c.say(r, "danger", sentence(said(r.Context(), refusal(err)[0].Detail)))
	case err != nil:
		return err
	default:
		c.say(r, "success", t(r.Context(), "sound.deleted", one.Name))
	}
	return goTo(w, r, soundsPath)
}
