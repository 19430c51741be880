package api

import (
	"context"
	"time"

	"heliograph/access"
)

// Token lets a script call this API.
type Token struct {
	ID         string     `json:"id" example:"01936b1e-6d0c-7c4e-9a53-0c1f5a6f3c11"`
	Name       string     `json:"name" example:"device management"`
	Role       string     `json:"role" enum:"administrator"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at" doc:"null = never."`
	LastUsedAt *time.Time `json:"last_used_at" doc:"At most a minute old; null = never."`
}

// NewToken asks for an API token.
type NewToken struct {
	Name      string     `json:"name" required:"true" minLength:"1" maxLength:"256" example:"device management"`
	Role      string     `json:"role" required:"true" enum:"administrator"`
	Groups    []string   `json:"groups" maxItems:"0" doc:"For roles that can be limited to groups; the administrator's cannot."`
	ExpiresAt *time.Time `json:"expires_at" doc:"null or absent = never."`
}

// CreatedToken is a token with its secret, which is shown this once.
type CreatedToken struct {
	Token
	Secret string `json:"token" doc:"Send it as Authorization: Bearer TOKEN. It is never shown again." example:"hel_qL0…"`
}

func showToken(t access.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Role: string(t.Role), CreatedAt: t.CreatedAt,
		ExpiresAt: timeOrNull(t.ExpiresAt), LastUsedAt: timeOrNull(t.LastUsed),
	}
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

func (s *server) createToken(ctx context.Context, _ access.Actor, in *createTokenInput) (*made[CreatedToken], error) {
	var expires time.Time
	if in.body.ExpiresAt != nil {
		if expires = in.body.ExpiresAt.UTC(); !expires.After(s.now()) {
			return nil, refused(Fault{"/expires_at", "has passed already"})
		}
	}
	secret, t, err := s.store.CreateToken(ctx, in.body.Name, access.Role(in.body.Role), expires)
	if err != nil {
		return nil, err
	}
	return &made[CreatedToken]{prefix + "/api-tokens/" + t.ID, CreatedToken{showToken(t), secret}}, nil
}

func (s *server) deleteToken(ctx context.Context, _ access.Actor, in *ByID) (*nothing, error) {
	return &nothing{}, s.store.DeleteToken(ctx, in.ID)
}
