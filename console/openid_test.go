package console

import (
	"net/http"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/oidc"
)

const issuer = "https://login.example.com"

// contoso is a provider whose group mobility operates, and whose group desk supports the North.
func contoso(f *fixture) *access.IdentityProvider {
	p := access.DefaultProvider
	p.Name, p.Issuer, p.ClientID, p.Secret, p.Create = "Contoso", issuer, "heliograph", "s3cret", true
	p.Rules = []access.GroupRule{{Group: "mobility", Role: access.Operator}, {Group: "desk", Role: access.Support, Groups: []string{"North", "Gone"}}}
	f.accounts.provider = &p
	f.openID.identity = access.Identity{Issuer: issuer, Subject: "42", Name: "Maria", Mail: "maria@example.com", Groups: []string{"staff", "mobility"}, IDToken: "id-token"}
	return &p
}

// goesTo is where an answer leads, unopened.
func (f *fixture) goesTo(method, path string) (*http.Response, string) {
	f.Helper()
	client := *f.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(f.Context(), method, f.url+path, nil)
	if err != nil {
		f.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	response.Body.Close()
	return response, response.Header.Get("Location")
}

// atProvider signs in at Contoso, and wants a title.
func (f *fixture) atProvider(status int, title string) *element {
	f.Helper()
	if _, to := f.goesTo(http.MethodGet, "/sign-in/openid?next=/settings/about"); !strings.HasPrefix(to, issuer+"/authorize") {
		f.Fatalf("it leads to %q", to)
	}
	page := f.get(oidc.Callback+"?state=state&code=x", status)
	f.wantTitle(page, title)
	return page
}

func TestSignInAtTheProvider(t *testing.T) {
	f := newFixture(t)
	if got := f.get("/sign-in", http.StatusOK).find("#provider"); len(got) != 0 {
		t.Error("a provider is offered that there is not")
	}
	f.get("/sign-in/openid", http.StatusNotFound)
	f.get(oidc.Callback+"?state=state&code=x", http.StatusNotFound)
	contoso(f)
	if got := f.get("/sign-in?next=/settings/about", http.StatusOK).one(t, "#provider"); got.words() != "Sign in with Contoso" || !strings.HasSuffix(got.attr["href"], "next=%2Fsettings%2Fabout") {
		t.Errorf("it offers %q, %s", got.words(), got.attr["href"])
	}
	f.atProvider(http.StatusOK, "About")
	maria, err := f.accounts.AccountByName(t.Context(), "Maria")
	if err != nil || maria.Role != access.Operator || !maria.Scope.All() || maria.Mail != "maria@example.com" || maria.PasswordHash != "" {
		t.Errorf("the account is %+v, %v", maria, err)
	}
	if s := f.accounts.sessions; len(s) != 1 || s[0].Method != access.ByProvider || s[0].IDToken != "id-token" {
		t.Errorf("the sessions are %+v", s)
	}
	if page := f.get("/profile", http.StatusOK); len(page.find("#current")) != 0 {
		t.Error("somebody without a password is asked for it")
	}
	f.get(oidc.Callback+"?state=state&code=x", http.StatusUnprocessableEntity) // the flow was finished
}

func TestGroupsGiveTheRole(t *testing.T) {
	f := newFixture(t)
	contoso(f)
	f.atProvider(http.StatusOK, "About")
	other := f.elsewhere()
	f.openID.identity.Groups = []string{"desk"}
	other.atProvider(http.StatusOK, "About")
	maria, _ := f.accounts.AccountByName(t.Context(), "Maria")
	if maria.Role != access.Support || maria.Scope.All() || len(maria.Groups) != 1 {
		t.Errorf("after her groups changed the account is %+v", maria)
	}
	if len(f.accounts.list) != 1 {
		t.Errorf("%d accounts", len(f.accounts.list))
	}
	f.openID.identity.Groups = []string{"staff"}
	page := f.elsewhere().atProvider(http.StatusUnprocessableEntity, "Sign-in did not work")
	if !strings.Contains(page.words(), "none of your groups") {
		t.Errorf("it says %q", page.words())
	}
	f.wantTitle(f.get("/profile", http.StatusOK), "Sign in")
	other.wantTitle(other.get("/profile", http.StatusOK), "Sign in")
}

func TestWhoHasNoAccountIsNotLetIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *fixture, p *access.IdentityProvider)
		want   string
	}{
		"none is made":      {func(_ *fixture, p *access.IdentityProvider) { p.Create = false }, "you have no account"},
		"no group fits":     {func(f *fixture, _ *access.IdentityProvider) { f.openID.identity.Groups = nil }, "none of your groups"},
		"the name is taken": {func(f *fixture, _ *access.IdentityProvider) { f.openID.identity.Name = "admin" }, "exists already"},
		"not there":         {func(f *fixture, _ *access.IdentityProvider) { f.openID.fails = &oidc.Problem{Kind: oidc.Denied} }, "did not sign in"},
	} {
		f := newFixture(t)
		withAdmin(f, horse)
		p := contoso(f)
		f.goesTo(http.MethodGet, "/sign-in/openid")
		c.change(f, p)
		page := f.get(oidc.Callback+"?state=state&code=x", http.StatusUnprocessableEntity)
		if !strings.Contains(page.words(), c.want) {
			t.Errorf("%s: it says %q", name, page.words())
		}
		if len(f.accounts.list) != 1 || len(f.accounts.sessions) != 0 {
			t.Errorf("%s: %d accounts, %d sessions", name, len(f.accounts.list), len(f.accounts.sessions))
		}
	}
}

