package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"heliograph/app"
	"heliograph/web"
)

type serveCmd struct {
	place `embed:"" group:"Where everything is kept"`

	Listen        string   `help:"Where console and API listen. :8080 is every interface of the machine; give it --tls-cert or --tls-acme, or put a proxy with TLS before it." default:"127.0.0.1:8080" group:"Listeners"`
	ListenMetrics string   `help:"Where /metrics listens. Default: 127.0.0.1:9464, or any free port of loopback when that is taken." placeholder:"ADDR" group:"Listeners"`
	PublicURL     string   `help:"Address under which people reach the console, such as https://notify.example.com; https makes the sign-in cookie secure." name:"public-url" placeholder:"URL" group:"Listeners"`
	TLSCert       string   `help:"Certificate chain in PEM for the console's listener, which then speaks https; read again when it changes." name:"tls-cert" type:"path" placeholder:"PATH" group:"Listeners"`
	TLSKey        string   `help:"Its key in PEM." name:"tls-key" type:"path" placeholder:"PATH" group:"Listeners"`
	TLSMin        string   `help:"Oldest version of TLS that is spoken: 1.2 or 1.3. Default: 1.2." name:"tls-min" default:"1.2" placeholder:"VERSION" group:"Listeners"`
	TLSACME       []string `help:"Host names of the console's listener, whose certificates come from an authority by ACME instead of files." name:"tls-acme" placeholder:"NAME" group:"Listeners"`
	ListenHTTP    string   `help:"Where http is led to https, such as :80, and an authority's challenges are answered (http-01); needs --tls-cert or --tls-acme. Default: nowhere." name:"listen-http" placeholder:"ADDR" group:"Listeners"`
	TrustedProxy  []string `help:"Networks of proxies whose word counts about who asks and whether by https, such as 10.0.0.0/8. Default: nobody's." name:"trusted-proxies" placeholder:"CIDR" group:"Listeners"`
	ProxyHeader   string   `help:"Header in which they say it: X-Forwarded-For (with X-Forwarded-Proto) or Forwarded. The proxies must write it anew or append to it. Default: X-Forwarded-For." name:"proxy-header" default:"X-Forwarded-For" placeholder:"NAME" group:"Listeners"`
	APIRate       float64  `help:"Requests a second of one API token, over which it is told to wait; -1 = any number. Default: 500." name:"api-rate" default:"500" placeholder:"N" group:"Process"`
	Roles         []string `help:"What this process does: console (pages and API), worker (sends), registration (devices that want to be woken), listener (what mail servers post). Default: all of it." placeholder:"ROLE" group:"Process"`
	mailPush      `embed:"" group:"Mail push"`
	authority     `embed:"" prefix:"acme-" group:"Certificates by ACME"`
	ReadyFile     string        `help:"JSON file that tells scripts where everything listens: written when it does, removed on a clean stop." type:"path" placeholder:"PATH" group:"Process"`
	Drain         time.Duration `help:"How long a stop waits for what is on the wire." default:"30s" group:"Process"`
}

// Help is shown by -h below the flags.
func (serveCmd) Help() string {
	return `Without flags, one process does everything, on SQLite in ./data: nothing else is needed. The first start makes the account "admin" and prints a link that sets its password. Ctrl-C or SIGTERM stops: what is on the wire is waited for, what remains is sent after the next start.

Examples:

    heliograph serve
    heliograph serve --data /var/lib/heliograph --listen :8080 --public-url https://notify.example.com --trusted-proxies 10.0.0.5
    heliograph serve --listen :443 --listen-http :80 --tls-cert fullchain.pem --tls-key key.pem --public-url https://notify.example.com
    heliograph serve --listen :443 --listen-http :80 --tls-acme notify.example.com --acme-accept-terms
    HELIOGRAPH_DATABASE=postgres://heliograph@db/heliograph heliograph serve --roles worker --key-file /etc/heliograph.key

/livez and /readyz answer on every listener.`
}

