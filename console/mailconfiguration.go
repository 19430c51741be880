package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/mailbox"
	"heliograph/web"
)

// mailConfigurationPage is what managed devices tell their mail apps, in every form, to be copied and downloaded.
type mailConfigurationPage struct {
	Values    map[string]string // app_key, ios_app, android_app: as they are typed
	Apps      map[mailbox.Platform][]string
	Settings  []mailbox.Value
	Documents []mailbox.Document
	Problems  []problem
}

func (p mailConfigurationPage) heading(ctx context.Context) heading { return mailHeading(ctx) }

// appFields are the fields that name an app.
var appFields = map[mailbox.Platform]string{mailbox.IOS: "ios_app", mailbox.Android: "android_app"}

// managed are the platforms whose apps are told by what manages the device.
var managed = []mailbox.Platform{mailbox.IOS, mailbox.Android}

// of are the documents of a platform.
func (p mailConfigurationPage) of(platform mailbox.Platform) (list []mailbox.Document) {
	for _, d := range p.Documents {
		if d.Platform == platform {
			list = append(list, d)
		}
	}
	return list
}

// keyed reports whether the documents have an app key.
func (p mailConfigurationPage) keyed() bool { return p.Values["app_key"] != "" && len(p.Problems) == 0 }

// documentID names a document to its buttons.
func documentID(d mailbox.Document) string { return d.Platform.String() + "-" + d.Format }

func (c *console) mailConfiguration(w http.ResponseWriter, r *http.Request) error {
	p, err := c.configured(r)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if len(p.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return c.show(w, r, status, p)
}

// downloadConfiguration is one of the documents as a file. The key comes with the request: it is kept nowhere.
func (c *console) downloadConfiguration(w http.ResponseWriter, r *http.Request) error {
	p, err := c.configured(r)
	if err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		return c.show(w, r, http.StatusUnprocessableEntity, p)
	}
	i := slices.IndexFunc(p.Documents, func(d mailbox.Document) bool { return documentID(d) == r.PostFormValue("document") })
	if i < 0 {
		return web.ErrNotFound
	}
	if err := c.exported(r, access.ASetting, url.Values{"document": {p.Documents[i].FileName}}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", p.Documents[i].MediaType)
	h.Set("Content-Disposition", `attachment; filename="`+p.Documents[i].FileName+`"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(p.Documents[i].Text)) // who went away asks again
	return nil
}

// configured makes the documents with what was typed.
func (c *console) configured(r *http.Request) (p mailConfigurationPage, err error) {
	ctx := r.Context()
	p.Values = map[string]string{}
	for _, field := range []string{"app_key", "ios_app", "android_app"} {
		p.Values[field] = strings.TrimSpace(r.PostFormValue(field))
	}
	key := p.Values["app_key"]
	if key != "" && !strings.HasPrefix(key, mailbox.AppKeyPrefix) {
		p.Problems = []problem{{"app_key", t(ctx, "configuration.key"), t(ctx, "configuration.key.bad", mailbox.AppKeyPrefix)}}
		key = ""
	}
	if p.Apps, err = c.MailPush.MailApps(ctx); err != nil {
		return p, err
	}
	apps := map[mailbox.Platform]string{}
	for platform, field := range appFields {
		if p.Values[field] == "" && len(p.Apps[platform]) == 1 {
			p.Values[field] = p.Apps[platform][0]
		}
		apps[platform] = p.Values[field]
	}
	p.Settings, p.Documents, err = c.MailPush.MailConfiguration(ctx, apps, key)
	return p, err
}
