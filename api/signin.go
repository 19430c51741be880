package api

import (
	"context"
	"encoding/json"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/intake"
)

// SignIns decides how people sign in: intake.SignIns.
type SignIns interface {
	SignInPolicy(ctx context.Context) (access.Policy, error)
	SetSignInPolicy(ctx context.Context, actor access.Actor, p access.Policy) error
	IdentityProvider(ctx context.Context) (p access.IdentityProvider, secretSet bool, err error)
	SetIdentityProvider(ctx context.Context, actor access.Actor, in intake.ProviderInput) (created bool, err error)
	DeleteIdentityProvider(ctx context.Context, actor access.Actor) error
	TestIdentityProvider(ctx context.Context, actor access.Actor, in intake.ProviderInput) (channel.Report, error)
}

// SignInPolicy is who must show what to sign in with a password.
type SignInPolicy struct {
	Local        string `json:"local" required:"true" enum:"everybody,administrators" doc:"Who may sign in with a password while an OpenID provider is active."`
	SecondFactor string `json:"second_factor" required:"true" enum:"optional,administrators,everybody" doc:"Who must have a second factor beside the password."`
}

func (s *server) getSignInPolicy(ctx context.Context, _ access.Actor, _ *struct{}) (*found[SignInPolicy], error) {
	p, err := s.signIns.SignInPolicy(ctx)
	return find(SignInPolicy{string(p.Local), string(p.SecondFactor)}, err)
}

type putSignInPolicyInput struct{ payload[SignInPolicy] }

func (s *server) putSignInPolicy(ctx context.Context, actor access.Actor, in *putSignInPolicyInput) (*found[SignInPolicy], error) {
	policy := access.Policy{Local: access.LocalSignIn(in.body.Local), SecondFactor: access.SecondFactorRule(in.body.SecondFactor)}
	return find(in.body, s.signIns.SetSignInPolicy(ctx, actor, policy))
}

// OpenIDProvider is where people may sign in instead of here, and what their groups there make of them.
type OpenIDProvider struct {
	Active     bool             `json:"active" default:"true" doc:"The sign-in page offers it."`
	Name       string           `json:"name" required:"true" maxLength:"500" doc:"On the button of the sign-in page." example:"Contoso"`
	Issuer     string           `json:"issuer" required:"true" maxLength:"500" doc:"https; only one on this machine may be http." example:"https://login.example.com"`
	ClientID   string           `json:"client_id" required:"true" maxLength:"500" example:"heliograph"`
	Secret     optional[string] `json:"secret,omitzero" writeOnly:"true" maxLength:"2000" doc:"Of the client. Never shown. Absent keeps the stored one, but for another issuer it must be given again; null forgets it."`
	SecretSet  bool             `json:"secret_set" readOnly:"true" doc:"secret is stored."`
	TrustedCA  string           `json:"trusted_ca" maxLength:"65536" doc:"Certificates in PEM form; empty = those that the system trusts."`
	Scopes     []string         `json:"scopes" maxItems:"50" doc:"Beside openid; absent = profile and email." example:"profile,email"`
	NameClaim  string           `json:"name_claim" maxLength:"500" default:"preferred_username" doc:"What a new account is called by."`
	GroupClaim string           `json:"group_claim" maxLength:"500" default:"groups" doc:"Where their groups are; dots lead into objects." example:"realm_access.roles"`
	Rules      []OpenIDRule     `json:"rules" maxItems:"500" doc:"The first whose group somebody is in holds, at each sign-in."`
	Create     bool             `json:"create" doc:"Whoever a rule fits gets an account when they first sign in."`
}

// OpenIDRule says what the members of one of the provider's groups may do.
type OpenIDRule struct {
	Group  string   `json:"group" required:"true" maxLength:"500" doc:"At the provider." example:"Service Desk"`
	Role   string   `json:"role" required:"true" enum:"administrator,operator,support,auditor"`
	Groups []string `json:"groups" maxItems:"1000" doc:"Names of groups of the fleet, to which the role is limited; absent or empty = it is not." example:"Sales"`
}

func showOpenID(p access.IdentityProvider, secretSet bool) OpenIDProvider {
	shown := OpenIDProvider{
		Active: p.Active, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, SecretSet: secretSet, TrustedCA: p.TrustedCA,
		Scopes: listOf(p.Scopes), NameClaim: p.NameClaim, GroupClaim: p.GroupClaim, Rules: []OpenIDRule{}, Create: p.Create,
	}
	for _, r := range p.Rules {
		shown.Rules = append(shown.Rules, OpenIDRule{r.Group, string(r.Role), listOf(r.Groups)})
	}
	return shown
}

func (s *server) getOpenID(ctx context.Context, _ access.Actor, _ *struct{}) (*found[OpenIDProvider], error) {
	p, secretSet, err := s.signIns.IdentityProvider(ctx)
	return find(showOpenID(p, secretSet), err)
}

type putOpenIDInput struct{ payload[OpenIDProvider] }

// provider is what the body asks for: what it does not name takes its default.
func (in *putOpenIDInput) provider() (intake.ProviderInput, error) {
	wanted := showOpenID(access.DefaultProvider, false)
	scopes := wanted.Scopes
	wanted.Scopes = nil
	if err := json.Unmarshal(in.RawBody, &wanted); err != nil { // checked already
		return intake.ProviderInput{}, err
	}
	if wanted.Scopes == nil {
		wanted.Scopes = scopes
	}
	p := access.IdentityProvider{
		Active: wanted.Active, Name: wanted.Name, Issuer: wanted.Issuer, ClientID: wanted.ClientID, Secret: wanted.Secret.Value,
		TrustedCA: wanted.TrustedCA, Scopes: wanted.Scopes, NameClaim: wanted.NameClaim, GroupClaim: wanted.GroupClaim, Create: wanted.Create,
	}
	for _, r := range wanted.Rules {
		p.Rules = append(p.Rules, access.GroupRule{Group: r.Group, Role: access.Role(r.Role), Groups: r.Groups})
	}
	return intake.ProviderInput{IdentityProvider: p, KeepSecret: wanted.Secret.IsZero()}, nil
}

func (s *server) putOpenID(ctx context.Context, actor access.Actor, in *putOpenIDInput) (*stored[OpenIDProvider], error) {
	wanted, err := in.provider()
	if err != nil {
		return nil, err
	}
	created, err := s.signIns.SetIdentityProvider(ctx, actor, wanted)
	if err != nil {
		return nil, err
	}
	p, secretSet, err := s.signIns.IdentityProvider(ctx)
	if err != nil {
		return nil, err
	}
	return storedAs(showOpenID(p, secretSet), created), nil
}

func (s *server) deleteOpenID(ctx context.Context, actor access.Actor, _ *struct{}) (*nothing, error) {
	return &nothing{}, s.signIns.DeleteIdentityProvider(ctx, actor)
}

// testOpenID asks the provider of the body, saved or not, without anybody signing in.
func (s *server) testOpenID(ctx context.Context, actor access.Actor, in *putOpenIDInput) (*found[Report], error) {
	wanted, err := in.provider()
	if err != nil {
		return nil, err
	}
	report, err := s.signIns.TestIdentityProvider(ctx, actor, wanted)
	return find(showReport(report), err)
}