// Run serves until a signal.
func (c *serveCmd) Run(ctx context.Context, term terminal, log *slog.Logger) error {
	roles, err := parseRoles(c.Roles)
	if err != nil {
		return err
	}
	proxies, err := c.proxies()
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	app.TuneMemory()
	a, err := app.New(ctx, app.Options{
		Database: c.options(), Roles: roles, Listen: c.Listen, ListenRedirect: c.ListenHTTP, ListenMetrics: c.ListenMetrics, PublicURL: c.PublicURL,
		TLS:  app.TLS{CertFile: c.TLSCert, KeyFile: c.TLSKey, ACME: c.TLSACME, Least: c.TLSMin},
		ACME: c.authority.acme(), Proxies: proxies, APIRate: c.APIRate, MailPush: c.listeners(), ReadyFile: c.ReadyFile, Drain: c.Drain, Logger: log, Version: version(),
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	if link := a.FirstLink(); link != "" {
		fmt.Fprintf(term.out, "Set the password of the administrator %q here, once, within a day:\n\n    %s\n\n", app.FirstAdministrator, link)
	}
	waitReloading(ctx, a)
	log.Info("stopping: waiting for what is on the wire; a second signal ends at once")
	return a.Stop(ctx)
}

// check refuses what cannot be meant, before anything is made or opened.
func (c *serveCmd) check() error {
	if err := checkAddresses("--listen", c.Listen, "--listen-http", c.ListenHTTP, "--listen-metrics", c.ListenMetrics); err != nil {
		return err
	}
	if err := checkOrigin("--public-url", c.PublicURL); err != nil {
		return err
	}
	if err := c.mailPush.check(); err != nil {
		return err
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	if err := c.authority.checkFor(slices.Concat(c.TLSACME, c.RegistrationTLSACME, c.MailboxTLSACME)); err != nil {
		return err
	}
	if _, err := web.ParseTLSVersion(c.TLSMin); err != nil {
		return misused("--tls-min: %v", err)
	}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return misused("--tls-cert and --tls-key belong together")
	case c.ListenHTTP != "" && c.TLSCert == "" && !c.anyACME() && !strings.HasPrefix(c.PublicURL, "https://"):
		return misused("--listen-http leads to https: give --tls-cert and --tls-key, --tls-acme, or an https --public-url")
	case !(c.APIRate > 0) && c.APIRate != anyRate: // also NaN
		return misused("--api-rate must be above 0, or %d for any number", anyRate)
	case c.Drain <= 0:
		return misused("--drain must be above 0")
	}
	return nil
}

// anyRate is --api-rate without a limit.
const anyRate = -1

func (c *serveCmd) proxies() (web.Proxies, error) {
	if _, err := web.ParseProxies(nil, c.ProxyHeader); err != nil { // by itself, so that the right flag is named
		return web.Proxies{}, misused("--proxy-header: %v", err)
	}
	p, err := web.ParseProxies(c.TrustedProxy, c.ProxyHeader)
	if err != nil {
		return p, misused("--trusted-proxies: %v", err)
	}
	return p, nil
}

// waitReloading waits until ctx ends; SIGHUP makes files be read again meanwhile.
func waitReloading(ctx context.Context, a *app.App) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			a.Reload()
		}
	}
}

func parseRoles(words []string) ([]app.Role, error) {
	var roles []app.Role
	for _, word := range words {
		role := app.Role(strings.TrimSpace(word))
		switch {
		case slices.Contains(app.Roles, role):
			roles = append(roles, role)
		default:
			return nil, misused("--roles: there is no role %q; there are console, worker, registration and listener", role)
		}
	}
	return roles, nil
}

// checkAddresses reads pairs of a flag and where it says to listen; empty is fine.
func checkAddresses(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		flag, text := pairs[i], pairs[i+1]
		if text == "" {
			continue
		}
		_, port, err := net.SplitHostPort(text)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return misused("%s must be an address with a port, such as 127.0.0.1:8080, or :8080 for every interface", flag)
		}
	}
	return nil
}

// checkOrigin refuses what is not scheme and host; empty is fine.
func checkOrigin(flag, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return misused("%s must be an origin such as https://notify.example.com, without a path", flag)
	}
	return nil
}
