package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"heliograph/access"
	"heliograph/channel"
)

// SignInStore is what is kept of how people sign in.
type SignInStore interface {
	SignInPolicy(ctx context.Context) (access.Policy, error)
	PutSignInPolicy(ctx context.Context, p access.Policy, entries ...access.Entry) error
	IdentityProvider(ctx context.Context) (access.IdentityProvider, error)
	PutIdentityProvider(ctx context.Context, p access.IdentityProvider, entries ...access.Entry) error
	DeleteIdentityProvider(ctx context.Context, entries ...access.Entry) error
	ScopeOfGroups(ctx context.Context, asking access.Scope, words []string) (scope access.Scope, names, unknown []string, err error)
	Audit(ctx context.Context, entries ...access.Entry) error
}

// SignIns decides how people sign in: what a password needs beside it, and at which OpenID provider.
type SignIns struct {
	store    SignInStore
	test     func(ctx context.Context, p access.IdentityProvider) channel.Report
	notFound error
}

// NewSignIns decides over a store. test asks a provider whether it can be used; notFound is what the store says when none
// was set up.
func NewSignIns(s SignInStore, test func(ctx context.Context, p access.IdentityProvider) channel.Report, notFound error) *SignIns {
	return &SignIns{s, test, notFound}
}

// ProviderInput is a provider as somebody wants it.
type ProviderInput struct {
	access.IdentityProvider
	KeepSecret bool // the stored one, if it was given for this very issuer: a secret never goes to another one
}

// ProviderRefused says what is wrong with a provider's settings.
type ProviderRefused struct {
	Problems []access.ProviderProblem
	Unknown  []string // groups of rules that are not there
}

func (r *ProviderRefused) Error() string { return "the provider's settings are refused" }

// SignInPolicy is who must show what to sign in with a password.
func (s *SignIns) SignInPolicy(ctx context.Context) (access.Policy, error) {
	return s.store.SignInPolicy(ctx)
}

// SetSignInPolicy changes it.
func (s *SignIns) SetSignInPolicy(ctx context.Context, actor access.Actor, p access.Policy) error {
	var problems []Problem
	if !slices.Contains(access.LocalSignIns, p.Local) {
		problems = append(problems, Problem{"/local", "must be everybody or administrators"})
	}
	if !slices.Contains(access.SecondFactorRules, p.SecondFactor) {
		problems = append(problems, Problem{"/second_factor", "must be optional, administrators or everybody"})
	}
	if err := refuse(problems); err != nil {
		return err
	}
	before, err := s.store.SignInPolicy(ctx)
	if err != nil {
		return err
	}
	return s.store.PutSignInPolicy(ctx, p, actor.Did(access.Update, access.Object{Kind: access.ASetting, Name: "sign-in"}, policyFields(before), policyFields(p)))
}

func policyFields(p access.Policy) any {
	return fields{"local": p.Local, "second_factor": p.SecondFactor}
}

// IdentityProvider reads the provider without its secret, and whether it has one.
func (s *SignIns) IdentityProvider(ctx context.Context) (p access.IdentityProvider, secretSet bool, err error) {
	p, err = s.store.IdentityProvider(ctx)
	secretSet, p.Secret = p.Secret != "", ""
	return p, secretSet, err
}

// SetIdentityProvider checks and replaces the provider's settings. *ProviderRefused when they cannot be kept.
func (s *SignIns) SetIdentityProvider(ctx context.Context, actor access.Actor, in ProviderInput) (created bool, err error) {
	p, stored, err := s.wanted(ctx, in)
	if err != nil {
		return false, err
	}
	action, before := access.Create, any(nil)
	if stored != nil {
		action, before = access.Update, providerFields(*stored)
	}
	return stored == nil, s.store.PutIdentityProvider(ctx, p, actor.Did(action, providerObject, before, providerFields(p)))
}

// DeleteIdentityProvider forgets it.
func (s *SignIns) DeleteIdentityProvider(ctx context.Context, actor access.Actor) error {
	stored, err := s.store.IdentityProvider(ctx)
	if err != nil {
		return err
	}
	return s.store.DeleteIdentityProvider(ctx, actor.Did(access.Delete, providerObject, providerFields(stored), nil))
}

// TestIdentityProvider asks a provider, saved or not, whether it can be used.
func (s *SignIns) TestIdentityProvider(ctx context.Context, actor access.Actor, in ProviderInput) (channel.Report, error) {
	p, _, err := s.wanted(ctx, in)
	if err != nil {
		return channel.Report{}, err
	}
	report := s.test(ctx, p)
	return report, s.store.Audit(ctx, actor.Did(access.Test, providerObject, nil, fields{"ok": report.OK}))
}

// wanted is the provider with the secret that it shall have, and the one that is stored; nil = none is.
func (s *SignIns) wanted(ctx context.Context, in ProviderInput) (p access.IdentityProvider, stored *access.IdentityProvider, err error) {
	p = in.IdentityProvider
	known, err := s.store.IdentityProvider(ctx)
	switch {
	case err == nil:
		stored = &known
	case s.notFound == nil || !errors.Is(err, s.notFound):
		return p, nil, err
	}
	refused := &ProviderRefused{}
	switch {
	case !in.KeepSecret || stored == nil:
	case p.Issuer == known.Issuer:
		p.Secret = known.Secret
	case known.Secret != "": // it was given for another
		refused.Problems = append(refused.Problems, access.ProviderProblem{Field: "secret", Problem: access.ProviderAgain})
	}
	return p, stored, s.check(ctx, p, refused)
}

// check adds to what is refused.
func (s *SignIns) check(ctx context.Context, p access.IdentityProvider, refused *ProviderRefused) error {
	refused.Problems = append(refused.Problems, p.Problems()...)
	for _, rule := range p.Rules {
		_, _, unknown, err := s.store.ScopeOfGroups(ctx, access.Everything, rule.Groups)
		if err != nil {
			return err
		}
		refused.Unknown = append(refused.Unknown, unknown...)
	}
	if len(refused.Problems)+len(refused.Unknown) == 0 {
		return nil
	}
	return refused
}

var providerObject = access.Object{Kind: access.ASetting, Name: "OpenID provider"}

// providerFields is what the audit log shows of a provider.
func providerFields(p access.IdentityProvider) any {
	return struct {
		access.IdentityProvider
		SecretSet bool `json:"secret_set"`
	}{p, p.Secret != ""}
}

// providerWords say what is wrong with a field of a provider.
var providerWords = map[string]string{
	access.ProviderMissing:  "is required",
	access.ProviderLong:     "is too long",
	access.ProviderURL:      "must be an address of https, without query, fragment and password",
	access.ProviderLinkOnly: "must not be a link-local address",
	access.ProviderScope:    "holds characters that no scope has",
	access.ProviderRule:     "must each have a group and a role",
	access.ProviderLimited:  "cannot limit an administrator to groups",
	access.ProviderTwice:    "must name each of the provider's groups once",
	access.ProviderPEM:      "must be certificates in PEM form",
	access.ProviderAgain:    "must be given again, because it would go to another server than before; null when there is none",
}

// Places says each thing that is wrong at its place.
func (r *ProviderRefused) Places() (list []Problem) {
	for _, p := range r.Problems {
		list = append(list, Problem{"/" + p.Field, providerWords[p.Problem]})
	}
	if len(r.Unknown) > 0 {
		list = append(list, Problem{"/rules", fmt.Sprintf("name groups that there are not (%d)", len(r.Unknown))})
	}
	return list
}
