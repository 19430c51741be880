package console

import (
	"context"
	"crypto/sha256"
	"embed"
	"log/slog"
	"time"

	"github.com/alexedwards/scs/v2"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/console/text"
	"heliograph/intake"
	"heliograph/store"
	"heliograph/web"
)

// Options of the console. What has no comment is required.
type Options struct {
	Accounts  Accounts
	Sessions  scs.Store    // store.Sessions
	Servers   Servers      // intake.Door
	Network   Network      // intake.Door
	Carriers  Carriers     // intake.Door
	Templates Templates    // intake.Door
	MailPush  MailPush     // intake.Door
	Figures   Figures      // store.Store
	Devices   DeviceFinder // store.Store: the devices that a push provider is tested with
	Fleet     Fleet        // store.Store
	Keeper    Keeper       // intake.Door
	Sent      Sent         // store.Store
	Sender    Sender       // intake.Door

	OpenID OpenID // oidc.Client

	Administration Administration // intake.Door
	Registry       Registry       // store.Store

	Providers []channel.Provider // in the order of the Add menus: channel/all
	Passwords *access.Passwords

	Secure       bool                       // the console is reached over TLS: cookies are marked so
	DemoEntry    string                     // secret of /enter/{secret}, which signs a visitor in at once; empty = there is none
	DemoAccount  string                     // name of the account that it signs in as
	DemoInbox    string                     // URL of the page that shows simulated phones and mailboxes; empty = there is none
	Version      string                     // empty = unknown
	Link         func(secret string) string // where a one-time link's secret sets a password
	Callback     func(server string) string // where a server's service reports what became of messages; nil = nowhere
	Keys         KeyRotation                // store.Store; nil = nothing is said of keys
	Certificates func() []Certificate       // that the listeners of this process serve; nil = none is known
	Logger       *slog.Logger               // nil = silent
	Metrics      *web.Metrics               // nil = not counted
	Languages    []*text.Catalogue          // what people may choose from; nil = text.All
	Now          func() time.Time           // nil = the machine's clock
}

// KeyRotation says how far the rotation of the keys of stored secrets is.
type KeyRotation interface {
	KeyStatus(ctx context.Context) (store.KeyStatus, error)
}

// Accounts are the people who may sign in.
type Accounts interface {
	Account(ctx context.Context, id string) (access.Account, error)
	AccountByName(ctx context.Context, name string) (access.Account, error)
	AccountByLink(ctx context.Context, secret string) (access.Account, error)
	SetPasswordByLink(ctx context.Context, secret, hash string, entries ...access.Entry) (access.Account, error)
	SetPassword(ctx context.Context, id, hash, keep string, entries ...access.Entry) error
	UpdateAccount(ctx context.Context, a access.Account, entries ...access.Entry) error
	ScopeOfGroups(ctx context.Context, asking access.Scope, words []string) (scope access.Scope, names, unknown []string, err error)
	Audit(ctx context.Context, entries ...access.Entry) error
	SignIns
	CreateAccount(ctx context.Context, name string, role access.Role) (access.Account, error)
	SetLanguage(ctx context.Context, id, language, zone string) error
}

