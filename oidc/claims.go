package oidc

import (
	"context"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"heliograph/access"
)

// identify checks the ID token (OpenID Connect Core 1.0 section 3.1.3.7), and asks for the claims that it lacks.
func (c *Client) identify(ctx context.Context, p access.IdentityProvider, d discovered, f Flow, token *oauth2.Token) (access.Identity, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return access.Identity{}, &Problem{Kind: Refused, Detail: "The answer holds no ID token."}
	}
	verifier := d.provider.VerifierContext(oidc.ClientContext(context.WithoutCancel(ctx), d.http), &oidc.Config{ClientID: p.ClientID, Now: c.now})
	checked, err := verifier.Verify(ctx, raw)
	if err != nil {
		return access.Identity{}, &Problem{Kind: Refused, Detail: "The ID token is not valid.", err: err}
	}
	if checked.Nonce != f.Nonce || f.Nonce == "" {
		return access.Identity{}, &Problem{Kind: Stale, Detail: "The ID token is of another sign-in."}
	}
	claims := map[string]any{}
	if err := checked.Claims(&claims); err != nil {
		return access.Identity{}, &Problem{Kind: Refused, Detail: "The ID token's claims cannot be read."}
	}
	if err := c.complete(ctx, p, d, token, claims); err != nil {
		return access.Identity{}, err
	}
	return access.Identity{
		Issuer: checked.Issuer, Subject: checked.Subject, Name: textOf(claimAt(claims, p.NameClaim)), Mail: mailOf(claims),
		Groups: textsOf(claimAt(claims, p.GroupClaim)), IDToken: raw,
	}, nil
}

// complete adds what the userinfo endpoint says, when the ID token leaves out something that is needed (OpenID Connect
// Core 1.0 section 5.4). A provider without that endpoint has said all it will.
func (c *Client) complete(ctx context.Context, p access.IdentityProvider, d discovered, token *oauth2.Token, claims map[string]any) error {
	whole := claimAt(claims, p.NameClaim) != nil && (len(p.Rules) == 0 || claimAt(claims, p.GroupClaim) != nil)
	if whole || d.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := d.provider.UserInfo(oidc.ClientContext(ctx, d.http), oauth2.StaticTokenSource(token))
	if err != nil {
		return &Problem{Kind: Unusable, Detail: "The userinfo endpoint did not answer as it should.", err: err}
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return &Problem{Kind: Unusable, Detail: "The userinfo endpoint's claims cannot be read."}
	}
	if info.Subject != claims["sub"] { // section 5.3.2: it could be somebody else's token
		return &Problem{Kind: Refused, Detail: "The userinfo endpoint speaks of somebody else."}
	}
	for name, value := range more {
		if _, has := claims[name]; !has {
			claims[name] = value
		}
	}
	return nil
}

// claimAt follows a path with dots; a claim whose own name has dots is found first. nil = it is not there.
func claimAt(claims map[string]any, path string) any {
	if value, has := claims[path]; has || path == "" {
		return value
	}
	for i, r := range path {
		if r != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if value := claimAt(inner, path[i+1:]); value != nil {
				return value
			}
		}
	}
	return nil
}

func textOf(claim any) string {
	text, _ := claim.(string)
	return strings.TrimSpace(text)
}

// textsOf reads a list of texts, or a single one.
func textsOf(claim any) (list []string) {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		for _, one := range claim {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}

// mailOf takes an address only from a provider that has seen mail arrive there.
func mailOf(claims map[string]any) string {
	if verified, _ := claims["email_verified"].(bool); !verified {
		return ""
	}
	return textOf(claims["email"])
}