func TestPasswordsForAdministratorsOnly(t *testing.T) {
	f := newFixture(t)
	withAdmin(f, horse)
	contoso(f)
	f.accounts.policy = access.Policy{Local: access.LocalAdministrators}
	f.accounts.list[0].Role = access.Operator
	page := f.post("/sign-in", http.StatusUnprocessableEntity, "name", "admin", "password", horse)
	if got := page.one(t, "[role=alert]").words(); !strings.Contains(got, "the button above") {
		t.Errorf("it says %q", got)
	}
	f.accounts.list[0].Role = access.Administrator
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", horse), "Dashboard")
	f.post("/sign-out", http.StatusOK)
	f.accounts.list[0].Role, f.accounts.provider.Active = access.Operator, false
	f.wantTitle(f.post("/sign-in", http.StatusOK, "name", "admin", "password", horse), "Dashboard")
}

func TestSignOutAtTheProvider(t *testing.T) {
	f := newFixture(t)
	contoso(f)
	f.atProvider(http.StatusOK, "About")
	response, _ := f.goesTo(http.MethodPost, "/sign-out")
	if got := response.Header.Get("Refresh"); got != "0; url="+issuer+"/end?id_token_hint=id-token" || response.StatusCode != http.StatusOK {
		t.Errorf("it leads to %q with %s", got, response.Status)
	}
	f.wantTitle(f.get("/profile", http.StatusOK), "Sign in")
}

func TestConnect(t *testing.T) {
	f := asAdmin(t)
	contoso(f)
	connect := func(f *fixture) string {
		t.Helper()
		response, _ := f.goesTo(http.MethodPost, "/profile/connect")
		return response.Header.Get("Refresh")
	}
	if got := connect(f); !strings.HasPrefix(got, "0; url="+issuer+"/authorize") {
		t.Fatalf("it leads to %q", got)
	}
	f.wantTitle(f.get(oidc.Callback+"?state=state&code=x", http.StatusOK), "Profile")
	if len(f.accounts.identities) != 1 || f.accounts.identities[0].managed || f.accounts.list[0].Role != access.Administrator {
		t.Errorf("connected %+v to %+v", f.accounts.identities, f.accounts.list)
	}
	other := f.elsewhere()
	other.atProvider(http.StatusOK, "About") // an administrator it stays, whatever the groups say
	if len(f.accounts.list) != 1 || f.accounts.list[0].Role != access.Administrator {
		t.Errorf("the accounts are %+v", f.accounts.list)
	}
	connect(f)
	if page := f.get(oidc.Callback+"?state=state&code=x", http.StatusOK); !strings.Contains(page.words(), "belongs to another account") {
		t.Error("an identity was connected twice")
	}
	f.post("/profile/disconnect", http.StatusOK)
	if len(f.accounts.identities) != 0 {
		t.Error("it is still connected")
	}
}

// Whoever brings a browser to come back from the provider does not get the account that is signed in there.
func TestConnectIsOfOneSession(t *testing.T) {
	f := asAdmin(t)
	contoso(f)
	f.goesTo(http.MethodPost, "/profile/connect")
	f.post("/sign-out", http.StatusOK)
	f.wantTitle(f.get(oidc.Callback+"?state=state&code=x", http.StatusUnprocessableEntity), "Sign-in did not work")
	f.goesTo(http.MethodGet, "/sign-in/openid")
	f.post("/sign-in", http.StatusOK, "name", "admin", "password", horse)
	f.get(oidc.Callback+"?state=another&code=x", http.StatusUnprocessableEntity)
	if len(f.accounts.identities) != 0 {
		t.Error("it was connected")
	}
}

func providerForm(change ...string) []string {
	form := map[string]string{
		"active": "true", "name": "Contoso", "issuer": issuer, "client_id": "heliograph", "secret": "", "scopes": "profile groups", "name_claim": "upn",
		"group_claim": "groups", "create": "true", "rule_group_0": "mobility", "rule_role_0": "operator", "rule_groups_0": "",
		"rule_group_1": "", "rule_role_1": "auditor", "rule_groups_1": "", "rule_group_2": "desk", "rule_role_2": "support", "rule_groups_2": "North; South",
	}
	for i := 0; i < len(change); i += 2 {
		form[change[i]] = change[i+1]
	}
	var list []string
	for name, value := range form {
		list = append(list, name, value)
	}
	return list
}

