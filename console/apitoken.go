package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/intake"
	"heliograph/store"
)

const apiTokensPath = "/settings/api-tokens"

func apiTokenPath(id string) string { return apiTokensPath + "/" + url.PathEscape(id) }

// apiTokensPage lists the tokens of scripts.
type apiTokensPage struct {
	List []access.Token
	Next string // cursor
	At   string // cursor of this page
}

func (p apiTokensPage) heading(ctx context.Context) heading {
	return belowSettings(ctx, t(ctx, "tokens.title"))
}

func (p apiTokensPage) next() string {
	if p.Next == "" {
		return ""
	}
	return "?" + url.Values{"cursor": {p.Next}}.Encode()
}

func (c *console) apiTokens(w http.ResponseWriter, r *http.Request) error {
	p := apiTokensPage{At: r.URL.Query().Get("cursor")}
	var err error
	if p.List, p.Next, err = c.Registry.ListTokens(r.Context(), store.Page{Cursor: p.At}); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

// expired reports whether a token has ended.
func expired(ctx context.Context, at time.Time) bool {
	return !at.IsZero() && !viewOf(ctx).now.Before(at)
}

// tokenForm asks for a new token.
type tokenForm struct {
	Values   map[string]string // name, role, days
	Limit    limitField
	Problems []problem
}

// tokenDays are the lives of a token that are offered, in days; 0 = until it is deleted.
var tokenDays = []int{30, 90, 365, 0}

const usualTokenDays = 90

func (f *tokenForm) heading(ctx context.Context) heading {
	return belowSettings(ctx, t(ctx, "tokens.new"), crumb{t(ctx, "tokens.title"), apiTokensPath})
}

func (c *console) tokenForm(r *http.Request) (*tokenForm, error) {
	limit, err := c.limitField(r.Context(), actor(r))
	return &tokenForm{Values: map[string]string{"days": strconv.Itoa(usualTokenDays)}, Limit: limit}, err
}

func (c *console) newAPIToken(w http.ResponseWriter, r *http.Request) error {
	f, err := c.tokenForm(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, f)
}

// read takes what was typed.
func (f *tokenForm) read(r *http.Request, now time.Time) intake.TokenInput {
	for _, name := range []string{"name", "role", "days"} {
		f.Values[name] = strings.TrimSpace(r.PostFormValue(name))
	}
	f.Limit.read(r)
	in := intake.TokenInput{Name: f.Values["name"], Role: access.Role(f.Values["role"]), Limited: f.Limit.Limited, Groups: f.Limit.Chosen}
	days, err := strconv.Atoi(f.Values["days"])
	switch {
	case err != nil || days < 0 || days > mostTokenDays:
		in.ExpiresAt = now // which is refused, beside the field
	case days > 0:
		in.ExpiresAt = now.AddDate(0, 0, days)
	}
	return in
}

const mostTokenDays = 3650

// tokenPage shows a new token, this once.
type tokenPage struct {
	Token  access.Token
	Secret string
}

func (p tokenPage) heading(ctx context.Context) heading {
	return belowSettings(ctx, t(ctx, "tokens.made"), crumb{t(ctx, "tokens.title"), apiTokensPath})
}

func (c *console) createAPIToken(w http.ResponseWriter, r *http.Request) error {
	f, err := c.tokenForm(r)
	if err != nil {
		return err
	}
	secret, made, err := c.Administration.CreateToken(r.Context(), actor(r), f.read(r, c.Now()))
	if err == nil {
		return c.show(w, r, http.StatusOK, tokenPage{made, secret})
	}
	if !refused(r.Context(), &f.Problems, "tokens.field", err) {
		return err
	}
	return c.show(w, r, http.StatusUnprocessableEntity, f)
}

func (c *console) deleteAPIToken(w http.ResponseWriter, r *http.Request) error {
	found, err := c.Registry.Token(r.Context(), r.PathValue("id"))
	if err == nil {
		err = c.Administration.DeleteToken(r.Context(), actor(r), found.ID)
	}
	if err != nil {
		return err
	}
	c.say(r, "success", t(r.Context(), "tokens.deleted", found.Name))
	return goTo(w, r, apiTokensPath)
}

// daysWords is the life of a token, for the form.
func daysWords(ctx context.Context, days int) string {
	if days == 0 {
		return t(ctx, "tokens.forever")
	}
	return tn(ctx, "tokens.days", int64(days))
}

// roleWords names a role that may have been taken away.
func roleWords(ctx context.Context, role access.Role) string {
	if role == "" {
		return t(ctx, "tokens.norole")
	}
	return tf(ctx, "role", string(role))
}
