package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
	"heliograph/web"
)

// Templates is the door's side that keeps templates and sounds. Errors about content are *intake.Refused.
type Templates interface {
	Templates(ctx context.Context) ([]intake.TemplateView, error)
	Template(ctx context.Context, ref string) (intake.TemplateView, error)
	CreateTemplate(ctx context.Context, actor access.Actor, t template.Template) (intake.TemplateView, error)
	UpdateTemplate(ctx context.Context, actor access.Actor, id string, t template.Template) (intake.TemplateView, error)
	DuplicateTemplate(ctx context.Context, actor access.Actor, id, name string) (intake.TemplateView, error)
	RestoreTemplate(ctx context.Context, actor access.Actor, id string) (intake.TemplateView, error)
	DeleteTemplate(ctx context.Context, actor access.Actor, id string) error
	// CheckTemplate says what creating (id empty) or updating would refuse or warn of.
	CheckTemplate(ctx context.Context, id string, t template.Template) (problems, warnings []intake.Problem, err error)
	// PreviewTemplate renders a template in each of its languages, its own first.
	PreviewTemplate(ctx context.Context, actor access.Actor, t template.Template, device fleet.DeviceID, user fleet.UserID) ([]intake.TemplatePreview, error)
	// TestTemplate really sends one message.
	TestTemplate(ctx context.Context, actor access.Actor, t template.Template, test intake.TemplateTest) (channel.Report, error)
	// Channels tells for which channels something is set up.
	Channels(ctx context.Context) (map[message.Channel]bool, error)
	Organization(ctx context.Context) (fleet.Organization, error)
	SetOrganization(ctx context.Context, actor access.Actor, o fleet.Organization) (fleet.Organization, error)

	Sounds(ctx context.Context) ([]template.Sound, error)
	Sound(ctx context.Context, id string) (template.Sound, error)
	CreateSound(ctx context.Context, actor access.Actor, name string) (template.Sound, error)
	RenameSound(ctx context.Context, actor access.Actor, id, name string) (template.Sound, error)
	DeleteSound(ctx context.Context, actor access.Actor, id string) error
}

const templatesPath = "/settings/templates"

// templatePath is the page of one template.
func templatePath(id string) string { return templatesPath + "/" + url.PathEscape(id) }

// templatesPage is the list of templates.
type templatesPage struct {
	List []intake.TemplateView
}

func (p templatesPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "template.title"), Nav: "templates", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

// belowTemplates is the heading of a page that the list leads to.
func belowTemplates(ctx context.Context, title string) heading {
	return heading{Title: title, Nav: "templates", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}, {t(ctx, "template.title"), templatesPath}}}
}

func (c *console) templates(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Templates.Templates(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, templatesPage{list})
}

// typesPage asks what the new template is for.
type typesPage struct{ Types []template.Type }

func (p typesPage) heading(ctx context.Context) heading {
	return belowTemplates(ctx, t(ctx, "template.new"))
}

// newTemplate asks for the type first: what else there is to fill in follows from it.
func (c *console) newTemplate(w http.ResponseWriter, r *http.Request) error {
	kind, ok := template.FindType(template.TypeKey(r.URL.Query().Get("type")))
	if !ok || kind.Single {
		return c.show(w, r, http.StatusOK, typesPage{addable()})
	}
	o, err := c.Templates.Organization(r.Context())
	if err != nil {
		return err
	}
	form := newTemplateForm(kind, o.Speaks())
	if draft, kept := c.takeDraft(r, ""); kept {
		form.fill(draft)
	} else {
		form.Asks = true
	}
	return c.showTemplate(w, r, http.StatusOK, form)
}

// addable are the types of which somebody may add a template.
func addable() (list []template.Type) {
	for _, kind := range template.Types() {
		if !kind.Single {
			list = append(list, kind)
		}
	}
	return list
}

func (c *console) createTemplate(w http.ResponseWriter, r *http.Request) error {
	kind, ok := template.FindType(template.TypeKey(r.PostFormValue("type")))
	if !ok {
		return web.BadRequest("The form was changed on its way.")
	}
	form := newTemplateForm(kind, "")
	return c.saveTemplate(w, r, form, "template.created", func(one template.Template) (intake.TemplateView, error) {
		return c.Templates.CreateTemplate(r.Context(), actor(r), one)
	})
}

func (c *console) editTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := c.storedForm(r)
	if err != nil {
		return err
	}
	if draft, kept := c.takeDraft(r, form.View.ID); kept {
		form.fill(draft)
	}
	return c.showTemplate(w, r, http.StatusOK, form)
}

// storedForm is the form of the template that the address names.
func (c *console) storedForm(r *http.Request) (*templateForm, error) {
	v, err := c.Templates.Template(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return editTemplateForm(v), nil
}

func (c *console) updateTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := c.storedForm(r)
	if err != nil {
		return err
	}
	return c.saveTemplate(w, r, form, "template.saved", func(one template.Template) (intake.TemplateView, error) {
		return c.Templates.UpdateTemplate(r.Context(), actor(r), form.View.ID, one)
	})
}

