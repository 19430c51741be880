package intake

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"heliograph/access"
)

// TokenInput asks for an API token.
type TokenInput struct {
	Name      string
	Role      access.Role
	Limited   bool // to Groups
	Groups    []string
	ExpiresAt time.Time // zero = never
}

// CreateToken makes an API token, which never has more than its maker: no higher role, no other groups, and, when a token
// makes it, no longer life. It goes on with what its maker's account may do at the time of each request, and ends with
// that account. The secret is given this once.
func (d *Door) CreateToken(ctx context.Context, actor access.Actor, in TokenInput) (secret string, t access.Token, err error) {
	t = access.Token{Name: strings.TrimSpace(in.Name), Role: in.Role, MadeBy: actor.Name, ExpiresAt: in.ExpiresAt.UTC()}
	problems := checkTokenName(t.Name)
	problems = append(problems, checkRole(actor, in.Role)...)
	scope, names, wrong, err := d.limit(ctx, actor, in.Role, in.Limited, in.Groups)
	if err != nil {
		return "", t, err
	}
	t.Scope, t.Groups = scope, names
	late, err := d.fromMaker(ctx, actor, &t)
	if err != nil {
		return "", t, err
	}
	problems = append(append(problems, wrong...), late...)
	if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(d.options.Now()) {
		problems = append(problems, Problem{"/expires_at", "has passed already"})
	}
	if err := refuse(problems); err != nil {
		return "", t, err
	}
	secret, t, err = d.store.AddToken(ctx, t, func(made access.Token) access.Entry {
		return actor.Did(access.Create, tokenObject(made), nil, tokenFields(made))
	})
	if err == nil {
		d.options.Logger.Info("API token created", "name", t.Name, "role", t.Role, "by", actor.Name)
	}
	return secret, t, err
}

// fromMaker says whose token it is, and what is wrong with its end: a token that ends makes none that outlives it.
func (d *Door) fromMaker(ctx context.Context, actor access.Actor, t *access.Token) ([]Problem, error) {
	switch actor.Kind {
	case access.ByAccount:
		t.Maker = actor.ID
	case access.ByToken:
		maker, err := d.store.Token(ctx, actor.ID)
		if err != nil {
			return nil, err
		}
		t.Maker = maker.Maker
		if !maker.ExpiresAt.IsZero() && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(maker.ExpiresAt)) {
			return []Problem{{"/expires_at", "must not be later than that of the token that asks"}}, nil
		}
	}
	return nil, nil
}

func checkTokenName(name string) []Problem {
	switch {
	case name == "":
		return []Problem{{"/name", "is required"}}
	case utf8.RuneCountInString(name) > mostLetters:
		return []Problem{{"/name", fmt.Sprintf("is longer than %d characters", mostLetters)}}
	}
	return nil
}

// DeleteToken ends an API token at once.
func (d *Door) DeleteToken(ctx context.Context, actor access.Actor, id string) error {
	t, err := d.store.Token(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.DeleteToken(ctx, id, actor.Did(access.Delete, tokenObject(t), tokenFields(t), nil))
	if err == nil {
		d.options.Logger.Info("API token deleted", "name", t.Name, "by", actor.Name)
	}
	return err
}

// SetAuditDays says how long the audit log is kept.
func (d *Door) SetAuditDays(ctx context.Context, actor access.Actor, days, least, most int) error {
	if days < least || days > most {
		return wrong("/days", "must be %d to %d", least, most)
	}
	known, err := d.store.AuditDays(ctx)
	if err != nil {
		return err
	}
	const name = "audit_days"
	return d.store.PutAuditDays(ctx, days, put(actor, settingObject(name), fields{name: known}, fields{name: days})...)
}

func tokenObject(t access.Token) access.Object {
	return access.Object{Kind: access.AToken, ID: t.ID, Name: t.Name}
}

func tokenFields(t access.Token) any {
	return fields{"name": t.Name, "role": t.Role, "groups": groupsField(t.Scope, t.Groups), "expires_at": timeField(t.ExpiresAt)}
}
