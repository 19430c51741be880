// Package api is the REST interface: what administrators' scripts, and the device-management systems that feed
// Heliograph, talk to.
//
// Every route stands in routes.go. A noun's file holds its shape in JSON, which is a type of its own so that it can age
// differently from the noun, and its handlers, which are short: they read, ask the store or the door, and show. The
// OpenAPI document comes from these types, and so does the check of each body; openapi.yaml is the committed copy, and
// a test says when it changed.
//
// Errors become answers in one place (problem.go), and who may do what is decided in one place (middleware.go).
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/web"
)

// DefaultRate is how many requests a second one token may send, before it is told to wait.
const DefaultRate = 500

// prefix is where the API lives.
const prefix = "/api/v1"

// Door is what the API asks of the way in: everything that sends, and the servers that messages leave by.
type Door interface {
	Send(ctx context.Context, actor access.Actor, r intake.Request, once *intake.Idempotency) (n message.Notification, replayed bool, err error)
	Preview(ctx context.Context, actor access.Actor, a fleet.Audience) (fleet.Reach, error)
	Cancel(ctx context.Context, actor access.Actor, id message.NotificationID) error
	Retry(ctx context.Context, actor access.Actor, id message.NotificationID, states []message.State, c *message.Channel, once *intake.Idempotency) (queued int64, err error)
	Render(ctx context.Context, actor access.Actor, text string, device fleet.DeviceID, user fleet.UserID) (intake.Rendering, error)

	Servers(ctx context.Context, kinds ...string) ([]channel.Server, error)
	Server(ctx context.Context, id string) (channel.Server, error)
	CreateServer(ctx context.Context, actor access.Actor, in intake.ServerInput) (channel.Server, error)
	UpdateServer(ctx context.Context, actor access.Actor, id string, in intake.ServerInput) (channel.Server, error)
	DeleteServer(ctx context.Context, actor access.Actor, id string) error
	ActivateServer(ctx context.Context, actor access.Actor, id string) (channel.Server, error)
	ResumeServer(ctx context.Context, actor access.Actor, id string) (channel.Server, error)
	TestServer(ctx context.Context, actor access.Actor, id string, in *intake.ServerInput, to string) (channel.Report, error)

	Carriers
	Fleet
	Administrators

	Templates
	MailPush
	Network
}

// Options of the API. Store, Door, SignIns and Providers are required.
type Options struct {
	Store     *store.Store
	Door      Door
	SignIns   SignIns
	Providers []channel.Provider         // kinds of servers, for their fields
	Logger    *slog.Logger               // nil = silent
	Metrics   *web.Metrics               // nil = nothing is counted
	Now       func() time.Time           // nil = the machine's clock
	Link      func(secret string) string // where a one-time link's secret sets a password; nil = the secret alone
	Rate      float64                    // requests a second of one token; 0 = DefaultRate, negative = any number
	Version   string                     // shown in the OpenAPI document; empty = 1
}

type server struct {
	store     *store.Store
	door      Door
	signIns   SignIns
	providers []channel.Provider
	log       *slog.Logger
	now       func() time.Time
	link      func(secret string) string

	huma    huma.API
	mux     *web.Routes
	needs   map[string]access.Permission // by pattern, for huma knows none
	yaml    []byte                       // the OpenAPI document
	running running
	imports chan struct{} // one entry for each import that runs
	rates   *web.Rates    // by token
}

// New makes the API with its documents. It answers everything below /api/.
func New(o Options) web.Face {
	s := newServer(o)
	return web.Face{Handler: s.handler(o.Metrics), Routes: s.mux.All()}
}

func (s *server) handler(metrics *web.Metrics) http.Handler {
	return web.Chain(routed(s.mux), web.Observe(s.mux, s.log, metrics), web.Recover(s.failed), web.SecurityHeaders, web.Compress)
}

func newServer(o Options) *server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Link == nil {
		o.Link = func(secret string) string { return secret }
	}
	s := &server{
		store: o.Store, door: o.Door, signIns: o.SignIns, providers: o.Providers, log: o.Logger, now: o.Now, link: o.Link,
		needs: map[string]access.Permission{}, imports: make(chan struct{}, importsAtOnce),
	}
	s.mux = web.NewRoutes(s.identify, s.refuse)
	s.rates = web.NewRates(cmp.Or(o.Rate, DefaultRate))
	s.huma = humago.NewWithPrefix(declared{s.mux, s.needs}, prefix, config(o.Version))
	s.routes()
	s.documents()
	return s
}

// declared registers what huma registers, with the permission that its operation declared.
type declared struct {
	*web.Routes
	needs map[string]access.Permission
}

func (d declared) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	d.Handle(pattern, d.needs[pattern], withoutCommas(http.HandlerFunc(h)))
}

// config is huma without what it would serve, link and accept by itself.
func config(version string) huma.Config {
	if version == "" {
		version = "1"
	}
	c := huma.DefaultConfig("Heliograph", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.FieldsOptionalByDefault, c.RejectUnknownQueryParameters = true, true
	return c
}

// failed answers for a request that panicked.
func (s *server) failed(w http.ResponseWriter, r *http.Request, err error) {
	problemOf(r.Context(), s.log, err).write(w)
}

// running are the requests under an Idempotency-Key that are being worked in this process.
type running struct {
	mu   sync.Mutex
	keys map[[2]string]bool
}

// begin is false when a request of the token under the key runs already.
func (r *running) begin(token, key string) (end func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := [2]string{token, key}
	if r.keys[id] {
		return nil, false
	}
	if r.keys == nil {
		r.keys = map[[2]string]bool{}
	}
	r.keys[id] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.keys, id)
	}, true
}
