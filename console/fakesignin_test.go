package console

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/oidc"
	"heliograph/store"
)

// fakeSignIns keeps in memory how people sign in. Time stands still at testTime.
type fakeSignIns struct {
	sessions   []access.Session
	factors    map[string]access.SecondFactor
	recovery   map[string][]string
	policy     access.Policy
	provider   *access.IdentityProvider
	identities []fakeIdentity
	entries    []access.Entry
}

type fakeIdentity struct {
	access.Identity
	account string
	managed bool
}

func (f *fakeSignIns) Audit(_ context.Context, entries ...access.Entry) error {
	f.entries = append(f.entries, entries...)
	return nil
}

// did lists what was noted, such as "sign_in admin".
func (f *fakeSignIns) did() (list []string) {
	for _, e := range f.entries {
		list = append(list, string(e.Action)+" "+e.Object.Name)
	}
	return list
}

func (f *fakeSignIns) NewSession(ctx context.Context, s access.Session, entries ...access.Entry) (access.Session, error) {
	s.ID, s.CreatedAt, s.SeenAt = fmt.Sprint("session-", len(f.entries)+len(f.sessions)), testTime, testTime
	f.sessions = append(f.sessions, s)
	return s, f.Audit(ctx, entries...)
}

func (f *fakeSignIns) find(id string) (access.Session, error) {
	i := slices.IndexFunc(f.sessions, func(s access.Session) bool { return s.ID == id })
	if i < 0 {
		return access.Session{}, store.ErrNotFound
	}
	return f.sessions[i], nil
}

func (f *fakeAccounts) Session(ctx context.Context, id string) (access.Session, access.Account, error) {
	s, err := f.fakeSignIns.find(id)
	if err != nil {
		return s, access.Account{}, err
	}
	a, err := f.Account(ctx, s.Account)
	return s, a, err
}

func (f *fakeSignIns) SessionSeen(_ context.Context, s access.Session, address string) error {
	for i := range f.sessions {
		if f.sessions[i].ID == s.ID {
			f.sessions[i].Address = address
		}
	}
	return nil
}

func (f *fakeSignIns) IDToken(_ context.Context, id string) (string, error) {
	s, err := f.find(id)
	return s.IDToken, err
}

func (f *fakeSignIns) ListSessions(_ context.Context, account string) (list []access.Session, _ error) {
	for _, s := range f.sessions {
		if s.Account == account {
			list = append(list, s)
		}
	}
	return list, nil
}

func (f *fakeSignIns) EndSession(ctx context.Context, account, id string, entries ...access.Entry) error {
	if s, err := f.find(id); err != nil || s.Account != account {
		return store.ErrNotFound
	}
	f.sessions = slices.DeleteFunc(f.sessions, func(s access.Session) bool { return s.ID == id })
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) endAll(account, but string) {
	f.sessions = slices.DeleteFunc(f.sessions, func(s access.Session) bool { return s.Account == account && s.ID != but })
}

func (f *fakeSignIns) EndSessions(ctx context.Context, account, but string, entries ...access.Entry) error {
	f.endAll(account, but)
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) BrowserMark(account, random string) string {
	return "mark of " + account + random
}

func (f *fakeAccounts) SetPassword(ctx context.Context, id, hash, keep string, entries ...access.Entry) error {
	f.setPassword(id, hash)
	f.endAll(id, keep)
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) SecondFactor(_ context.Context, account string) (access.SecondFactor, error) {
	return f.factors[account], nil
}

func (f *fakeSignIns) BeginSecondFactor(_ context.Context, account string) (access.SecondFactor, error) {
	if known := f.factors[account]; !known.ConfirmedAt.IsZero() {
		return known, store.ErrConflict
	}
	if f.factors == nil {
		f.factors, f.recovery = map[string]access.SecondFactor{}, map[string][]string{}
	}
	if f.factors[account].Secret == "" {
		f.factors[account] = access.SecondFactor{Secret: access.NewTOTPSecret()}
	}
	return f.factors[account], nil
}

func (f *fakeSignIns) ConfirmSecondFactor(ctx context.Context, account string, step int64, codes []string, entries ...access.Entry) error {
	known := f.factors[account]
	if known.Secret == "" || !known.ConfirmedAt.IsZero() {
		return store.ErrNotFound
	}
	known.ConfirmedAt, known.LastStep = testTime, step
	f.factors[account], f.recovery[account] = known, codes
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) TakeCode(_ context.Context, account string, step int64) (bool, error) {
	known := f.factors[account]
	if step <= known.LastStep {
		return false, nil
	}
	known.LastStep = step
	f.factors[account] = known
	return true, nil
}

func (f *fakeSignIns) TakeRecoveryCode(ctx context.Context, account, code string, entries ...access.Entry) (bool, error) {
	i := slices.Index(f.recovery[account], code)
	if i < 0 {
		return false, nil
	}
	f.recovery[account] = slices.Delete(slices.Clone(f.recovery[account]), i, i+1)
	return true, f.Audit(ctx, entries...)
}

func (f *fakeSignIns) RecoveryCodesLeft(_ context.Context, account string) (int, error) {
	return len(f.recovery[account]), nil
}

