package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heliograph/message"
)

// ConnectTimeout is how long looking up, connecting and TLS may take together.
const ConnectTimeout = 10 * time.Second

// Dialer opens TLS connections. It looks the name up each time, and asks Control about every address before it connects.
type Dialer struct {
	TLS      *tls.Config
	Timeout  time.Duration // 0 = ConnectTimeout
	Resolver *net.Resolver // nil = the system's

	// Control is that of net.Dialer: its AddressError keeps an address from being called. nil = RefuseLinkLocal, which is
	// for addresses that an administrator gave.
	Control func(network, address string, c syscall.RawConn) error
}

// DialTLS connects to host:port. Its signature is that of http.Transport.DialTLSContext.
func (d Dialer) DialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	raw, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return d.secure(ctx, raw, address)
}

func (d Dialer) timeout() time.Duration {
	if d.Timeout > 0 {
		return d.Timeout
	}
	return ConnectTimeout
}

func (d Dialer) lookup(ctx context.Context, host string) ([]string, error) {
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	return resolver.LookupHost(ctx, host)
}

func (d Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Control: d.Control, Resolver: d.Resolver, KeepAlive: 30 * time.Second}
	if dialer.Control == nil {
		dialer.Control = RefuseLinkLocal
	}
	return dialer.DialContext(ctx, network, address)
}

func (d Dialer) secure(ctx context.Context, raw net.Conn, address string) (net.Conn, error) {
	config := d.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, &tlsError{err}
	}
	if want := config.NextProtos; len(want) == 1 && conn.ConnectionState().NegotiatedProtocol != want[0] {
		_ = conn.Close()
		return nil, &tlsError{fmt.Errorf("the server does not speak %s", want[0])}
	}
	return conn, nil
}

// tlsError says that the connection stood and TLS did not.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// EndedByTLS reports whether the other side ended a connection with a TLS alert. With TLS 1.3 that is how a client
// certificate is refused: after the client believes that all is well.
func EndedByTLS(err error) bool {
	_, ok := alertOf(err)
	return ok
}

func alertOf(err error) (string, bool) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // crypto/tls has no other mark
		return op.Err.Error(), true
	}
	return "", false
}

// AddressError says why a host is not called, after "Could not connect to host:".
type AddressError string

func (e AddressError) Error() string { return string(e) }

// LinkLocal is the answer of RefuseLinkLocal.
const LinkLocal AddressError = "it has a link-local address, and those are not allowed"

// RefuseLinkLocal is a net.Dialer.Control: it sees the address after the name was looked up. It refuses link-local ones
// (169.254.0.0/16 and fe80::/10), where clouds keep the credentials of their machines.
func RefuseLinkLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("not an address: %w", err)
	}
	if at.Addr().Unmap().IsLinkLocalUnicast() {
		return LinkLocal
	}
	return nil
}

// TLSConfig is for a server whose certificate is signed by one of the authorities in trustedCA (PEM), or by one that the
// system trusts when trustedCA is empty.
func TLSConfig(trustedCA string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if strings.TrimSpace(trustedCA) == "" {
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM([]byte(trustedCA)) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return config, nil
}

// Endpoint is the origin of an HTTP service.
type Endpoint struct {
	Origin    string // https://host or https://host:port
	Authority string // the same without https://
	Host      string // the name alone
	Address   string // host:port to connect to
}

// Sentence is an error in words for the administrator, fit for Problem.Detail. It never holds the value.
type Sentence string

func (s Sentence) Error() string { return string(s) }

// ParseEndpoint reads an origin. Only https is taken, because each request carries a credential.
func ParseEndpoint(origin string) (Endpoint, error) {
	u, err := url.Parse(strings.TrimSuffix(origin, "/"))
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return Endpoint{}, errors.New("must be an address such as https://push.example.com")
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return Endpoint{}, errors.New("must end after the host and port")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return Endpoint{
		Origin:    u.String(),
		Authority: u.Host,
		Host:      u.Hostname(),
		Address:   net.JoinHostPort(u.Hostname(), port),
	}, nil
}

// RetryAfter reads the header of that name: seconds or a date (RFC 9110 section 10.2.3). 0 = it does not say.
func RetryAfter(h interface{ Get(name string) string }, now time.Time) time.Duration {
	const most = 24 * time.Hour
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), most)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}

// ConnectFailure puts into words why a server could not be reached. It concerns the whole server: nothing was sent.
func ConnectFailure(host string, err error) message.Failure {
	reason, why := explain(err)
	return message.Failure{
		Reason: reason,
		Scope:  message.WholeServer,
		Detail: fmt.Sprintf("Could not connect to %s: %s.", host, why),
	}
}

func explain(err error) (message.Reason, string) {
	var (
		secure *tlsError
		lookup *net.DNSError
		netErr net.Error
		barred AddressError
	)
	timeout := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
	switch {
	case errors.As(err, &barred):
		return message.Unreachable, string(barred)
	case timeout && errors.As(err, &secure):
		return message.Timeout, "it did not finish TLS in time"
	case errors.As(err, &secure), EndedByTLS(err):
		return message.TLS, explainTLS(err)
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return message.Unreachable, "there is no such name in DNS"
	case errors.As(err, &lookup):
		return message.Unreachable, "DNS did not answer"
	case timeout:
		return message.Timeout, "it did not answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return message.Unreachable, "it refused the connection"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return message.Unreachable, "there is no route to it"
	}
	return message.Unreachable, "the connection failed"
}

func explainTLS(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	alert, alerted := alertOf(err)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that is not trusted; add that authority's certificate to Trusted CA"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	case alerted:
		return "it ended TLS with " + strconv.Quote(strings.TrimPrefix(alert, "tls: "))
	}
	var secure *tlsError
	if errors.As(err, &secure) {
		return secure.err.Error()
	}
	return err.Error()
}
