package console

import (
	"context"
	"net/http"

	"heliograph/channel"
	"heliograph/intake"
	"heliograph/mailbox"
)

// mailNetworkPage is what firewalls, proxies and gateways must do for mail push, from the settings as they are.
type mailNetworkPage struct{ intake.MailNetwork }

func (p mailNetworkPage) heading(ctx context.Context) heading { return mailHeading(ctx) }

// list is the connections as the page of all of them shows them.
func (p mailNetworkPage) list() networkPage { return networkPage{p.Network} }

// host is what a rule of a gateway is about.
func (p mailNetworkPage) host(rule intake.MailRule) (host string, port int) {
	if rule == intake.AllowRegistration {
		return p.Registration.Host, p.Registration.Port
	}
	return p.EWS.Host, p.EWS.Port
}

// bypass is what a proxy's own list of exceptions takes: the listener's host.
func (p mailNetworkPage) bypass() string {
	for _, r := range p.List {
		if r.Inbound && r.Purpose == channel.ForMailbox {
			return r.Host
		}
	}
	return ""
}

// exchangeFile is what Exchange reads its proxy from.
func exchangeFile() string { return mailbox.ExchangeConfig }

func (c *console) mailNetwork(w http.ResponseWriter, r *http.Request) error {
	read := c.MailPush.MailNetwork
	if r.URL.Query().Get("look") != "" {
		read = c.MailPush.MailNetworkNow
	}
	n, err := read(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, mailNetworkPage{n})
}

// mailNetworkNow is the connections with their addresses, for the page to put in place of those without.
func (c *console) mailNetworkNow(w http.ResponseWriter, r *http.Request) error {
	n, err := c.MailPush.MailNetworkNow(r.Context())
	if err != nil {
		return err
	}
	return c.showPart(w, r, mailNetworkPage{n}.connections())
}