func (f *fakeSignIns) NewRecoveryCodes(ctx context.Context, account string, codes []string, entries ...access.Entry) error {
	f.recovery[account] = codes
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) RemoveSecondFactor(ctx context.Context, account string, entries ...access.Entry) error {
	delete(f.factors, account)
	delete(f.recovery, account)
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) SignInPolicy(context.Context) (access.Policy, error) { return f.policy, nil }

func (f *fakeSignIns) PutSignInPolicy(ctx context.Context, p access.Policy, entries ...access.Entry) error {
	f.policy = p
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) IdentityProvider(context.Context) (access.IdentityProvider, error) {
	if f.provider == nil {
		return access.IdentityProvider{}, store.ErrNotFound
	}
	return *f.provider, nil
}

func (f *fakeSignIns) PutIdentityProvider(ctx context.Context, p access.IdentityProvider, entries ...access.Entry) error {
	f.provider = &p
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) DeleteIdentityProvider(ctx context.Context, entries ...access.Entry) error {
	if f.provider == nil {
		return store.ErrNotFound
	}
	f.provider = nil
	return f.Audit(ctx, entries...)
}

func (f *fakeAccounts) AccountByIdentity(ctx context.Context, issuer, subject string) (access.Account, bool, error) {
	for _, i := range f.identities {
		if i.Issuer == issuer && i.Subject == subject {
			a, err := f.Account(ctx, i.account)
			return a, i.managed, err
		}
	}
	return access.Account{}, false, store.ErrNotFound
}

func (f *fakeAccounts) AddIdentityAccount(ctx context.Context, a access.Account, i access.Identity, entries ...access.Entry) (access.Account, error) {
	if _, err := f.AccountByName(ctx, a.Name); err == nil {
		return a, store.ErrConflict
	}
	a.Name = strings.ToLower(a.Name)
	f.list = append(f.list, a)
	return a, f.Connect(ctx, a.ID, i, true, entries...)
}

func (f *fakeSignIns) HasIdentity(_ context.Context, issuer, account string) (bool, error) {
	return slices.ContainsFunc(f.identities, func(i fakeIdentity) bool { return i.Issuer == issuer && i.account == account }), nil
}

func (f *fakeSignIns) Connect(ctx context.Context, account string, i access.Identity, managed bool, entries ...access.Entry) error {
	if slices.ContainsFunc(f.identities, func(known fakeIdentity) bool { return known.Issuer == i.Issuer && known.Subject == i.Subject }) {
		return store.ErrConflict
	}
	f.identities = append(f.identities, fakeIdentity{i, account, managed})
	return f.Audit(ctx, entries...)
}

func (f *fakeSignIns) Disconnect(ctx context.Context, issuer, account string, entries ...access.Entry) error {
	before := len(f.identities)
	f.identities = slices.DeleteFunc(f.identities, func(i fakeIdentity) bool { return i.Issuer == issuer && i.account == account && !i.managed })
	if len(f.identities) == before {
		return store.ErrNotFound
	}
	return f.Audit(ctx, entries...)
}

func (f *fakeAccounts) UpdateAccount(ctx context.Context, a access.Account, entries ...access.Entry) error {
	for i := range f.list {
		if f.list[i].ID == a.ID {
			f.list[i] = a
		}
	}
	return f.Audit(ctx, entries...)
}

// ScopeOfGroups knows the groups North and South.
func (f *fakeSignIns) ScopeOfGroups(_ context.Context, _ access.Scope, words []string) (scope access.Scope, names, unknown []string, _ error) {
	var keys []int64
	for _, word := range words {
		if i := slices.Index([]string{"North", "South"}, word); i >= 0 {
			keys, names = append(keys, int64(i)), append(names, word)
		} else {
			unknown = append(unknown, word)
		}
	}
	return access.Limited(keys...), names, unknown, nil
}

// fakeOpenID is a provider at which identity signs in, whoever they are; the real one is tried in oidc and in app.
type fakeOpenID struct {
	identity access.Identity
	fails    error
	tested   access.IdentityProvider
}

func (f *fakeOpenID) Begin(_ context.Context, p access.IdentityProvider) (oidc.Flow, string, error) {
	return oidc.Flow{State: "state", Nonce: "nonce", Verifier: "verifier"}, p.Issuer + "/authorize?state=state", f.fails
}

func (f *fakeOpenID) Finish(_ context.Context, _ access.IdentityProvider, flow oidc.Flow, back url.Values) (access.Identity, error) {
	if flow.State == "" || back.Get("state") != flow.State {
		return access.Identity{}, &oidc.Problem{Kind: oidc.Stale}
	}
	return f.identity, f.fails
}

func (f *fakeOpenID) SignOutURL(_ context.Context, p access.IdentityProvider, idToken string) string {
	return p.Issuer + "/end?id_token_hint=" + idToken
}

func (f *fakeOpenID) Test(_ context.Context, p access.IdentityProvider) channel.Report {
	f.tested = p
	r := channel.Report{OK: f.fails == nil, Steps: []channel.Step{{Name: "discovery", OK: f.fails == nil}}}
	if f.fails != nil {
		r.Detail = f.fails.Error()
	}
	return r
}

func (f *fakeOpenID) RedirectURL() string  { return "https://notify.example.com" + oidc.Callback }
func (f *fakeOpenID) SignedOutURL() string { return "https://notify.example.com" + oidc.SignedOut }
