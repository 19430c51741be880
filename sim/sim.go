// Package sim starts simulators of the services around Heliograph: Apple's push service, Firebase Cloud Messaging, Web
// Push, an SMS gateway and a mail server, which it sends through; an Exchange server, which posts to it; and phones with a
// mail app, which it wakes. A page shows what arrived on phones and in mailboxes.
//
// They speak the real protocols on loopback, remember what they read, and fail on request (package control). Demo,
// tests, crash tests and benchmarks use the same ones. No simulator imports a client of its service.
package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"heliograph/sim/apns"
	"heliograph/sim/authority"
	"heliograph/sim/control"
	"heliograph/sim/exchange"
	"heliograph/sim/fcm"
	"heliograph/sim/inbox"
	"heliograph/sim/phone"
	"heliograph/sim/smtp"
	"heliograph/sim/vonage"
	"heliograph/sim/webpush"
)

// The names of the simulators, and the word for all of them.
const (
	APNs     = "apns"
	FCM      = "fcm"
	WebPush  = "webpush"
	Vonage   = "vonage"
	SMTP     = "smtp"
	Exchange = "exchange"
	Inbox    = "inbox" // the page; it comes with SMTP
	All      = "all"
)

// kinds are the simulators that can be named, in the order in which they start.
var kinds = []string{APNs, FCM, WebPush, Vonage, Exchange, SMTP}

// Options are the variable parts of a Set; the zero value works.
type Options struct {
	CAFile string                    // where the authority's certificate is written; "" = nowhere
	Logger *slog.Logger              // nil = silent
	Names  func(token string) string // friendly names of phones on the page; nil = none

	APNsAddr, FCMAddr, VonageAddr, SMTPAddr, InboxAddr, ExchangeAddr string // loopback only; "" = 127.0.0.1 and a free port

	// TrustedCA is PEM of authorities beside the simulators' own: Exchange trusts listeners that they signed, and phones
	// registration services. nil = none.
	TrustedCA []byte
	TimeScale float64 // how many times faster than the clock Exchange retries and phones sync; 0 = 1

	// StateDir keeps the authority, keys and accounts, so that simulators started again are the same to their clients.
	// "" = fresh ones each time.
	StateDir string
}

// Set is a group of running simulators with one authority.
type Set struct {
	ready    Ready
	apns     *apns.Server
	fcm      *fcm.Server
	web      *webpush.Server
	vonage   *vonage.Server
	exchange *exchange.Server
	smtp     *smtp.Server
	inbox    *inbox.Server
	mailers  *phone.Mailers // nil without Exchange and the page
}

// Ready says where the simulators are and how to sign in to them; its JSON is the ready file of "heliograph sim".
type Ready struct {
	Sims        map[string]string `json:"sims"` // origin of each; of smtp host:port
	Credentials Credentials       `json:"credentials"`
	CAFile      string            `json:"ca_file"` // signs every https URL here
	PID         int               `json:"pid"`
}

// Credentials are those that the simulators accept; nil = that simulator does not run.
type Credentials struct {
	APNs   *apns.Credentials   `json:"apns,omitempty"`
	FCM    *FCMCredentials     `json:"fcm,omitempty"`
	Vonage *vonage.Credentials `json:"vonage,omitempty"`
}

// FCMCredentials hold the text of the service account's JSON file.
type FCMCredentials struct {
	ServiceAccount string `json:"service_account"`
}

