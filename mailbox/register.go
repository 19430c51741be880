package mailbox

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
)

// Registrations takes devices in, keeps them, and lets them go.
type Registrations struct {
	store     Store
	config    *Config
	providers Providers
	options   Options
	keys      keyLimits
	sizes     sizes
	renewed   renewals
}

// Store is what Registrations keep. Each method that writes is one transaction, and the store's clock says when.
type Store interface {
	SettingsStore
	AppKeys

	// CreateRegistration stores a new one with its token. A registration that has the token already becomes a tombstone
	// (Replaced). Key, State and times of the result are the store's, and its support code may be another one.
	CreateRegistration(ctx context.Context, r Registration, secretHash, capabilityHash []byte) (Registration, error)
	// Registration finds one with its subscriptions, and the beginning of the hash of its secret, at least 16 bytes. It
	// opens no token. ErrUnknown.
	Registration(ctx context.Context, id RegistrationID) (r Registration, secretHash []byte, err error)
	// PutToken gives a registration a token, and makes it live. Another one that has the token becomes a tombstone.
	// ErrGone when it is a tombstone itself.
	PutToken(ctx context.Context, key int64, t NewToken) error
	// EndRegistration makes a tombstone, without a token. ErrGone when it is one already.
	EndRegistration(ctx context.Context, key int64, why StateReason) error
	// RegistrationHeard notes that its app was heard of.
	RegistrationHeard(ctx context.Context, key int64) error

	// BindSubscription notes what an app says about a subscription. One of the same id is told apart no more, and one of
	// the same handle and another id is forgotten: the app has subscribed anew.
	BindSubscription(ctx context.Context, key int64, b Binding) error
	// UnbindSubscription forgets one. ErrNoHandle.
	UnbindSubscription(ctx context.Context, key int64, handle string) error

	verdictStore
	brakeStore
	janitorStore
}

// Providers is who knows which apps can be reached.
type Providers interface {
	// Servers lists the push providers of a kind, with their settings.
	Servers(ctx context.Context, kinds ...string) ([]channel.Server, error)
}

// Options of Registrations. The zero value works.
type Options struct {
	Logger *slog.Logger     // nil = silent
	Now    func() time.Time // nil = the machine's clock

	// ServerOf is the mail server that a subscription id names; empty when it names none. nil = none does.
	ServerOf func(s Source, subscription string) string
	// Registration and Listener are origins where this process listens, for as long as the settings name no others; nil =
	// not known.
	Registration, Listener func() string
}

// NewRegistrations serves devices. p says which apps can be reached.
func NewRegistrations(s Store, c *Config, p Providers, o Options) *Registrations {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ServerOf == nil {
		o.ServerOf = func(Source, string) string { return "" }
	}
	return &Registrations{store: s, config: c, providers: p, options: o, keys: keyLimits{now: o.Now}}
}

// NewToken is how a device is reached from now on.
type NewToken struct {
	ID          RegistrationID // whose it is: what is sealed is bound to it
	Platform    Platform
	App         string
	Token       string
	Environment fleet.Environment
	Wake        WakeStyle
}

// Application is a device that asks to be registered. Words are the API's.
type Application struct {
	Platform    string
	Token       string // of web the JSON text of a fleet.Subscription
	App         string
	Environment string   // empty = production
	Wake        string   // empty = the administrator's default
	Folders     []string // those that the app will subscribe to; each address is told anyhow
}

// Created is a registration with the secrets that are told this once.
type Created struct {
	Registration
	Secret     string
	Capability Capability
}

// Enter finds the app key of a device that wants to register, and takes a place in its rate. ErrAppKey, ErrNetwork, or
// *Throttled.
func (r *Registrations) Enter(ctx context.Context, appKey string, from netip.Addr) (AppKey, error) {
	key, err := r.authenticate(ctx, appKey, from)
	if err != nil {
		return key, err
	}
	settings, err := r.config.Settings(ctx)
	if err != nil {
		return key, err
	}
	return key, r.keys.take(key.ID, settings.AppKeyRate)
}

// Create registers a device. What is wrong with the application is *fleet.Invalid.
func (r *Registrations) Create(ctx context.Context, key AppKey, a Application) (c Created, err error) {
	settings, err := r.config.Settings(ctx)
	if err != nil {
		return c, err
	}
	token, err := r.check(ctx, a, settings)
	if err != nil {
		return c, err
	}
	return r.create(ctx, key, token)
}

func (r *Registrations) create(ctx context.Context, key AppKey, t NewToken) (c Created, err error) {
	c = Created{Secret: access.NewSecret(""), Capability: NewCapability()}
	rand.Read(t.ID[:]) //nolint:errcheck // never fails (crypto/rand)
	c.Registration, err = r.store.CreateRegistration(ctx, Registration{
		ID: t.ID, SupportCode: NewSupportCode(), Platform: t.Platform, App: t.App, Environment: t.Environment, Wake: t.Wake,
		AppKey: key.ID, Token: t.Token,
	}, access.HashSecret(c.Secret), c.Capability.Hash())
	if err != nil {
		return c, fmt.Errorf("storing a registration: %w", err)
	}
	return c, nil
}

