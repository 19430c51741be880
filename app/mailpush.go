package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"heliograph/channel"
	"heliograph/intake"
	"heliograph/mailbox"
	"heliograph/mailbox/ews"
	"heliograph/register"
	"heliograph/web"
)

// MailPush says where mail push is reached. The zero value works.
type MailPush struct {
	ListenRegistration string // where devices register; "" = DefaultRegistration, or any free port of loopback when it is taken
	RegistrationURL    string // origin under which devices reach it, unless the settings name one; "" = where it listens
	RegistrationTLS    TLS

	ListenMailbox string // where mail servers post; "" = DefaultMailbox, likewise
	MailboxURL    string // origin under which they reach it, likewise
	MailboxTLS    TLS
}

// Where devices register and mail servers post. Both are loopback, as all defaults are.
const (
	DefaultRegistration = "127.0.0.1:8081"
	DefaultMailbox      = "127.0.0.1:8082"
)

// mailPush are the parts of mail push in one process.
type mailPush struct {
	config        *mailbox.Config
	registrations *mailbox.Registrations
	waker         *mailbox.Waker
}

// wireMailPush makes them.
func (a *App) wireMailPush() {
	a.mail.config = mailbox.NewConfig(a.store, nil)
	a.mail.registrations = mailbox.NewRegistrations(a.store, a.mail.config, a.store, mailbox.Options{
		Logger:       a.log.With("part", "mail push"),
		ServerOf:     mailServerOf,
		Registration: a.registrationOrigin,
		Listener:     a.listenerOrigin,
	})
	a.wireWaker()
}

// mailOptions is what the door knows of mail push.
func (a *App) mailOptions() intake.MailOptions {
	return intake.MailOptions{Config: a.mail.config, Registration: a.registrationOrigin, Listener: a.listenerOrigin}
}

// mailPeers are the listeners of mail push as others reach them, as far as this process knows.
func (a *App) mailPeers() (peers []channel.Peer) {
	for _, one := range []struct {
		why               channel.Purpose
		origin, is, asked string
	}{
		{channel.ForRegistration, a.registrationOrigin(), a.addr.Registration, a.options.MailPush.ListenRegistration},
		{channel.ForMailbox, a.listenerOrigin(), a.addr.Listener, a.options.MailPush.ListenMailbox},
	} {
		switch {
		case one.is == "": // another process listens
		case one.origin != one.is:
			peers = append(peers, channel.PeersAt(one.why, one.origin)...)
		default:
			peers = append(peers, a.listener(one.why, one.is, one.asked)...)
		}
	}
	return peers
}

// mailServerOf reads which mail server an id of a subscription names.
func mailServerOf(source mailbox.Source, id string) string {
	if source != mailbox.EWS {
		return ""
	}
	name, _ := ews.Server(id)
	return name
}

// registrationOrigin is where devices reach this installation, for as long as the settings do not say.
func (a *App) registrationOrigin() string {
	if a.options.MailPush.RegistrationURL != "" {
		return a.options.MailPush.RegistrationURL
	}
	return a.addr.Registration
}

// listenerOrigin is where mail servers reach this installation, likewise.
func (a *App) listenerOrigin() string {
	if a.options.MailPush.MailboxURL != "" {
		return a.options.MailPush.MailboxURL
	}
	return a.addr.Listener
}

// listenMailPush opens what the roles of this process ask for.
func (a *App) listenMailPush(ctx context.Context) error {
	if err := a.listenMailbox(); err != nil {
		return err
	}
	if !a.options.has(Registration) {
		return nil
	}
	o := a.options.MailPush
	port, config, err := a.open("registration", o.ListenRegistration, DefaultRegistration, o.RegistrationTLS)
	if err != nil {
		return fmt.Errorf("listening for devices that register: %w", err)
	}
	a.addr.Registration = a.originOf(port, config, o.RegistrationTLS)
	a.serve("the registration service", port, config, a.registrationFace())
	janitor := a.mail.registrations.Janitor()
	janitor.Start(ctx)
	a.onStop("the registrations' janitor", func(context.Context) error {
		janitor.Stop()
		return nil
	})
	return nil
}

// open takes a port, and another one when nobody asked for the usual one and it is taken, as by a second Heliograph.
func (a *App) open(listener, wanted, usual string, t TLS) (net.Listener, *tls.Config, error) {
	config, err := a.tls(listener, t)
	if err != nil {
		return nil, nil, err
	}
	if wanted != "" {
		port, err := net.Listen("tcp", wanted)
		return port, config, err
	}
	port, err := net.Listen("tcp", usual)
	if errors.Is(err, syscall.EADDRINUSE) {
		port, err = net.Listen("tcp", "127.0.0.1:0")
	}
	return port, config, err
}

// registrationFace is what devices call, and health.
func (a *App) registrationFace() http.Handler {
	routes := web.NewRoutes(nil, nil)
	a.health(routes)
	routes.Mount("/", web.Face{Handler: register.New(a.mail.registrations, register.Options{
		Logger: a.log.With("part", "registration"), Metrics: a.metrics.web,
	})})
	return routes
}
