package console

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"heliograph/mailbox"
)

// revokePath is where a key is ended.
func revokePath(id string) string { return appKeysPath + "/" + url.PathEscape(id) + "/revoke" }

// keysTab is the row's entry that forms of keys stand below.
func keysTab() mailTab {
	return mailTabs[slices.IndexFunc(mailTabs, func(tab mailTab) bool { return tab.Path == appKeysPath })]
}

// appKeysPage is the table of keys, valid ones first.
type appKeysPage struct{ Valid, Revoked []mailbox.AppKey }

func (p appKeysPage) heading(ctx context.Context) heading { return mailHeading(ctx) }

func (c *console) appKeys(w http.ResponseWriter, r *http.Request) error {
	list, err := c.MailPush.AppKeys(r.Context())
	if err != nil {
		return err
	}
	var p appKeysPage
	for _, k := range list {
		if k.Valid() {
			p.Valid = append(p.Valid, k)
		} else {
			p.Revoked = append(p.Revoked, k)
		}
	}
	return c.show(w, r, http.StatusOK, p)
}

// networkWords are the networks of a key, as they are typed.
func networkWords(list []netip.Prefix) []string {
	var words []string
	for _, network := range list {
		if network.IsSingleIP() {
			words = append(words, network.Addr().String())
		} else {
			words = append(words, network.String())
		}
	}
	return words
}

// appKeyForm asks for a new key.
type appKeyForm struct {
	Values   map[string]string // name, networks, mail_networks
	Problems []problem
}

func (f *appKeyForm) heading(ctx context.Context) heading {
	return belowMail(ctx, keysTab(), t(ctx, "appkey.new"))
}

// appKeyFields are its fields, by the API's names.
var appKeyFields = []string{"name", "networks", "mail_networks"}

func (c *console) newAppKey(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, &appKeyForm{Values: map[string]string{}})
}

// madeKeyPage shows a key. It is the only time that anybody sees it.
type madeKeyPage struct {
	mailbox.AppKey
	Secret string
}

func (p madeKeyPage) heading(ctx context.Context) heading {
	return belowMail(ctx, keysTab(), p.Name)
}

func (c *console) createAppKey(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := &appKeyForm{Values: map[string]string{}}
	for _, field := range appKeyFields {
		f.Values[field] = strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(field), "\r\n", "\n"))
	}
	secret, k, err := c.MailPush.CreateAppKey(ctx, actor(r), mailbox.NewAppKey{
		Name: f.Values["name"], Networks: linesOf(f.Values["networks"]), MailNetworks: linesOf(f.Values["mail_networks"]),
	})
	if err == nil {
		return c.show(w, r, http.StatusOK, madeKeyPage{k, secret})
	}
	f.Problems = mistakes(ctx, err,
		func(field string) string { return word(ctx, field, "appkey.field") },
		func(field, n string) string { return lineAt(f.Values[field], n) })
	if f.Problems == nil {
		return err
	}
	return c.show(w, r, http.StatusUnprocessableEntity, f)
}

func (c *console) revokeAppKey(w http.ResponseWriter, r *http.Request) error {
	k, err := c.MailPush.RevokeAppKey(r.Context(), actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "appkey.revoked", k.Name))
	return goTo(w, r, appKeysPath)
}