func TestProviderSettings(t *testing.T) {
	f := asAdmin(t)
	page := f.get("/settings/sign-in", http.StatusOK)
	if got := page.find(".aside dd")[0].words(); got != "https://notify.example.com"+oidc.Callback {
		t.Errorf("the redirect address is %q", got)
	}
	page = f.post("/settings/sign-in/provider", http.StatusUnprocessableEntity, providerForm("issuer", "http://login.example.com", "secret", "s3cret", "rule_groups_2", "Nowhere")...)
	if page.one(t, "#issuer-problem").words() == "" || page.one(t, "#issuer").attr["value"] != "http://login.example.com" || !strings.Contains(page.one(t, "#rules-problem").words(), "Nowhere") {
		t.Error("what is wrong is not beside its field, or what was typed is gone")
	}
	if strings.Contains(page.text.String(), "s3cret") || page.one(t, "#secret").attr["value"] != "" {
		t.Error("the secret came back")
	}
	f.post("/settings/sign-in/provider", http.StatusOK, providerForm("secret", "s3cret")...)
	p := f.accounts.provider
	if p == nil || p.Secret != "s3cret" || len(p.Rules) != 2 || p.Rules[1].Role != access.Support || len(p.Rules[1].Groups) != 2 || p.Scopes[1] != "groups" {
		t.Fatalf("stored %+v", p)
	}
	page = f.post("/settings/sign-in/provider", http.StatusOK, providerForm("name", "Fabrikam")...)
	if f.accounts.provider.Secret != "s3cret" || f.accounts.provider.Name != "Fabrikam" || strings.Contains(page.text.String(), "s3cret") {
		t.Errorf("an empty secret does not keep: %+v", f.accounts.provider)
	}
	page = f.post("/settings/sign-in/provider", http.StatusUnprocessableEntity, providerForm("issuer", "https://evil.example.com")...)
	if f.accounts.provider.Issuer != issuer || !strings.Contains(page.one(t, "#secret-problem").words(), "another issuer") {
		t.Error("a secret that was given for one issuer went to another, or was lost without a word")
	}
	f.post("/settings/sign-in/provider", http.StatusOK, providerForm("issuer", "https://evil.example.com", "clear_secret", "true")...)
	if f.accounts.provider.Secret != "" {
		t.Error("it is still there")
	}
	for _, e := range f.accounts.entries {
		if strings.Contains(string(e.Before)+string(e.After), "s3cret") {
			t.Errorf("the audit log holds the secret: %s %s", e.Before, e.After)
		}
	}
	f.post("/settings/sign-in/provider/delete", http.StatusOK)
	if f.accounts.provider != nil {
		t.Error("it is still there")
	}
}

func TestProviderTest(t *testing.T) {
	f := asAdmin(t)
	contoso(f)
	page := f.post("/settings/sign-in/provider/test", http.StatusOK, providerForm("name", "Unsaved")...)
	if !strings.Contains(page.one(t, "#tested").words(), "can be used") || f.openID.tested.Secret != "s3cret" || f.accounts.provider.Name != "Contoso" {
		t.Errorf("tested %+v, and it says %q", f.openID.tested, page.one(t, "#tested").words())
	}
	f.post("/settings/sign-in/provider/test", http.StatusUnprocessableEntity, providerForm("issuer", "https://evil.example.com")...)
	if f.openID.tested.Issuer != issuer {
		t.Error("the secret was shown to another issuer than it was given for")
	}
	f.openID.fails = &oidc.Problem{Kind: oidc.Unusable}
	page = f.post("/settings/sign-in/provider/test", http.StatusOK, providerForm()...)
	if !strings.Contains(page.one(t, "#tested").words(), "cannot be used yet") || page.one(t, "#name").attr["value"] != "Contoso" {
		t.Errorf("it says %q", page.one(t, "#tested").words())
	}
}

func TestSignInPolicy(t *testing.T) {
	f := asAdmin(t)
	f.post("/settings/sign-in", http.StatusOK, "second_factor", "everybody", "local", "administrators")
	if want := (access.Policy{Local: access.LocalAdministrators, SecondFactor: access.SecondFactorEverybody}); f.accounts.policy != want {
		t.Errorf("it is %+v", f.accounts.policy)
	}
	f.post("/settings/sign-in", http.StatusOK, "second_factor", "x", "local", "")
	if f.accounts.policy.SecondFactor != access.SecondFactorEverybody || f.accounts.policy.Local != access.LocalAdministrators {
		t.Errorf("words that are none changed it to %+v", f.accounts.policy)
	}
}