// Start starts the simulators that which names: "apns", "fcm", "webpush", "vonage", "exchange", "smtp", or "all".
// What was started is stopped again when one of them cannot start, or ctx is over.
func Start(ctx context.Context, which []string, o Options) (*Set, error) {
	for _, name := range which {
		if name != All && !slices.Contains(kinds, name) {
			return nil, fmt.Errorf("simulator %q: must be one of %s, all", name, strings.Join(kinds, ", "))
		}
	}
	if len(which) == 0 {
		return nil, fmt.Errorf("no simulator was named: %s or all", strings.Join(kinds, ", "))
	}
	ca, err := authority.Open(o.StateDir)
	if err != nil {
		return nil, err
	}
	s := &Set{ready: Ready{Sims: map[string]string{}, CAFile: o.CAFile, PID: os.Getpid()}}
	start := map[string]func(*authority.Authority, Options) error{
		APNs: s.startAPNs, FCM: s.startFCM, WebPush: s.startWebPush, Vonage: s.startVonage, Exchange: s.startExchange, SMTP: s.startSMTP,
	}
	for _, name := range kinds {
		if !slices.Contains(which, name) && !slices.Contains(which, All) {
			continue
		}
		if err := errors.Join(ctx.Err(), start[name](ca, o)); err != nil {
			return nil, errors.Join(fmt.Errorf("starting the %s simulator: %w", name, err), s.Stop(context.WithoutCancel(ctx)))
		}
	}
	if o.CAFile != "" {
		if err := ca.WriteFile(o.CAFile); err != nil {
			return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}
	return s, nil
}

func (s *Set) startAPNs(ca *authority.Authority, o Options) error {
	credentials, err := apns.OpenCredentials(o.StateDir)
	if err != nil {
		return err
	}
	server, err := apns.Start(apns.Options{Addr: o.APNsAddr, Authority: ca, Credentials: credentials, Logger: o.Logger})
	if err != nil {
		return err
	}
	s.apns = server
	s.ready.Sims[APNs] = server.URL()
	s.ready.Credentials.APNs = &credentials
	return nil
}

func (s *Set) startFCM(ca *authority.Authority, o Options) error {
	account, err := fcm.OpenAccount(o.StateDir)
	if err != nil {
		return err
	}
	server, err := fcm.Start(fcm.Options{Addr: o.FCMAddr, Authority: ca, Account: account, Logger: o.Logger})
	if err != nil {
		return err
	}
	s.fcm = server
	s.ready.Sims[FCM] = server.URL()
	s.ready.Credentials.FCM = &FCMCredentials{ServiceAccount: server.ServiceAccount()}
	return nil
}

func (s *Set) startWebPush(ca *authority.Authority, o Options) error {
	seed, err := webpush.OpenSeed(o.StateDir)
	if err != nil {
		return err
	}
	server, err := webpush.StartAgain(webpush.Options{Authority: ca, Seed: seed, Logger: o.Logger}, o.StateDir)
	if err != nil {
		return err
	}
	s.web = server
	s.ready.Sims[WebPush] = server.URL()
	return nil
}

func (s *Set) startVonage(ca *authority.Authority, o Options) error {
	credentials, err := vonage.OpenCredentials(o.StateDir)
	if err != nil {
		return err
	}
	server, err := vonage.Start(vonage.Options{Addr: o.VonageAddr, Authority: ca, Credentials: credentials, Logger: o.Logger})
	if err != nil {
		return err
	}
	s.vonage = server
	s.ready.Sims[Vonage] = server.URL()
	s.ready.Credentials.Vonage = &credentials
	return nil
}

func (s *Set) startExchange(ca *authority.Authority, o Options) error {
	server, err := exchange.Start(exchange.Options{Addr: o.ExchangeAddr, Authority: ca, TrustedCA: o.TrustedCA, Scale: o.TimeScale, Logger: o.Logger})
	if err != nil {
		return err
	}
	s.exchange = server
	s.ready.Sims[Exchange] = server.URL()
	return nil
}

// startMailers makes room for phones with a mail app; they come when somebody adds one.
func (s *Set) startMailers(ca *authority.Authority, o Options, services []phone.Source) {
	roots := ca.Pool()
	roots.AppendCertsFromPEM(o.TrustedCA)
	s.mailers = phone.NewMailers(phone.MailersOptions{Sources: services, Exchange: s.exchange.URL(), Roots: roots, Scale: o.TimeScale})
}

// startSMTP comes last: the page shows what the others received.
func (s *Set) startSMTP(ca *authority.Authority, o Options) error {
	server, err := smtp.Start(smtp.Options{Addr: o.SMTPAddr, Authority: ca, Logger: o.Logger})
	if err != nil {
		return err
	}
	s.smtp = server
	s.ready.Sims[SMTP] = server.Addr()
	page := inbox.Options{Addr: o.InboxAddr, Mail: server, Names: o.Names, Logger: o.Logger, Magic: map[string][]control.Magic{SMTP: server.Magic()}}
	if s.apns != nil {
		page.Phones = append(page.Phones, s.apns)
		page.Magic[APNs] = s.apns.Magic()
	}
	if s.fcm != nil {
		page.Phones = append(page.Phones, s.fcm)
		page.Magic[FCM] = s.fcm.Magic()
	}
	if s.web != nil {
		page.Phones = append(page.Phones, s.web)
		page.Magic[WebPush] = s.web.Magic()
	}
	if s.vonage != nil {
		page.Texts = s.vonage
		page.Magic[Vonage] = s.vonage.Magic()
	}
	if s.exchange != nil {
		s.startMailers(ca, o, page.Phones)
		page.Mailers = s.mailers
	}
	if s.inbox, err = inbox.Start(page); err != nil {
		return err
	}
	s.ready.Sims[Inbox] = s.inbox.URL()
	return nil
}

// Ready says where everything is.
func (s *Set) Ready() Ready { return s.ready }

// APNs is the push simulator of Apple; nil when it does not run.
func (s *Set) APNs() *apns.Server { return s.apns }

// FCM is the push simulator of Google; nil when it does not run.
func (s *Set) FCM() *fcm.Server { return s.fcm }

// WebPush is the push simulator of browsers; nil when it does not run.
func (s *Set) WebPush() *webpush.Server { return s.web }

// Vonage is the SMS simulator; nil when it does not run.
func (s *Set) Vonage() *vonage.Server { return s.vonage }

// Exchange is the simulator of an Exchange server; nil when it does not run.
func (s *Set) Exchange() *exchange.Server { return s.exchange }

// Mailers are the phones with a mail app; nil without Exchange or the page.
func (s *Set) Mailers() *phone.Mailers { return s.mailers }

// SMTP is the mail simulator; nil when it does not run.
func (s *Set) SMTP() *smtp.Server { return s.smtp }

// Stop ends all of them. A second Stop does nothing.
func (s *Set) Stop(ctx context.Context) error {
	var errs []error
	if s.inbox != nil {
		errs = append(errs, s.inbox.Stop(ctx))
	}
	if s.mailers != nil {
		s.mailers.Stop()
	}
	if s.exchange != nil {
		errs = append(errs, s.exchange.Stop(ctx))
	}
	if s.smtp != nil {
		errs = append(errs, s.smtp.Stop(ctx))
	}
	if s.vonage != nil {
		errs = append(errs, s.vonage.Stop(ctx))
	}
	if s.web != nil {
		errs = append(errs, s.web.Stop(ctx))
	}
	if s.fcm != nil {
		errs = append(errs, s.fcm.Stop(ctx))
	}
	if s.apns != nil {
		errs = append(errs, s.apns.Stop(ctx))
	}
	return errors.Join(errs...)
}
