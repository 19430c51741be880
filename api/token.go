package api

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/intake"
)

// Token lets a script call this API.
type Token struct {
	ID         string             `json:"id" example:"01936b1e-6d0c-7c4e-9a53-0c1f5a6f3c11"`
	Name       string             `json:"name" example:"device management"`
	Role       string             `json:"role" enum:"administrator,operator,support,auditor," doc:"What it may do now: never more than who made it. Empty = nothing any more."`
	Groups     optional[[]string] `json:"groups,omitzero" doc:"Names of the groups that it is limited to; null = it sees the whole fleet." example:"Sales,Paris"`
	MadeBy     string             `json:"made_by" doc:"Name of the administrator or token that made it; empty = the command line did. It ends with the administrator’s account."`
	CreatedAt  time.Time          `json:"created_at"`
	ExpiresAt  *time.Time         `json:"expires_at" doc:"null = never."`
	LastUsedAt *time.Time         `json:"last_used_at" doc:"At most a minute old; null = never."`
}

// NewToken asks for an API token.
type NewToken struct {
	Name      string             `json:"name" required:"true" minLength:"1" maxLength:"128" example:"device management"`
	Role      string             `json:"role" required:"true" enum:"administrator,operator,support,auditor"`
	Groups    optional[[]string] `json:"groups,omitzero" doc:"Names or ids of the groups to limit it to; null or absent = the whole fleet. An administrator cannot be limited." example:"Sales,Paris"`
	ExpiresAt *time.Time         `json:"expires_at" doc:"null or absent = never. No later than that of the token that asks."`
}

// CreatedToken is a token with its secret, which is shown this once.
type CreatedToken struct {
	Token
	Secret string `json:"token" doc:"Send it as Authorization: Bearer TOKEN. It is never shown again." example:"hel_qL0…"`
}

func showToken(t access.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Role: string(t.Role), Groups: groupsOf(t.Scope, t.Groups), MadeBy: t.MadeBy, CreatedAt: t.CreatedAt,
		ExpiresAt: timeOrNull(t.ExpiresAt), LastUsedAt: timeOrNull(t.LastUsed),
	}
}

// groupsOf are the groups of a limited role; null for one that is not.
func groupsOf(scope access.Scope, names []string) optional[[]string] {
	if scope.All() {
		return optional[[]string]{Null: true}
	}
	return some(listOf(names))
}

type listTokensInput struct{ Paged }

func (s *server) listTokens(ctx context.Context, _ access.Actor, in *listTokensInput) (*found[page[Token]], error) {
	list, next, err := s.store.ListTokens(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showToken), nil
}

func (s *server) getToken(ctx context.Context, _ access.Actor, in *ByID) (*found[Token], error) {
	t, err := s.store.Token(ctx, in.ID)
	return find(showToken(t), err)
}

type createTokenInput struct{ payload[NewToken] }

func (s *server) createToken(ctx context.Context, actor access.Actor, in *createTokenInput) (*made[CreatedToken], error) {
	asked := intake.TokenInput{Name: in.body.Name, Role: access.Role(in.body.Role), Limited: in.body.Groups.Set, Groups: in.body.Groups.Value}
	if in.body.ExpiresAt != nil {
		asked.ExpiresAt = in.body.ExpiresAt.UTC()
	}
	secret, t, err := s.door.CreateToken(ctx, actor, asked)
	if err != nil {
		return nil, err
	}
	return &made[CreatedToken]{prefix + "/api-tokens/" + t.ID, CreatedToken{showToken(t), secret}}, nil
}

func (s *server) deleteToken(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.door.DeleteToken(ctx, actor, in.ID)
}
