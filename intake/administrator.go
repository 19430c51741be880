package intake

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/fleet"
)

// Accounts is the store's side that keeps administrators and API tokens.
type Accounts interface {
	Account(ctx context.Context, id string) (access.Account, error)
	// AddAccount makes an account without a password. A conflict says that the name is taken.
	AddAccount(ctx context.Context, a access.Account, entries ...access.Entry) (access.Account, error)
	// UpdateAccount and DeleteAccount refuse, as a conflict, to leave nobody who could administer. A deleted account takes
	// the API tokens along that it made.
	UpdateAccount(ctx context.Context, a access.Account, entries ...access.Entry) error
	DeleteAccount(ctx context.Context, id string, entries ...access.Entry) error
	// NewLink makes a one-time link that sets the password. Older ones stop working.
	NewLink(ctx context.Context, account string, entries ...access.Entry) (secret string, err error)
	// ScopeOfGroups is the scope of some groups, by their names or ids, as far as there are such in the asking scope.
	ScopeOfGroups(ctx context.Context, asking access.Scope, words []string) (scope access.Scope, names, unknown []string, err error)

	Token(ctx context.Context, id string) (access.Token, error)
	AddToken(ctx context.Context, t access.Token, entry ...func(access.Token) access.Entry) (secret string, made access.Token, err error)
	DeleteToken(ctx context.Context, id string, entries ...access.Entry) error
	CountTokensOf(ctx context.Context, account string) (int, error)

	AuditDays(ctx context.Context) (int, error)
	PutAuditDays(ctx context.Context, days int, entries ...access.Entry) error
}

// AccountInput is what an administrator says about another one.
type AccountInput struct {
	Name    string // what they sign in with; cannot be changed later
	Role    access.Role
	Limited bool     // to Groups
	Groups  []string // names or ids
	Mail    string
	Mobile  string
	Alerts  bool
}

const mostLetters = 128 // of an account's or a token's name

// CreateAccount makes an account and a one-time link by which its owner sets a password. The link's secret is given this
// once.
func (d *Door) CreateAccount(ctx context.Context, actor access.Actor, in AccountInput) (a access.Account, link string, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return a, "", err
	}
	a.ID, a.Name = id.String(), strings.ToLower(strings.TrimSpace(in.Name))
	problems := checkAccountName(a.Name)
	a, err = d.fillAccount(ctx, actor, a, in, problems)
	if err != nil {
		return a, "", err
	}
	if a, err = d.store.AddAccount(ctx, a, actor.Did(access.Create, accountObject(a), nil, accountFields(a))); err != nil {
		return a, "", err
	}
	d.options.Logger.Info("administrator created", "name", a.Name, "role", a.Role, "by", actor.Name)
	link, err = d.InviteAccount(ctx, actor, a.ID)
	return a, link, err
}

// UpdateAccount replaces role, groups, addresses and alerts of an account. Whoever is signed in with it has the new role
// from their next click.
func (d *Door) UpdateAccount(ctx context.Context, actor access.Actor, id string, in AccountInput) (access.Account, error) {
	known, err := d.store.Account(ctx, id)
	if err != nil {
		return known, err
	}
	var problems []Problem
	if name := strings.ToLower(strings.TrimSpace(in.Name)); name != "" && name != known.Name {
		problems = append(problems, Problem{"/name", "cannot be changed"})
	}
	a, err := d.fillAccount(ctx, actor, known, in, problems)
	if err != nil {
		return a, err
	}
	err = d.store.UpdateAccount(ctx, a, put(actor, accountObject(a), accountFields(known), accountFields(a))...)
	if err == nil {
		d.options.Logger.Info("administrator changed", "name", a.Name, "role", a.Role, "by", actor.Name)
	}
	return a, err
}

