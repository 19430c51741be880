package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/store"
)

// fakeAccess lets people and scripts in as the door does, as far as pages can tell, and remembers what was exported.
type fakeAccess struct {
	accounts *fakeAccounts
	groups   []fleet.Group
	tokens   []access.Token
	entries  []access.Entry // newest first
	days     int

	mu       sync.Mutex
	exported []string
}

func (f *fakeAccess) find(name string) int {
	return slices.IndexFunc(f.accounts.list, func(a access.Account) bool { return a.Name == name || a.ID == name })
}

func (f *fakeAccess) fill(a access.Account, in intake.AccountInput) (access.Account, error) {
	var problems []intake.Problem
	if !in.Role.Known() {
		problems = append(problems, intake.Problem{Pointer: "/role", Detail: "is required"})
	}
	if in.Limited && len(in.Groups) == 0 {
		problems = append(problems, intake.Problem{Pointer: "/groups", Detail: "must name at least one group"})
	}
	if len(problems) > 0 {
		return a, &intake.Refused{Problems: problems}
	}
	a.Role, a.Scope, a.Groups, a.Mail, a.Mobile, a.Alerts = in.Role, access.Everything, nil, in.Mail, in.Mobile, in.Alerts
	if in.Limited {
		a.Scope, a.Groups = access.Limited(1), in.Groups
	}
	return a, nil
}

func (f *fakeAccess) CreateAccount(_ context.Context, _ access.Actor, in intake.AccountInput) (access.Account, string, error) {
	if f.find(in.Name) >= 0 {
		return access.Account{}, "", fmt.Errorf("an account with this name exists already: %w", store.ErrConflict)
	}
	a, err := f.fill(access.Account{ID: "id-" + in.Name, Name: in.Name}, in)
	if err == nil {
		f.accounts.list = append(f.accounts.list, a)
	}
	return a, "secret-of-" + in.Name, err
}

func (f *fakeAccess) UpdateAccount(_ context.Context, _ access.Actor, id string, in intake.AccountInput) (access.Account, error) {
	i := f.find(id)
	if f.accounts.list[i].Role == access.Administrator && in.Role != access.Administrator {
		return access.Account{}, store.ErrLastAdministrator
	}
	a, err := f.fill(f.accounts.list[i], in)
	if err == nil {
		f.accounts.list[i] = a
	}
	return a, err
}

func (f *fakeAccess) DeleteAccount(_ context.Context, _ access.Actor, id string) error {
	i := f.find(id)
	if f.accounts.list[i].Role == access.Administrator {
		return store.ErrLastAdministrator
	}
	f.accounts.list = slices.Delete(f.accounts.list, i, i+1)
	return nil
}

func (f *fakeAccess) InviteAccount(_ context.Context, _ access.Actor, id string) (string, error) {
	return "again-" + id, nil
}

func (f *fakeAccess) CreateToken(_ context.Context, actor access.Actor, in intake.TokenInput) (string, access.Token, error) {
	if in.Name == "" {
		return "", access.Token{}, &intake.Refused{Problems: []intake.Problem{{Pointer: "/name", Detail: "is required"}}}
	}
	t := access.Token{ID: "id-" + in.Name, Name: in.Name, Role: in.Role, Scope: access.Everything, MadeBy: actor.Name, ExpiresAt: in.ExpiresAt}
	f.tokens = append(f.tokens, t)
	return access.TokenPrefix + "shown-once", t, nil
}

func (f *fakeAccess) DeleteToken(_ context.Context, _ access.Actor, id string) error {
	f.tokens = slices.DeleteFunc(f.tokens, func(t access.Token) bool { return t.ID == id })
	return nil
}

func (f *fakeAccess) SetAuditDays(_ context.Context, _ access.Actor, days, least, most int) error {
	if days < least || days > most {
		return &intake.Refused{Problems: []intake.Problem{{Pointer: "/days", Detail: "is wrong"}}}
	}
	f.days = days
	return nil
}

func (f *fakeAccess) Exported(_ context.Context, actor access.Actor, kind access.ObjectKind, what any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exported = append(f.exported, strings.TrimSpace(fmt.Sprint(actor.Name, " ", kind, " ", what)))
	return nil
}

func (f *fakeAccess) Account(_ context.Context, id string) (access.Account, error) {
	if i := f.find(id); i >= 0 {
		return f.accounts.list[i], nil
	}
	return access.Account{}, store.ErrNotFound
}

func (f *fakeAccess) ListAccounts(context.Context, store.Page) ([]access.Account, string, error) {
	return f.accounts.list, "", nil
}

func (f *fakeAccess) Token(_ context.Context, id string) (access.Token, error) {
	for _, t := range f.tokens {
		if t.ID == id {
			return t, nil
		}
	}
	return access.Token{}, store.ErrNotFound
}

func (f *fakeAccess) ListTokens(context.Context, store.Page) ([]access.Token, string, error) {
	return f.tokens, "", nil
}

func (f *fakeAccess) CountTokensOf(context.Context, string) (int, error) { return len(f.tokens), nil }

func (f *fakeAccess) ListGroups(context.Context, access.Scope, store.Page) ([]fleet.Group, string, error) {
	return f.groups, "", nil
}

func (f *fakeAccess) ListAudit(_ context.Context, filter store.AuditFilter, _ store.Page) (list []access.Entry, _ string, _ error) {
	for _, e := range f.entries {
		if (len(filter.Action) == 0 || slices.Contains(filter.Action, e.Action)) && (filter.Actor == "" || filter.Actor == e.Actor.Name) &&
			(filter.Since.IsZero() || !e.At.Before(filter.Since)) && (filter.Until.IsZero() || e.At.Before(filter.Until)) {
			list = append(list, e)
		}
	}
	return list, "", nil
}

func (f *fakeAccess) AuditEntry(_ context.Context, id int64) (access.Entry, error) {
	for _, e := range f.entries {
		if e.ID == id {
			return e, nil
		}
	}
	return access.Entry{}, store.ErrNotFound
}

func (f *fakeAccess) AuditDays(context.Context) (int, error) { return f.days, nil }
