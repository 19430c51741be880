package storetest

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store"
)

// Mail is one node of mail push on a store, with push providers that do as they are told. It is for the tests of those
// that stand above the store.
type Mail struct {
	*testing.T
	Store         *store.Store
	Registrations *mailbox.Registrations
	Waker         *mailbox.Waker
	Provider      *Provider
}

// MailApp is the app whose wakes the providers carry.
const MailApp = "org.example.mail"

// NewMail makes a node. Nothing works before its Waker's Start. p may be shared between nodes; nil = one of its own.
func NewMail(t *testing.T, s *store.Store, p *Provider, o mailbox.WakerOptions) *Mail {
	if p == nil {
		p = &Provider{}
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	r := mailbox.NewRegistrations(s, mailbox.NewConfig(s, now), p, mailbox.Options{Now: now, Logger: o.Logger, ServerOf: func(_ mailbox.Source, id string) string { return MailServer(id) }})
	return &Mail{T: t, Store: s, Registrations: r, Waker: mailbox.NewWaker(s, r, p, o), Provider: p}
}

// MailServer is the mail server that an id of the tests names: what stands before the first slash.
func MailServer(id string) string {
	for i := range id {
		if id[i] == '/' {
			return id[:i]
		}
	}
	return ""
}

// MailPhone is a registration with what only its device knows.
type MailPhone struct {
	mailbox.Registration
	Capability mailbox.Capability
}

// Register makes a registration. change may be nil.
func (m *Mail) Register(token string, change func(*mailbox.Registration)) MailPhone {
	m.Helper()
	r := mailbox.Registration{
		SupportCode: mailbox.NewSupportCode(), Platform: mailbox.IOS, App: MailApp, Environment: fleet.Production,
		Wake: mailbox.WakeBadge, AppKey: "key", Token: token,
	}
	rand.Read(r.ID[:]) //nolint:errcheck // never fails (crypto/rand)
	if change != nil {
		change(&r)
	}
	p := MailPhone{Capability: mailbox.NewCapability()}
	var err error
	if p.Registration, err = m.Store.CreateRegistration(m.Context(), r, access.HashSecret("secret"), p.Capability.Hash()); err != nil {
		m.Fatal(err)
	}
	return p
}

// Now is the registration as it is stored.
func (m *Mail) Now(p MailPhone) mailbox.Registration {
	m.Helper()
	r, _, err := m.Store.Registration(m.Context(), p.ID)
	if err != nil {
		m.Fatal(err)
	}
	return r
}

// Bind tells of a subscription.
func (m *Mail) Bind(p MailPhone, handle, id string, every time.Duration) {
	m.Helper()
	err := m.Registrations.Bind(m.Context(), p.Registration, handle, mailbox.Bind{
		Source: "ews", SubscriptionID: id, Folder: "inbox", FrequencyMinutes: int(every / time.Minute),
	})
	if err != nil {
		m.Fatal(err)
	}
}

// Retry tries what is due, on every route of the app.
func (m *Mail) Retry() {
	m.Helper()
	routes, err := m.Store.DueRoutes(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range routes {
		if err := m.Waker.Retry(m.Context(), mailbox.RetryArgs{Provider: r.Kind, App: r.App, Environment: r.Environment}); err != nil {
			m.Fatal(err)
		}
	}
}

// Count asks the database for a number.
func (m *Mail) Count(query string, args ...any) (n int64) {
	m.Helper()
	err := m.Store.Read(m.Context(), func(tx store.Tx) error { return tx.QueryRow(m.Context(), query, args...).Scan(&n) })
	if err != nil {
		m.Fatal(err)
	}
	return n
}

// Pending is how many rows wait.
func (m *Mail) Pending() int64 { return m.Count(`SELECT COUNT(*) FROM pending_wakes`) }

// Provider plays every push provider. The zero value takes everything at once.
type Provider struct {
	mu     sync.Mutex
	answer func(context.Context, message.Message) message.Outcome
	wakes  []Wake
}

// Wake is one push that the provider read, whatever it answered.
type Wake struct {
	At time.Time
	message.Message
	Outcome message.Outcome
}

// Answers makes the provider answer so from now on; nil = it takes everything at once.
func (p *Provider) Answers(with func(context.Context, message.Message) message.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = with
}

// Fails makes the provider refuse everything from now on.
func (p *Provider) Fails(f message.Failure) {
	p.Answers(func(context.Context, message.Message) message.Outcome { return message.Fail(f) })
}

// Wakes are all pushes that were read so far.
func (p *Provider) Wakes() []Wake {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.wakes)
}

// Accepted are those that were taken.
func (p *Provider) Accepted() (list []Wake) {
	for _, w := range p.Wakes() {
		if w.Outcome.Accepted {
			list = append(list, w)
		}
	}
	return list
}

// Servers implements mailbox.Providers.
func (p *Provider) Servers(_ context.Context, kinds ...string) (list []channel.Server, err error) {
	for i, kind := range []string{"apns", "fcm", "webpush"} {
		if len(kinds) == 0 || slices.Contains(kinds, kind) {
			list = append(list, channel.Server{Key: int64(i + 1), ID: kind, Kind: kind, Name: kind, Active: true, Settings: played{p}, Route: channel.Route{App: MailApp}})
		}
	}
	return list, nil
}

// played are the settings of a provider that is played.
type played struct{ p *Provider }

func (s played) Check() []channel.Problem                 { return nil }
func (s played) Route() channel.Route                     { return channel.Route{App: MailApp} }
func (s played) Retries() int                             { return 0 }
func (s played) Open(channel.Env) (channel.Sender, error) { return playedSender(s), nil }
func (s played) Test(context.Context, channel.Env, message.Message) channel.Report {
	return channel.Report{}
}

// playedSender hands everything to its provider.
type playedSender struct{ p *Provider }

func (s playedSender) Close() {}

func (s playedSender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	outcomes := make([]message.Outcome, len(batch))
	for i, m := range batch {
		outcomes[i] = s.Wake(ctx, m)
	}
	return outcomes
}

func (s playedSender) Wake(ctx context.Context, m message.Message) message.Outcome {
	s.p.mu.Lock()
	answer, begun := s.p.answer, time.Now()
	s.p.mu.Unlock()
	o := message.Accept("")
	if answer != nil {
		o = answer(ctx, m)
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.wakes = append(s.p.wakes, Wake{begun, m, o})
	return o
}
