package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// server is one SMTP server as it is configured, ready to be connected to.
type server struct {
	Settings
	tls   *tls.Config
	hello string // of EHLO; empty = the address of our end
	head  letterhead
	token *tokens                                 // of OAuth 2.0; nil = it is not used
	dial  func(context.Context) (net.Conn, error) // connect, except in tests with a clock of their own
}

func newServer(s Settings, env channel.Env) (*server, error) {
	roots, err := authorities(s.TrustedCA)
	if err != nil {
		return nil, err
	}
	from, err := mailbox(s.FromEmail)
	if err != nil {
		return nil, fmt.Errorf("From email: %w", err)
	}
	host := strings.TrimSuffix(s.Host, ".")
	srv := &server{
		Settings: s,
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: host,
			ClientSessionCache: tls.NewLRUClientSessionCache(8),
		},
		hello: helloName(env.Hello),
		head:  newLetterhead(author{name: s.FromName, address: from}),
	}
	if s.Authentication && s.OAuth.used() {
		srv.token = newTokens(s)
	}
	srv.dial = srv.connect
	return srv, nil
}

// helloName is a fully qualified name for EHLO (RFC 5321 section 4.1.4), or empty.
func helloName(wanted string) string {
	if wanted == "" {
		wanted, _ = os.Hostname()
	}
	if !strings.Contains(wanted, ".") || !validHost(wanted) {
		return ""
	}
	return wanted
}

// helloFor falls back to the address literal of our end (RFC 5321 section 4.1.3).
func (srv *server) helloFor(conn net.Conn) string {
	if srv.hello != "" {
		return srv.hello
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	switch {
	case err != nil:
		return "localhost"
	case local.Addr().Unmap().Is4():
		return "[" + local.Addr().Unmap().String() + "]"
	default:
		return "[IPv6:" + local.Addr().WithZone("").String() + "]"
	}
}

func (srv *server) address() string { return net.JoinHostPort(srv.Host, strconv.Itoa(srv.Port)) }

var errLinkLocal = errors.New("link-local addresses are not allowed")

// linkLocal finds 169.254.0.0/16 and fe80::/10, where machines in clouds offer their secrets to whoever asks.
func linkLocal(a netip.Addr) bool { return a.Unmap().IsLinkLocalUnicast() }

// refuseLinkLocal runs for each address that is about to be connected to, so a name cannot hide one.
func refuseLinkLocal(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || linkLocal(to.Addr()) {
		return errLinkLocal
	}
	return nil
}

// connect makes the connection alone.
func (srv *server) connect(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: srv.timeout(), ControlContext: refuseLinkLocal}
	conn, err := d.DialContext(ctx, "tcp", srv.address())
	if err != nil {
		return nil, srv.connectError(err)
	}
	return conn, nil
}

func (srv *server) connectError(err error) *setback {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errLinkLocal):
		return serverDown("connect", message.Unreachable, "%s is a link-local address, to which Heliograph does not connect.", srv.Host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return serverDown("resolve", message.Unreachable, "The name %s was not found in DNS.", srv.Host)
	case errors.As(err, &dns):
		return serverDown("resolve", message.Unreachable, "The name %s could not be looked up in DNS.", srv.Host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return serverDown("connect", message.Unreachable, "%s refused the connection: nothing listens on this port, or a firewall rejects it.", srv.address())
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return serverDown("connect", message.Unreachable, "There is no route to %s.", srv.address())
	case errors.As(err, &timeout) && timeout.Timeout():
		return serverDown("connect", message.Timeout, "%s did not answer the connection within %v: a firewall may swallow it.", srv.address(), srv.timeout())
	default:
		return serverDown("connect", message.Unreachable, "Connecting to %s failed: %s.", srv.address(), oneLine(rootCause(err)))
	}
}

// rootCause is the innermost error's text, without the addresses and operations around it.
func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// secure shakes hands and checks the certificate against the server's name or IP address.
func (srv *server) secure(conn net.Conn) (*tls.Conn, error) {
	secured := tls.Client(conn, srv.tls)
	if err := conn.SetDeadline(time.Now().Add(srv.timeout())); err != nil {
		return nil, serverDown("tls", message.TLS, "The TLS handshake failed: %s.", oneLine(rootCause(err)))
	}
	if err := secured.Handshake(); err != nil {
		return nil, serverDown("tls", message.TLS, "%s", srv.tlsProblem(err))
	}
	return secured, nil
}

// tlsProblem says in a sentence why a handshake failed.
func (srv *server) tlsProblem(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		plain   tls.RecordHeaderError
		timeout net.Error
		broken  *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("The certificate is not for %s but for %s.", srv.tls.ServerName, names(name.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expiry(invalid.Cert)
	case errors.As(err, &unknown):
		return fmt.Sprintf("The certificate comes from an authority that is not trusted (%s); enter its certificate as Trusted CA.", issuer(unknown.Cert))
	case errors.As(err, &invalid):
		return "The certificate is not valid: " + oneLine(invalid.Error()) + "."
	case errors.As(err, &plain):
		return "The server does not speak TLS on this port; SSL usually has port 465, and TLS (STARTTLS) port 587 or 25."
	case errors.As(err, &broken) && broken.Op == "remote error": // its alert
		return "The server broke off the TLS handshake: " + oneLine(broken.Err.Error()) + "."
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("The TLS handshake was not finished within %v; the port may not speak TLS from the start.", srv.timeout())
	default:
		return "The TLS handshake failed: " + oneLine(rootCause(err)) + "."
	}
}

func expiry(cert *x509.Certificate) string {
	if cert != nil && time.Now().Before(cert.NotBefore) {
		return fmt.Sprintf("The certificate is valid only from %s; check the clocks.", cert.NotBefore.UTC().Format(time.DateTime))
	}
	if cert == nil {
		return "The certificate has expired."
	}
	return fmt.Sprintf("The certificate expired on %s.", cert.NotAfter.UTC().Format(time.DateTime))
}

func issuer(cert *x509.Certificate) string {
	if cert == nil {
		return "unknown"
	}
	return oneLine(cert.Issuer.String())
}

// names are those that a certificate is good for, the first few of them.
func names(cert *x509.Certificate) string {
	if cert == nil {
		return "another name"
	}
	all := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) == 0:
		return "no name at all"
	case len(all) > 5:
		all = append(all[:5], "…")
	}
	return oneLine(strings.Join(all, ", "))
}
