package console

import (
	"net/http"
	"net/url"
	"strings"

	"heliograph/message"
	"heliograph/web"
)

// A draft is a template that somebody was writing when they went to set up a server for it. It waits in their session,
// and they come back to it when the server is there.

const (
	draftKey     = "draft"         // of the session: the form, as it was typed
	draftPathKey = "draft.path"    // where it was typed
	mostDraft    = 256 << 10       // bytes that are kept: a session is read with each request
	draftNew     = "new"           // of a template that was never saved
	draftReturn  = "?draft=return" // tells the form to take it
)

// keepDraft keeps what was typed, and leads to where the channel is set up.
func (c *console) keepDraft(w http.ResponseWriter, r *http.Request) error {
	form, err := c.postedTemplate(r)
	if err != nil {
		return err
	}
	text := r.PostForm.Encode()
	if len(text) > mostDraft {
		return web.BadRequest(t(r.Context(), "template.draft.long"))
	}
	id := draftNew
	if !form.New() {
		id = form.View.ID
	}
	c.sessions.Put(r.Context(), draftKey, text)
	c.sessions.Put(r.Context(), draftPathKey, id)
	return goTo(w, r, setUpPath(r.PostForm.Get("set_up")))
}

// setUpPath is where a channel is set up.
func setUpPath(channel string) string {
	switch channel {
	case message.Push.String():
		return serverFamilies[1].path
	case message.SMS.String():
		return serverFamilies[0].path + "/new?kind=sms"
	}
	return serverFamilies[0].path + "/new?kind=smtp"
}

// draftPath leads back to the half-written template; empty = there is none.
func (c *console) draftPath(r *http.Request) string {
	text := c.sessions.GetString(r.Context(), draftKey)
	if text == "" {
		return ""
	}
	id := c.sessions.GetString(r.Context(), draftPathKey)
	if id != draftNew {
		return templatePath(id) + draftReturn
	}
	v, _ := url.ParseQuery(text) // it was written by us
	return templatesPath + "/new" + draftReturn + "&type=" + url.QueryEscape(v.Get("type"))
}

// takeDraft is the half-written template, when the address asks for it and it is this one's.
func (c *console) takeDraft(r *http.Request, id string) (url.Values, bool) {
	if !strings.HasPrefix("?"+r.URL.RawQuery, draftReturn) {
		return nil, false
	}
	if id == "" {
		id = draftNew
	}
	text := c.sessions.GetString(r.Context(), draftKey)
	if text == "" || c.sessions.GetString(r.Context(), draftPathKey) != id {
		return nil, false
	}
	c.sessions.Remove(r.Context(), draftKey)
	c.sessions.Remove(r.Context(), draftPathKey)
	v, err := url.ParseQuery(text)
	return v, err == nil
}
