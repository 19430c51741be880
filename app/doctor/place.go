package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Place is an address that others must reach.
type Place struct {
	Name     string // what it is: console, registration, listener
	URL      string // its origin
	Listener bool   // mail servers post events there
	CA       []byte // certificates in PEM to trust besides the system's; nil = none

	proxy func(*http.Request) (*url.URL, error) // nil = as the environment says
}

// clockOff is how far two clocks may be apart before somebody minds: provider tokens and sign-in codes do.
const (
	clockOff = 30 * time.Second
	clockBad = 5 * time.Minute
)

// certificateSoon is when the end of a certificate is worth a word.
const certificateSoon = 30 * 24 * time.Hour

// reach examines one address from the name to the answer, and ends at the first thing that keeps the rest from working.
func reach(ctx context.Context, b *book, p Place) {
	ctx, cancel := context.WithTimeout(ctx, 2*Patience)
	defer cancel()
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		b.fail(p.Name+" address", "is not an address such as https://"+p.Name+".example.com", "Correct it.")
		return
	}
	if p.byWay() != nil { // it resolves names and connects, and this machine may be able to do neither
		answers(ctx, b, p)
		return
	}
	address := net.JoinHostPort(u.Hostname(), portOf(u))
	if !resolve(ctx, b, p, u.Hostname()) || !connect(ctx, b, p, address) {
		return
	}
	if u.Scheme == "http" {
		b.warn(p.Name+" TLS", "is not used: what goes there can be read on its way", "Give the listener a certificate (serve "+certificateFlag(p.Name)+"-cert, or "+certificateFlag(p.Name)+"-acme), or put a proxy with TLS before it.")
	} else if !secure(ctx, b, p, u.Hostname(), address) {
		return
	}
	answers(ctx, b, p)
}

// certificateFlag is the beginning of the flags that give what listens there its certificate.
func certificateFlag(place string) string {
	switch place {
	case "listener":
		return "--mailbox-tls"
	case "registration":
		return "--registration-tls"
	}
	return "--tls"
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

func resolve(ctx context.Context, b *book, p Place, host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	var missing *net.DNSError
	switch {
	case errors.As(err, &missing) && missing.IsNotFound:
		b.fail(p.Name+" DNS", host+" has no address", "Add an A or AAAA record for it, in the DNS that this machine asks too.")
		return false
	case err != nil:
		b.fail(p.Name+" DNS", "asking for "+host+" failed: "+plain(err), "Check the DNS servers of this machine.")
		return false
	}
	b.fine(p.Name+" DNS", "%s is %s", host, strings.Join(found, ", "))
	return true
}

func connect(ctx context.Context, b *book, p Place, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	began := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		b.fail(p.Name+" connection", plain(err), "Check that it runs, and that every firewall between lets this machine through to "+address+".")
		return false
	}
	conn.Close() //nolint:errcheck // nothing was written
	b.fine(p.Name+" connection", "%s answers in %v", address, time.Since(began).Round(time.Millisecond))
	return true
}

// secure examines certificate and versions.
func secure(ctx context.Context, b *book, p Place, host, address string) bool {
	state, err := handshake(ctx, p, host, address, tls.VersionTLS12, tls.VersionTLS13)
	if err != nil {
		b.fail(p.Name+" TLS", tlsTrouble(host, err), tlsAdvice(err))
		return false
	}
	leaf := state.PeerCertificates[0]
	left := time.Until(leaf.NotAfter)
	if left < certificateSoon {
		b.warn(p.Name+" certificate", fmt.Sprintf("ends on %s, in %d days", leaf.NotAfter.Format(time.DateOnly), int(left.Hours()/24)), "Renew it; files that serve reads are taken up without a restart, and what comes by ACME is renewed by itself.")
	} else {
		b.fine(p.Name+" certificate", "for %s by %s until %s", host, issuer(leaf), leaf.NotAfter.Format(time.DateOnly))
	}
	versions := []string{tls.VersionName(state.Version)}
	for _, old := range []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10} {
		if old == state.Version {
			continue
		}
		if _, err := handshake(ctx, p, host, address, old, old); err == nil {
			versions = append(versions, tls.VersionName(old))
		}
	}
	if slices.Contains(versions, "TLS 1.0") || slices.Contains(versions, "TLS 1.1") {
		b.warn(p.Name+" TLS", "speaks "+strings.Join(versions, ", "), "TLS before 1.2 is broken: turn it off, unless an Exchange server without strong cryptography still calls.")
		return true
	}
	b.fine(p.Name+" TLS", "speaks %s", strings.Join(versions, ", "))
	return true
}

func issuer(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return c.Issuer.CommonName
	}
	return c.Issuer.String()
}

func handshake(ctx context.Context, p Place, host, address string, least, most uint16) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{ServerName: host, MinVersion: least, MaxVersion: most, RootCAs: p.roots()}} //nolint:gosec // old versions are asked for to be reported
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil //nolint:forcetypeassert // of a tls.Dialer
}

func (p Place) roots() *x509.CertPool {
	if p.CA == nil {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(p.CA)
	return pool
}

func tlsTrouble(host string, err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		noRecord tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &unknown):
		return "the certificate of " + host + " is signed by an authority that this machine does not trust"
	case errors.As(err, &name):
		return "the certificate is for other names than " + host + ": " + strings.Join(name.Certificate.DNSNames, ", ")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate is valid from %s to %s only", invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &noRecord):
		return "what answers there does not speak TLS"
	}
	return "no TLS connection: " + plain(err)
}

func tlsAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return "Serve the whole chain with its intermediate certificates; if the authority is your own, give it to every machine that calls, and to doctor with --trusted-ca."
	case errors.As(err, &name):
		return "Get a certificate for this name, or use the name of the certificate."
	}
	return "Check certificate, key and versions of who ends TLS there, and this machine's clock."
}

// answers calls the address as its users do, by a proxy where one is configured.
func answers(ctx context.Context, b *book, p Place) {
	client, done := p.client()
	defer done()
	status, header, body, err := fetch(ctx, client, http.MethodGet, p.URL+"/livez", nil)
	switch {
	case err != nil:
		b.fail(p.Name+" answer", "none: "+plain(err), "Check what stands between: proxies, gateways, load balancers.")
		return
	case status != http.StatusOK || strings.TrimSpace(body) != "alive":
		b.fail(p.Name+" answer", fmt.Sprintf("%d from %s: it is not Heliograph that answers", status, serverOf(header)), "Lead this name and port to the right listener, with the path as it is.")
		return
	}
	b.fine(p.Name+" answer", "it is Heliograph")
	clock(b, p, header)
	if p.Listener {
		post(ctx, b, client, p)
	}
}

func (p Place) client() (*http.Client, func()) {
	transport := &http.Transport{Proxy: http.ProxyURL(p.byWay()), TLSClientConfig: &tls.Config{RootCAs: p.roots()}, ForceAttemptHTTP2: true}
	client := &http.Client{Transport: transport, Timeout: Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client, transport.CloseIdleConnections
}

const mostBody = 4 << 10 // bytes that are read of an answer

func fetch(ctx context.Context, client *http.Client, method, address string, body []byte) (status int, header http.Header, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	if body != nil {
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(io.LimitReader(answer.Body, mostBody))
	return answer.StatusCode, answer.Header, string(read), err
}

func serverOf(h http.Header) string {
	if server := h.Get("Server"); server != "" {
		return "a server that calls itself " + server
	}
	return "a server without a name"
}

// notification is what Exchange posts, as short as it can be.
const notification = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
	`<m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">` +
	`<m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>` +
	`<m:Notification><t:SubscriptionId>doctor</t:SubscriptionId><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>AAAA</t:Watermark></t:StatusEvent></m:Notification>` +
	`</m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>`

// post tells the listener of an event for a capability that nobody has: it must say that it does not know it.
func post(ctx context.Context, b *book, client *http.Client, p Place) {
	random := make([]byte, 16)
	rand.Read(random) //nolint:errcheck // never fails (crypto/rand)
	address := p.URL + "/ews/" + base64.RawURLEncoding.EncodeToString(random)
	if status, _, _, err := fetch(ctx, client, http.MethodGet, address, nil); err == nil && status == http.StatusNotFound {
		b.fail(p.Name+" events", "another listener of Heliograph answers there, and not the one for mail servers", "Lead this name and port to the address of serve --listen-mailbox.")
		return
	}
	status, header, _, err := fetch(ctx, client, http.MethodPost, address, []byte(notification))
	switch {
	case err != nil:
		b.fail(p.Name+" events", "an event could not be posted: "+plain(err), "Let POST requests with bodies up to 256 KiB through.")
	case status == http.StatusNotFound:
		b.fine(p.Name+" events", "an event that was posted arrived (nobody was told of it)")
	default:
		b.fail(p.Name+" events", fmt.Sprintf("an event that was posted was answered with %d by %s, and should be with 404", status, serverOf(header)),
			"Something between changes or refuses POST requests: a proxy that wants a password, a web application firewall, pre-authentication.")
	}
}

// clock compares this machine's with that of who answered.
func clock(b *book, p Place, header http.Header) {
	there, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	off := time.Since(there).Abs().Truncate(time.Second)
	advice := "Let both machines follow a time server: provider tokens, sign-in codes and certificates depend on it."
	switch {
	case off > clockBad:
		b.fail(p.Name+" clock", fmt.Sprintf("this machine's clock and the one there are %v apart", off), advice)
	case off > clockOff:
		b.warn(p.Name+" clock", fmt.Sprintf("this machine's clock and the one there are %v apart", off), advice)
	}
}

// byWay is the proxy that calls to the place go by; nil = none.
func (p Place) byWay() *url.URL {
	r, err := http.NewRequest(http.MethodGet, p.URL, http.NoBody)
	if err != nil {
		return nil
	}
	ask := p.proxy
	if ask == nil {
		ask = http.ProxyFromEnvironment
	}
	proxy, err := ask(r)
	if err != nil {
		return nil
	}
	return proxy
}

// proxies says which way calls go, where the environment names a proxy.
func proxies(b *book, places []Place) {
	for _, p := range places {
		if proxy := p.byWay(); proxy != nil {
			b.warn(p.Name+" proxy", "calls go by the proxy "+proxy.Host, "Exchange does not read these variables: its own proxy is defaultProxy in web.config of Exchange Web Services; put "+p.URL+" into the bypass list of both if it is to be called directly.")
		}
	}
	if len(places) == 0 && (os.Getenv("HTTPS_PROXY") != "" || os.Getenv("https_proxy") != "") {
		b.warn("outbound proxy", "the environment names a proxy, and Heliograph does not use one for push, mail and text messages", "Let this machine reach the services directly; Settings › Network requirements lists them.")
	}
}

// plain is an error without the address that it was about, which may hold what is nobody's business.
func plain(err error) string {
	var called *url.Error
	if errors.As(err, &called) {
		err = called.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
		return "no answer in time"
	}
	return err.Error()
}
