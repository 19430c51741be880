package channel

import (
	"net"
	"net/url"
	"strconv"
)

// Reaching is what Settings may say beside: every connection that it takes to use the server, for whoever keeps the
// firewalls. What is not known yet, because the settings are wrong, is left out.
type Reaching interface{ Peers() []Peer }

// Addressed is what Settings may say beside: who is called for one address, where each address names its own.
type Addressed interface{ PeersOf(address string) []Peer }

// Peer is somebody at the other end of a connection that this machine opens.
type Peer struct {
	Purpose  Purpose
	Host     string // name or IP address
	Port     int    // TCP
	Protocol string // as people write it: SMTP with STARTTLS, HTTPS
	Also     []int  // ports at which the same service answers, should the first be closed
}

// Purpose is why a connection is needed. The set is closed: the console has a sentence for each.
type Purpose string

// Connections that providers need, and those that an installation needs for itself.
const (
	ForMail     Purpose = "mail"     // handing e-mail over
	ForText     Purpose = "text"     // handing text messages over
	ForPush     Purpose = "push"     // handing pushes over
	ForToken    Purpose = "token"    // getting an access token, without which nothing is handed over
	ForReceipts Purpose = "receipts" // hearing what became of a message
	ForConsole  Purpose = "console"  // pages and API
	ForProxy    Purpose = "proxy"    // the same, from the proxy that others reach
	ForMetrics  Purpose = "metrics"
	ForDatabase Purpose = "database"
	ForSignIn   Purpose = "sign_in" // asking the OpenID provider who somebody is

	ForCertificates Purpose = "certificates" // getting certificates by ACME, and the authority's look whether we are who we say
	ForRegistration Purpose = "registration" // mail apps that want to be woken
	ForMailbox      Purpose = "mailbox"      // mail servers that say that a mailbox changed
)

// Purposes lists them all.
var Purposes = []Purpose{ForMail, ForText, ForPush, ForToken, ForReceipts, ForConsole, ForProxy, ForMetrics, ForDatabase, ForSignIn, ForCertificates, ForRegistration, ForMailbox}

// Peers are who answers at an endpoint, for one purpose.
func (e Endpoint) Peers(why Purpose, protocol string, also ...int) []Peer {
	host, text, err := net.SplitHostPort(e.Address)
	port, bad := strconv.Atoi(text)
	if err != nil || bad != nil {
		return nil
	}
	return []Peer{{Purpose: why, Host: host, Port: port, Protocol: protocol, Also: also}}
}

// PeersAt are who answers at an http or https address; nobody when it is none.
func PeersAt(why Purpose, address string) []Peer {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	known, ok := map[string]Peer{"https": {Port: 443, Protocol: "HTTPS"}, "http": {Port: 80, Protocol: "HTTP"}}[u.Scheme]
	if !ok {
		return nil
	}
	known.Purpose, known.Host = why, u.Hostname()
	if u.Port() != "" {
		if known.Port, err = strconv.Atoi(u.Port()); err != nil {
			return nil
		}
	}
	return []Peer{known}
}