// DeleteAccount deletes an account. Its sessions end, and the API tokens that it made.
func (d *Door) DeleteAccount(ctx context.Context, actor access.Actor, id string) error {
	a, err := d.store.Account(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.DeleteAccount(ctx, id, actor.Did(access.Delete, accountObject(a), accountFields(a), nil))
	if err == nil {
		d.options.Logger.Info("administrator deleted", "name", a.Name, "by", actor.Name)
	}
	return err
}

// InviteAccount makes a new one-time link for an account, and gives its secret.
func (d *Door) InviteAccount(ctx context.Context, actor access.Actor, id string) (link string, err error) {
	a, err := d.store.Account(ctx, id)
	if err != nil {
		return "", err
	}
	return d.store.NewLink(ctx, id, actor.Did(access.Invite, accountObject(a), nil, nil))
}

func checkAccountName(name string) []Problem {
	switch {
	case name == "":
		return []Problem{{"/name", "is required"}}
	case utf8.RuneCountInString(name) > mostLetters || len(name) > mostLetters:
		return []Problem{{"/name", fmt.Sprintf("is longer than %d characters", mostLetters)}}
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return []Problem{{"/name", "must be written without spaces"}}
	}
	return nil
}

// fillAccount lays the input over an account and checks all of it, beside what was found wrong already.
func (d *Door) fillAccount(ctx context.Context, actor access.Actor, a access.Account, in AccountInput, problems []Problem) (access.Account, error) {
	problems = append(problems, checkRole(actor, in.Role)...)
	scope, names, wrong, err := d.limit(ctx, actor, in.Role, in.Limited, in.Groups)
	if err != nil {
		return a, err
	}
	problems = append(problems, wrong...)
	a.Role, a.Scope, a.Groups = in.Role, scope, names
	a.Mail, a.Mobile, a.Alerts = strings.TrimSpace(in.Mail), strings.TrimSpace(in.Mobile), in.Alerts
	if a.Mail != "" && !fleet.ValidMail(a.Mail) {
		problems = append(problems, Problem{"/mail", "is not a mail address"})
	}
	if a.Mobile != "" && !fleet.ValidNumber(a.Mobile) {
		problems = append(problems, Problem{"/mobile", "must be written as E.164: + and 7 to 15 digits, such as +33612345678"})
	}
	if a.Alerts && a.Mail == "" && a.Mobile == "" {
		problems = append(problems, Problem{"/receives_alerts", "is of no use without a mail address or a mobile number"})
	}
	return a, refuse(problems)
}

// checkRole refuses what there is not, and what is more than the actor has: nobody makes somebody who may more.
func checkRole(actor access.Actor, role access.Role) []Problem {
	switch {
	case role == "":
		return []Problem{{"/role", "is required"}}
	case !role.Known():
		return []Problem{{"/role", "must be one of: " + roleWords()}}
	case !role.Within(actor.Role):
		return []Problem{{"/role", "must not be more than your own"}}
	}
	return nil
}

func roleWords() string {
	words := make([]string, len(access.Roles))
	for i, role := range access.Roles {
		words[i] = string(role)
	}
	return strings.Join(words, ", ")
}

// limit is the scope of some groups, with their names, or what is wrong with them.
func (d *Door) limit(ctx context.Context, actor access.Actor, role access.Role, limited bool, groups []string) (scope access.Scope, names []string, problems []Problem, err error) {
	switch {
	case !limited && !actor.Scope.All():
		return scope, nil, []Problem{{"/groups", "must be among your own"}}, nil
	case !limited:
		return access.Everything, nil, nil, nil
	case role.Known() && !role.Limitable():
		return scope, nil, []Problem{{"/groups", "must be left out: an administrator sees the whole fleet"}}, nil
	case len(groups) == 0:
		return scope, nil, []Problem{{"/groups", "must name at least one group"}}, nil
	}
	scope, names, unknown, err := d.store.ScopeOfGroups(ctx, actor.Scope, groups)
	for i, word := range groups {
		for _, one := range unknown {
			if word == one {
				problems = append(problems, Problem{fmt.Sprintf("/groups/%d", i), "is no group that there is"})
				break
			}
		}
	}
	return scope, names, problems, err
}

func accountObject(a access.Account) access.Object {
	return access.Object{Kind: access.AnAccount, ID: a.ID, Name: a.Name}
}

func accountFields(a access.Account) any {
	return fields{
		"name": a.Name, "role": a.Role, "groups": groupsField(a.Scope, a.Groups), "mail": a.Mail, "mobile": a.Mobile, "receives_alerts": a.Alerts,
	}
}

// groupsField is null for who is not limited, as the API shows it.
func groupsField(scope access.Scope, names []string) any {
	if scope.All() {
		return nil
	}
	return append([]string{}, names...)
}
