package smtp

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/netip"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// What protects the connection.
const (
	None = "none" // nothing
	TLS  = "tls"  // STARTTLS, required (RFC 3207)
	SSL  = "ssl"  // TLS from the first byte (RFC 8314)
)

// Settings are what an administrator says about one SMTP server.
type Settings struct {
	Host           string `json:"host"` // name or IP address
	Port           int    `json:"port"`
	Security       string `json:"security"` // none, tls or ssl
	Authentication bool   `json:"authentication"`
	Username       string `json:"username"`
	Password       string `json:"password"`
	SPA            bool   `json:"spa"`   // sign in with NTLM and nothing else
	OAuth          OAuth  `json:"oauth"` // sign in with access tokens instead of the password
	FromName       string `json:"from_name"`
	FromEmail      string `json:"from_email"`
	TrustedCA      string `json:"trusted_ca"` // PEM; empty = the system's authorities
	MaxRetries     int    `json:"retries"`
	TimeoutSeconds int    `json:"timeout_seconds"` // for each answer
	MaxRecipients  int    `json:"max_recipients"`  // of one mail
}

func defaults() *Settings {
	return &Settings{Port: 25, Security: None, MaxRetries: 5, TimeoutSeconds: 30, MaxRecipients: 100}
}

// Check finds what is wrong with the settings, field by field.
func (s *Settings) Check() []channel.Problem {
	var found []channel.Problem
	need := func(ok bool, field, detail string) {
		if !ok {
			found = append(found, channel.Problem{Field: field, Detail: detail})
		}
	}
	need(s.Host != "", "host", "Enter the name or IP address of the mail server.")
	need(s.Host == "" || validHost(s.Host), "host", "This is neither a host name nor an IP address.")
	need(!linkLocalHost(s.Host), "host", "Link-local addresses are not allowed.")
	need(1 <= s.Port && s.Port <= 65535, "port", "The port must be between 1 and 65535.")
	need(s.Security == None || s.Security == TLS || s.Security == SSL, "security", "Choose none, tls or ssl.")
	if s.Authentication {
		need(s.Username != "", "username", "Enter the user name, or turn authentication off.")
		need(s.Password != "" || s.OAuth.used(), "password", "Enter the password, or turn authentication off.")
	}
	need(s.Authentication || !s.SPA, "spa", "Secure Password Authentication needs a user name and password: turn authentication on.")
	need(!s.SPA || !s.OAuth.used(), "spa", "Use either Secure Password Authentication or OAuth 2.0, not both.")
	found = append(found, s.OAuth.check()...)
	need(!strings.ContainsAny(s.Username, "\x00\r\n"), "username", "The user name must be one line.")
	need(!strings.ContainsAny(s.Password, "\x00\r\n"), "password", "The password must be one line.")
	need(!strings.ContainsAny(s.FromName, "\x00\r\n"), "from_name", "The name must be one line.")
	_, err := mailbox(s.FromEmail)
	need(s.FromEmail != "", "from_email", "Enter the address that mails come from.")
	need(s.FromEmail == "" || err == nil, "from_email", "This is not an e-mail address.")
	_, err = authorities(s.TrustedCA)
	need(err == nil, "trusted_ca", "This is not a list of PEM certificates.")
	need(0 <= s.MaxRetries && s.MaxRetries <= 20, "retries", "The number of retries must be between 0 and 20.")
	need(1 <= s.TimeoutSeconds && s.TimeoutSeconds <= 600, "timeout_seconds", "The timeout must be between 1 and 600 seconds.")
	need(1 <= s.MaxRecipients && s.MaxRecipients <= 1000, "max_recipients", "The number of recipients must be between 1 and 1000.")
	return found
}

// Route is how a mail finds this server: there is at most one active, so only its host is told.
func (s *Settings) Route() channel.Route { return channel.Route{Host: s.Host} }

// Retries is how often a mail is tried again after its first attempt.
func (s *Settings) Retries() int { return s.MaxRetries }

// Open makes a sender. It does not touch the network.
func (s *Settings) Open(env channel.Env) (channel.Sender, error) {
	srv, err := newServer(*s, env)
	if err != nil {
		return nil, err
	}
	return newSender(srv), nil
}

// Test sends m over a session of its own and reports every step.
func (s *Settings) Test(ctx context.Context, env channel.Env, m message.Message) channel.Report {
	srv, err := newServer(*s, env)
	if err != nil {
		return channel.Report{Reason: message.TLS, Detail: "The settings cannot be used: " + err.Error() + "."}
	}
	return srv.try(ctx, m)
}

func (s *Settings) timeout() time.Duration { return time.Duration(s.TimeoutSeconds) * time.Second }

// authorities reads PEM certificates. nil means the system's.
func authorities(text string) (*x509.CertPool, error) {
	rest := []byte(strings.TrimSpace(text))
	if len(rest) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("the trusted CA is not a list of PEM certificates")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("the trusted CA holds a certificate that cannot be read")
		}
		pool.AddCert(cert)
		rest = []byte(strings.TrimSpace(string(rest)))
	}
	return pool, nil
}

// validHost accepts IP addresses and host names (RFC 1123 section 2.1), also of a single label, as in local networks.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if !validLabel(label) {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != "" // 10.1.2 and 1.2.3.400 are mistyped addresses
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func linkLocalHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && linkLocal(addr)
}

// Patience is how long a transaction can still take when nothing more is handed over: one answer to its envelope, and
// one to its final dot; before them there may be the wait for an access token.
func (s *Settings) Patience() time.Duration {
	if s.Authentication && s.OAuth.used() {
		return 2*s.timeout() + channel.AccessTimeout
	}
	return 2 * s.timeout()
}
