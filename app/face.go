package app

import (
	"fmt"
	"strings"

	"heliograph/access"
	"heliograph/api"
	"heliograph/channel/all"
	"heliograph/console"
	"heliograph/hook"
	"heliograph/intake"
	"heliograph/store"
	"heliograph/web"
)

// passwordsAtOnce bounds the memory that signing in may take: 64 MiB for each password that is being compared.
const passwordsAtOnce = 2

// face is everything on the console's listener: health at the root, the API below /api/, what services post below
// /hooks/, pages for the rest.
func (a *App) face() (web.Face, error) {
	rest := api.New(api.Options{
		Store: a.store, Door: a.door, Providers: all.Providers,
		SignIns: intake.NewSignIns(a.store, a.openID.Test, store.ErrNotFound),
		Link:    func(secret string) string { return LinkURL(a.origin(), secret) },
		Logger:  a.log.With("part", "api"), Metrics: a.metrics.web, Version: a.options.Version,
		Rate: a.options.APIRate,
	})
	pages, err := console.New(a.consoleOptions())
	if err != nil {
		return web.Face{}, fmt.Errorf("making the console: %w", err)
	}
	routes := web.NewRoutes(nil, nil)
	routes.Mount("/api/", rest)
	routes.Mount("/hooks/", hook.New(a.door, a.log.With("part", "hook")))
	routes.Mount("/", pages)
	a.health(routes)
	return web.Face{Handler: routes, Routes: routes.All()}, nil
}

func (a *App) consoleOptions() console.Options {
	o := console.Options{
		Accounts: a.store, Sessions: a.store.Sessions(), Servers: a.door, Network: a.door, Carriers: a.door, Templates: a.door, MailPush: a.door, Figures: a.store, Devices: a.store,
		Fleet: a.store, Keeper: a.door, Sent: a.store, Sender: a.door, Administration: a.door, Registry: a.store,
		Link:      func(secret string) string { return LinkURL(a.origin(), secret) },
		OpenID:    a.openID,
		Providers: all.Providers, Passwords: access.NewPasswords(passwordsAtOnce),
		Secure: a.secure(), Version: a.options.Version, Callback: a.callback,
		Certificates: a.certificatesServed, Keys: a.store,
		Logger: a.log.With("part", "console"), Metrics: a.metrics.web,
	}
	if d := a.options.Demo; d != nil {
		o.DemoEntry, o.DemoAccount, o.DemoInbox = d.Entry, FirstAdministrator, d.Inbox
	}
	return o
}

// LinkURL is the page where a one-time link sets a password. origin may end in a slash.
func LinkURL(origin, secret string) string {
	return strings.TrimSuffix(origin, "/") + "/welcome/" + secret
}

// EntryURL is the page that signs the visitor of a demo in.
func EntryURL(origin, secret string) string {
	return strings.TrimSuffix(origin, "/") + "/enter/" + secret
}