// SignIns are the ways in which people show who they are, and the browsers in which they did.
type SignIns interface {
	NewSession(ctx context.Context, s access.Session, entries ...access.Entry) (access.Session, error)
	Session(ctx context.Context, id string) (access.Session, access.Account, error)
	SessionSeen(ctx context.Context, s access.Session, address string) error
	IDToken(ctx context.Context, session string) (string, error)
	ListSessions(ctx context.Context, account string) ([]access.Session, error)
	EndSession(ctx context.Context, account, id string, entries ...access.Entry) error
	EndSessions(ctx context.Context, account, but string, entries ...access.Entry) error
	BrowserMark(account, random string) string

	SecondFactor(ctx context.Context, account string) (access.SecondFactor, error)
	BeginSecondFactor(ctx context.Context, account string) (access.SecondFactor, error)
	ConfirmSecondFactor(ctx context.Context, account string, step int64, codes []string, entries ...access.Entry) error
	TakeCode(ctx context.Context, account string, step int64) (bool, error)
	TakeRecoveryCode(ctx context.Context, account, code string, entries ...access.Entry) (bool, error)
	RecoveryCodesLeft(ctx context.Context, account string) (int, error)
	NewRecoveryCodes(ctx context.Context, account string, codes []string, entries ...access.Entry) error
	RemoveSecondFactor(ctx context.Context, account string, entries ...access.Entry) error

	SignInPolicy(ctx context.Context) (access.Policy, error)
	PutSignInPolicy(ctx context.Context, p access.Policy, entries ...access.Entry) error
	IdentityProvider(ctx context.Context) (access.IdentityProvider, error)
	PutIdentityProvider(ctx context.Context, p access.IdentityProvider, entries ...access.Entry) error
	DeleteIdentityProvider(ctx context.Context, entries ...access.Entry) error
	AccountByIdentity(ctx context.Context, issuer, subject string) (a access.Account, managed bool, err error)
	AddIdentityAccount(ctx context.Context, a access.Account, i access.Identity, entries ...access.Entry) (access.Account, error)
	HasIdentity(ctx context.Context, issuer, account string) (bool, error)
	Connect(ctx context.Context, account string, i access.Identity, managed bool, entries ...access.Entry) error
	Disconnect(ctx context.Context, issuer, account string, entries ...access.Entry) error
}

// console answers for all pages.
type console struct {
	Options
	sessions *scs.SessionManager
	signIns  *intake.SignIns
	throttle *access.Throttle
	imports  chan struct{} // one entry for each import that runs
	assets   *web.Assets
	demoHash [sha256.Size]byte
}

//go:embed assets
var assetFiles embed.FS

// assetNames maps what pages ask for to files below assets.
var assetNames = map[string]string{
	"app.css":     "assets/app.css",
	"app.js":      "assets/app.js",
	"theme.js":    "assets/theme.js",
	"plot.js":     "assets/plot.js",
	"manage.css":  "assets/manage.css",
	"devices.js":  "assets/devices.js",
	"notify.js":   "assets/notify.js",
	"live.js":     "assets/live.js",
	"logo.svg":    "assets/logo.svg",
	"tabler.css":  "assets/vendor/tabler/tabler.min.css",
	"htmx.js":     "assets/vendor/htmx/htmx.min.js",
	"htmx-sse.js": "assets/vendor/htmx-ext-sse/sse.min.js",
	"uplot.js":    "assets/vendor/uplot/uPlot.iife.min.js",
	"uplot.css":   "assets/vendor/uplot/uPlot.min.css",
}

// maxBody is the most that a form may send, in bytes: an Ad Hoc message with its audience, or a PEM chain.
const maxBody = 1 << 20

// New puts the console together. It answers for every path; see routes.go.
func New(o Options) (web.Face, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Languages == nil {
		o.Languages = text.All
	}
	assets, err := web.NewAssets(assetFiles, "/assets/", assetNames)
	if err != nil {
		return web.Face{}, err
	}
	c := &console{
		Options:  o,
		sessions: web.NewSessions(o.Sessions),
		signIns:  intake.NewSignIns(o.Accounts, o.OpenID.Test, store.ErrNotFound),
		throttle: access.NewThrottle(o.Now),
		imports:  make(chan struct{}, importsAtOnce),
		assets:   assets,
		demoHash: sha256.Sum256([]byte(o.DemoEntry)),
	}
	mux := c.routes()
	return web.Face{Routes: mux.All(), Handler: web.Chain(mux,
		web.Observe(mux, o.Logger, o.Metrics),
		web.SecurityHeaders,
		web.Compress,
		web.Recover(c.fail),
		web.SameOrigin(c.fail),
		limitBody,
		web.LoadSession(c.sessions, c.secure, c.fail),
	)}, nil
}
