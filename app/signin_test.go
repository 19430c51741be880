package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heliograph/access"
	"heliograph/internal/browsertest"
	"heliograph/internal/oidctest"
	"heliograph/oidc"
)

// person is somebody at a browser.
type person struct {
	*testing.T
	browser context.Context
	console string
}

func (p person) does(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.browser, steps...); err != nil {
		where, _ := chromedp.Run(p.browser, chromedp.Location())
		p.Fatalf("at %s: %v", where, err)
	}
}

func (p person) visits(path string) { p.Helper(); p.does(browsertest.Visit(p.console + path)) }

// fills a form, as selector, text, selector, text …, and sends it by its button.
func (p person) fills(button string, fields ...string) {
	p.Helper()
	for i := 0; i < len(fields); i += 2 {
		p.does(chromedp.SendKeys(chromedp.CSS(fields[i]), fields[i+1]))
	}
	p.does(chromedp.Click(chromedp.CSS(button)))
}

// sees waits until something is on the page.
func (p person) sees(selector string) {
	p.Helper()
	p.does(chromedp.WaitVisible(chromedp.CSS(selector)))
}

func (p person) reads(selector string) string {
	p.Helper()
	text, err := chromedp.Run(p.browser, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		p.Fatalf("%s: %v", selector, err)
	}
	return strings.TrimSpace(text)
}

const (
	signedInAs  = ".shell" // the frame around every page of who signed in
	signInForm  = "form[action='/sign-in'] button[type=submit]"
	firstSecret = "correct horse battery"
	nextSecret  = "another battery of horses"
)

// A browser signs in with a password and a second factor, and another one's change of the password signs it out.
func TestBrowserSignsInWithTwoFactors(t *testing.T) {
	a := running(t, options(t))
	console := a.Addr().Console
	first := person{t, browsertest.New(t), console}
	first.does(browsertest.Visit(a.FirstLink()))
	first.fills("form[action='/welcome'] button", "#password", firstSecret, "#again", firstSecret)
	first.sees(signedInAs)
	first.visits("/profile/two-factor")
	factor := access.SecondFactor{Secret: strings.ReplaceAll(first.reads("#secret"), " ", "")}
	first.fills("main form button[type=submit]", "#code", factor.Code(time.Now()))
	first.sees(".recovery-codes")

	second := person{t, browsertest.New(t), console}
	second.visits("/devices")
	second.fills(signInForm, "#name", "admin", "#password", firstSecret)
	second.sees("#code")
	second.fills("form[action='/sign-in/code'] button", "#code", unusedCode(t, a, factor))
	second.sees(signedInAs)
	if where, err := chromedp.Run(second.browser, chromedp.Location()); err != nil || where != console+"/devices" {
		t.Errorf("signing in led to %s, %v", where, err)
	}

	first.visits("/profile")
	first.fills("form[action='/profile/password'] button[type=submit]", "#current", firstSecret, "#password", nextSecret, "#again", nextSecret)
	first.sees(".flash")
	second.visits("/profile")
	second.sees(signInForm)
	first.visits("/profile")
	first.sees(".profile-sessions")
}

// unusedCode is a code that is near enough to now, and was not used yet.
func unusedCode(t *testing.T, a *App, factor access.SecondFactor) string {
	t.Helper()
	admin, err := a.Store().AccountByName(t.Context(), FirstAdministrator)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := a.Store().SecondFactor(t.Context(), admin.ID)
	if err != nil {
		t.Fatal(err)
	}
	factor.LastStep = stored.LastStep
	for _, at := range []time.Time{time.Now(), time.Now().Add(30 * time.Second)} {
		if _, fresh := factor.Match(factor.Code(at), time.Now()); fresh {
			return factor.Code(at)
		}
	}
	t.Fatal("no code is left")
	return ""
}

// A browser signs in at a real OpenID provider, gets the role of its groups, and signs out at both.
func TestBrowserSignsInAtAProvider(t *testing.T) {
	a := running(t, options(t))
	console := a.Addr().Console
	provider := access.DefaultProvider
	provider.Name, provider.ClientID, provider.Secret, provider.Create = "Contoso", "heliograph", "secret of the client", true
	provider.Scopes = append([]string{"groups"}, provider.Scopes...)
	provider.Rules = []access.GroupRule{{Group: "mobility", Role: access.Operator}}
	provider.Issuer = oidctest.Start(t, oidctest.Config{
		Clients: []oidctest.Client{{
			ID: provider.ClientID, Secret: provider.Secret, Redirects: []string{console + oidc.Callback}, LogoutRedirect: []string{console + oidc.SignedOut},
		}},
		People: map[string]oidctest.Claim{"maria": {"groups": []string{"mobility"}}, "eve": {"groups": []string{"sales"}}},
	}).Issuer
	if err := a.Store().PutIdentityProvider(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	p := person{t, browsertest.New(t), console}
	atProvider := func(name string) {
		t.Helper()
		p.visits("/notifications")
		p.does(chromedp.Click(chromedp.CSS("#provider")))
		p.fills("#go", "#login", name)
	}
	atProvider("maria")
	p.sees(signedInAs)
	maria, err := a.Store().AccountByName(t.Context(), "maria")
	if err != nil || maria.Role != access.Operator {
		t.Errorf("the account is %+v, %v", maria, err)
	}
	if where, err := chromedp.Run(p.browser, chromedp.Location()); err != nil || where != console+"/notifications" {
		t.Errorf("signing in led to %s, %v", where, err)
	}
	p.does(chromedp.Click(chromedp.CSS("[popovertarget=who]")), chromedp.Click(chromedp.CSS("form[action='/sign-out'] button")))
	p.does(chromedp.Click(chromedp.CSS("button[name=logout]"))) // the provider asks
	p.sees(signInForm)
	atProvider("eve") // the provider asks again who it is: maria is signed out there
	p.sees("a[href^='/sign-in']")
	if _, err := a.Store().AccountByName(t.Context(), "eve"); err == nil {
		t.Error("somebody without a group got an account")
	}
}