// saveTemplate stores what was typed, or shows the form again with what is wrong. What is merely doubtful is said after.
func (c *console) saveTemplate(w http.ResponseWriter, r *http.Request, form *templateForm, done string, save func(template.Template) (intake.TemplateView, error)) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	form.fill(r.PostForm)
	saved, err := save(form.template())
	switch {
	case err == nil && len(saved.Warnings) > 0:
		c.say(r, "warning", t(r.Context(), done+".doubtful", templateName(r.Context(), saved.Template)))
		return goTo(w, r, templatePath(saved.ID))
	case err == nil:
		c.say(r, "success", t(r.Context(), done, templateName(r.Context(), saved.Template)))
		return goTo(w, r, templatesPath)
	case errors.Is(err, store.ErrConflict):
		form.Problems = []problem{{"name", t(r.Context(), "template.name"), t(r.Context(), "template.taken")}}
		return c.showTemplate(w, r, http.StatusConflict, form)
	case refusal(err) == nil:
		return err
	}
	form.Problems = form.problemsOf(r.Context(), refusal(err))
	return c.showTemplate(w, r, http.StatusUnprocessableEntity, form)
}

// againTemplate shows the form with what was typed, after a language was added or taken away, and for previews without
// script.
func (c *console) againTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := c.postedTemplate(r)
	if err != nil {
		return err
	}
	form.changeLanguages(r.PostForm)
	return c.showTemplate(w, r, http.StatusOK, form)
}

// postedTemplate is the form as it was sent, of a new template or of a stored one.
func (c *console) postedTemplate(r *http.Request) (form *templateForm, err error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	if r.PathValue("id") != "" {
		form, err = c.storedForm(r)
	} else if kind, ok := template.FindType(template.TypeKey(r.PostForm.Get("type"))); ok {
		form = newTemplateForm(kind, "")
	} else {
		err = web.BadRequest("The form was changed on its way.")
	}
	if err == nil {
		form.fill(r.PostForm)
	}
	return form, err
}

func (c *console) duplicateTemplate(w http.ResponseWriter, r *http.Request) error {
	made, err := c.Templates.DuplicateTemplate(r.Context(), actor(r), r.PathValue("id"), "")
	if refusal(err) != nil {
		c.say(r, "danger", t(r.Context(), "template.duplicate.refused", sentence(said(r.Context(), refusal(err)[0].Detail))))
		return goTo(w, r, templatePath(r.PathValue("id")))
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "template.duplicated", templateName(r.Context(), made.Template)))
	return goTo(w, r, templatePath(made.ID))
}

func (c *console) restoreTemplate(w http.ResponseWriter, r *http.Request) error {
	restored, err := c.Templates.RestoreTemplate(r.Context(), actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "template.restored", templateName(r.Context(), restored.Template)))
	return goTo(w, r, templatePath(restored.ID))
}

// deleteTemplate deletes a template that nothing uses. Where one is used, its page says where.
func (c *console) deleteTemplate(w http.ResponseWriter, r *http.Request) error {
	v, err := c.Templates.Template(r.Context(), r.PathValue("id"))
	if err == nil {
		err = c.Templates.DeleteTemplate(r.Context(), actor(r), v.ID)
	}
	if errors.Is(err, store.ErrConflict) {
		c.say(r, "danger", t(r.Context(), "template.delete.used", templateName(r.Context(), v.Template)))
		return goTo(w, r, templatePath(v.ID))
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "template.deleted", templateName(r.Context(), v.Template)))
	return goTo(w, r, templatesPath)
}

// templateTile is how things stand, for the tile on the settings page.
func (c *console) templateTile(ctx context.Context) (settingsLink, error) {
	list, err := c.Templates.Templates(ctx)
	active := int64(0)
	for _, v := range list {
		for _, s := range v.Channels {
			if s.Active {
				active++
				break
			}
		}
	}
	return settingsLink{"templates", templatesPath, "template", tn(ctx, "template.tile", active)}, err
}

// typeName is a type of template for people.
func typeName(ctx context.Context, key template.TypeKey) string {
	return tf(ctx, "template.type", string(key))
}

// templateName is a template for people. One that still has the name of its type is called as its type is, in the language
// of who looks.
func templateName(ctx context.Context, t template.Template) string {
	if kind, ok := template.FindType(t.Type); ok && t.Name == kind.Name {
		return typeName(ctx, kind.Key)
	}
	return t.Name
}

// usePath leads to what uses a template; empty = there is no page.
func usePath(u template.Use) string {
	if u.Kind == "notification" {
		return notificationPath(message.NotificationID(u.ID))
	}
	return ""
}