// heardEvery is how exact we are about when an app was last heard of: within the sixty days of SilentTime.
const heardEvery = time.Hour

// Of finds the registration that a device asks about. ErrUnknown, ErrSecret, or ErrGone for a tombstone.
func (r *Registrations) Of(ctx context.Context, id, secret string) (found Registration, err error) {
	parsed, ok := ParseRegistrationID(id)
	if !ok {
		return found, ErrUnknown
	}
	found, hash, err := r.store.Registration(ctx, parsed)
	switch {
	case err != nil:
		return found, err
	case len(hash) == 0 || subtle.ConstantTimeCompare(hash, access.HashSecret(secret)[:len(hash)]) != 1:
		return Registration{}, ErrSecret
	case found.State == Tombstone:
		return Registration{}, ErrGone
	}
	if r.options.Now().Sub(found.HeardAt) >= heardEvery {
		err = r.store.RegistrationHeard(ctx, found.Key)
	}
	return found, err
}

// Update is a device that says how it is reached from now on. Words are the API's.
type Update struct {
	Token       string
	Environment string // empty = as before
	Wake        string // empty = as before
}

// Update gives a registration a token, and makes it live again when the one before was rejected.
func (r *Registrations) Update(ctx context.Context, now Registration, u Update) (Registration, error) {
	a := Application{Platform: now.Platform.String(), App: now.App, Token: u.Token, Environment: u.Environment, Wake: u.Wake}
	if a.Environment == "" {
		a.Environment = string(now.Environment)
	}
	if a.Wake == "" {
		a.Wake = now.Wake.String()
	}
	settings, err := r.config.Settings(ctx)
	if err != nil {
		return now, err
	}
	token, err := r.check(ctx, a, settings)
	if err != nil {
		return now, err
	}
	token.ID = now.ID
	if err := r.store.PutToken(ctx, now.Key, token); err != nil {
		return now, err
	}
	r.renewed.note(now.Key, r.options.Now())
	now, _, err = r.store.Registration(ctx, now.ID)
	return now, err
}

// Revoke ends a registration: its app signed out. Its mail server is told Unsubscribe from now on.
func (r *Registrations) Revoke(ctx context.Context, now Registration) error {
	if err := r.store.EndRegistration(ctx, now.Key, Revoked); err != nil {
		return err
	}
	r.renewed.note(now.Key, r.options.Now())
	return nil
}

// Bind is what an app says about a subscription that it made. Words are the API's.
type Bind struct {
	Source           string
	SubscriptionID   string
	Folder           string
	FrequencyMinutes int // 0 = it does not say, and the subscription is not watched
}

// Binding is a Bind that was checked. The store keeps hashes of the id and of the server.
type Binding struct {
	Handle    string
	Source    Source
	Folder    Folder
	ID        string // as the mail server said it
	Server    string // that the id names; empty = none
	Frequency time.Duration
}

// Limits of what apps tell about subscriptions.
const (
	maxHandle       = 32
	maxSubscription = 2048 // bytes; those of Exchange have about 120
	// MostSubscriptions is how many an app may bind to one registration, and how many a mail server may make up.
	MostSubscriptions = 32
)

// Bind notes a subscription under a handle that the app chose. Binding a handle again replaces what it stood for.
func (r *Registrations) Bind(ctx context.Context, now Registration, handle string, b Bind) error {
	binding, err := checkBind(now, handle, b)
	if err != nil {
		return err
	}
	binding.Server = strings.ToLower(r.options.ServerOf(binding.Source, binding.ID))
	return r.store.BindSubscription(ctx, now.Key, binding)
}

// Unbind forgets the subscription of a handle.
func (r *Registrations) Unbind(ctx context.Context, now Registration, handle string) error {
	if !validHandle(handle) {
		return ErrNoHandle
	}
	return r.store.UnbindSubscription(ctx, now.Key, handle)
}

// Place is where a region is reached, and what its apps ask their mail servers for.
type Place struct {
	Registration, Listener string // origins
	Region                 string
	StatusFrequencyMinutes int
}

// Place is the one of this process, as the settings are now.
func (r *Registrations) Place(ctx context.Context) (Place, error) {
	s, err := r.config.Settings(ctx)
	if err != nil {
		return Place{}, err
	}
	place := s.Place(r.options.Registration, r.options.Listener)
	if place.Listener == "" {
		return place, errors.New("nobody said where mail servers reach the listener: enter its address in the settings of mail push")
	}
	return place, nil
}

// Place is where a region is reached. registration and listener count for as long as the settings name no others; nil =
// not known.
func (s Settings) Place(registration, listener func() string) Place {
	return Place{first(s.RegistrationURL, registration), first(s.ListenerURL, listener), s.Region, s.StatusFrequencyMinutes}
}

func first(wanted string, otherwise func() string) string {
	if wanted == "" && otherwise != nil {
		return otherwise()
	}
	return wanted
}
