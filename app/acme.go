package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/acme"

	"heliograph/certificate"
	"heliograph/channel"
	"heliograph/console"
	"heliograph/intake"
	"heliograph/store"
	"heliograph/template"
	"heliograph/web"
)

// ACME is the authority that gives certificates for the names in TLS.ACME. It is needed when there are any.
type ACME struct {
	Directory string // URL; "" = DefaultDirectory
	CAFile    string // PEM of whom the directory's own certificate may be from, beside the system's; "" = nobody
	Email     string // where the authority may write to; "" = nowhere
	Terms     bool   // whether somebody agreed to the authority's terms

	BindingID, BindingKeyFile string // of the external account, and its key in base64url; "" = none
}

// DefaultDirectory is Let's Encrypt's.
const DefaultDirectory = acme.LetsEncryptURL

// acmeNames are the names that the listeners of this process get certificates for.
func (o Options) acmeNames() (names []string) {
	for role, t := range map[Role]TLS{Console: o.TLS, Registration: o.MailPush.RegistrationTLS, Listener: o.MailPush.MailboxTLS} {
		if o.has(role) {
			names = append(names, t.ACME...)
		}
	}
	return names
}

// wireACME makes what gets certificates, where a listener is to have some.
func (a *App) wireACME() error {
	if len(a.options.acmeNames()) == 0 {
		return nil
	}
	o, err := a.options.ACME.options()
	if err != nil {
		return err
	}
	o.Plain, o.NotFound, o.Logger = a.options.ListenRedirect != "", store.ErrNotFound, a.log.With("part", "certificates")
	if store.IsPostgres(a.options.url()) {
		o.Node = a.engine.ID()
	}
	a.acme = certificate.New(a.store, o)
	a.onStop("the certificates", a.stopACME)
	return nil
}

func (a *App) stopACME(ctx context.Context) error {
	a.acme.Stop(ctx)
	return nil
}

func (o ACME) options() (certificate.Options, error) {
	c := certificate.Options{Directory: cmp.Or(o.Directory, DefaultDirectory), Terms: o.Terms, Email: o.Email}
	if !o.Terms {
		return c, errors.New("certificates by ACME need somebody who agrees to the authority's terms")
	}
	var err error
	if o.CAFile != "" {
		if c.Roots, err = trusting(o.CAFile); err != nil {
			return c, err
		}
	}
	if o.BindingKeyFile != "" {
		c.Binding, err = o.binding()
	}
	return c, err
}

// trusting are the system's roots and those of a file.
func trusting(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading whom to trust for the ACME directory: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// binding never quotes the key.
func (o ACME) binding() (*certificate.Binding, error) {
	text, err := os.ReadFile(o.BindingKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the external account: %w", err)
	}
	key, err := certificate.ParseBindingKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.BindingKeyFile, err)
	}
	return &certificate.Binding{ID: o.BindingID, Key: key}, nil
}

// tls is the configuration for a listener to serve with; nil = plain HTTP.
func (a *App) tls(listener string, t TLS) (*tls.Config, error) {
	if len(t.ACME) == 0 {
		config, err := t.load(a.log)
		a.served.add(listener, config)
		return config, err
	}
	least, err := web.ParseTLSVersion(t.Least)
	if err != nil {
		return nil, err
	}
	return a.acme.Config(least, listener, t.ACME), nil
}

// originNamed is the origin at which a listener with certificates by ACME is reached: by the first of its names.
func originNamed(port net.Listener, names []string) string {
	_, number, _ := net.SplitHostPort(port.Addr().String()) // of a listener on tcp
	if number == "443" {
		return "https://" + names[0]
	}
	return "https://" + net.JoinHostPort(names[0], number)
}

// patienceWithStore is for a look at the certificates that a page or a job waits for.
const patienceWithStore = 5 * time.Second

// acmeKept are the certificates by ACME of all nodes. A store that does not answer has none: its trouble is told elsewhere.
func (a *App) acmeKept() []store.Certificate {
	ctx, cancel := context.WithTimeout(context.Background(), patienceWithStore)
	defer cancel()
	list, err := a.store.Certificates(ctx)
	if err != nil {
		a.log.Warn("the certificates by ACME could not be read", "error", err)
	}
	return list
}

// certificatesServed are those of this process's listeners, and by ACME those of all nodes.
func (a *App) certificatesServed() []console.Certificate {
	list := a.served.list()
	for _, c := range a.acmeKept() {
		for _, by := range c.Listeners {
			list = append(list, console.Certificate{Listener: by, Name: c.Name, Ends: c.Ends, Automatic: true, FailingSince: c.FailingSince, Reason: c.Reason})
		}
	}
	return list
}

// renewalBears is how long renewing may fail before administrators are told: most authorities are back after an hour.
const renewalBears = time.Hour

// acmeCredentials are the certificates by ACME that are not renewed as they should be; others need nobody.
func (a *App) acmeCredentials(now time.Time) (list []intake.Credential) {
	for _, c := range a.acmeKept() {
		if c.FailingSince.IsZero() || c.Ends.IsZero() || now.Sub(c.FailingSince) < renewalBears {
			continue
		}
		list = append(list, intake.Credential{
			ID: "acme/" + c.Name, Name: "TLS certificate of " + c.Name + ", which could not be renewed (" + c.Reason + ")",
			Kind: template.CredentialExpiration, Expires: c.Ends,
		})
	}
	return list
}

// acmePeers are the authorities that nodes call, and the names that these have to reach.
func (a *App) acmePeers() (called, open []channel.Peer) {
	for _, c := range a.acmeKept() {
		called = append(called, channel.PeersAt(channel.ForCertificates, c.Directory)...)
		open = append(open, channel.PeersAt(channel.ForCertificates, "https://"+c.Name)...)
		if a.acme != nil && a.options.ListenRedirect != "" && slices.Contains(a.options.acmeNames(), c.Name) {
			open = append(open, channel.PeersAt(channel.ForCertificates, "http://"+c.Name)...)
		}
	}
	return called, open
}
