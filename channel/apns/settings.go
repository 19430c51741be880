package apns

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// Apple's two environments. A token belongs to one of them.
const (
	Production = "production"
	Sandbox    = "sandbox"
)

var origins = map[string]string{
	Production: "https://api.push.apple.com",
	Sandbox:    "https://api.sandbox.push.apple.com",
}

// Settings are one credential for one app.
type Settings struct {
	App         string `json:"app"`         // bundle id
	Environment string `json:"environment"` // production or sandbox
	KeyP8       string `json:"key_p8"`      // PEM as Apple's .p8 file; empty = certificate
	KeyID       string `json:"key_id"`      // 10 characters
	TeamID      string `json:"team_id"`     // 10 characters
	Certificate string `json:"certificate"` // PEM of the certificate and its key; empty = key
	Endpoint    string `json:"endpoint"`    // https origin; empty = Apple's
	TrustedCA   string `json:"trusted_ca"`  // PEM; empty = the system's authorities
}

// Check finds what is wrong with the settings, field by field.
func (s *Settings) Check() []channel.Problem {
	var found []channel.Problem
	need := func(ok bool, field, detail string) {
		if !ok {
			found = append(found, channel.Problem{Field: field, Detail: detail})
		}
	}
	needNil := func(err error, field string) {
		if err != nil {
			found = append(found, channel.Problem{Field: field, Detail: err.Error()})
		}
	}
	need(validApp(s.App), "app", "Enter the bundle id of the app, such as com.example.mail.")
	need(origins[s.Environment] != "", "environment", "Choose production or sandbox.")
	need(s.KeyP8 != "" || s.Certificate != "", "key_p8", "Upload the key of the developer team (.p8), or a certificate.")
	need(s.KeyP8 == "" || s.Certificate == "", "certificate", "Use either a key or a certificate.")
	if s.KeyP8 != "" {
		_, err := parseKey(s.KeyP8)
		needNil(err, "key_p8")
		need(tenCharacters(s.KeyID), "key_id", "The key id has 10 letters and digits.")
		need(tenCharacters(s.TeamID), "team_id", "The team id has 10 letters and digits.")
	}
	if s.Certificate != "" {
		_, err := parseCertificate(s.Certificate, time.Now())
		needNil(err, "certificate")
	}
	_, err := s.endpoint()
	need(s.Endpoint == "" || err == nil, "endpoint", "The endpoint must be an address such as https://push.example.com.")
	_, err = channel.TLSConfig(s.TrustedCA)
	need(err == nil, "trusted_ca", "This holds no certificate in PEM form.")
	return found
}

// Route is how a push finds this server.
func (s *Settings) Route() channel.Route {
	endpoint, _ := s.endpoint()
	return channel.Route{Host: endpoint.Authority, App: s.App, Environment: s.Environment}
}

// Retries is how often a push is tried again after its first attempt.
func (s *Settings) Retries() int { return 5 }

// Open makes a sender. It does not touch the network.
func (s *Settings) Open(channel.Env) (channel.Sender, error) {
	made, err := open(*s, h2.Options{}, time.Now)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Test sends m to its token and reports the steps resolve, connect, tls, authenticate and send.
func (s *Settings) Test(ctx context.Context, _ channel.Env, m message.Message) channel.Report {
	return s.try(ctx, m, (*channel.Report).Sent)
}

// try sends m by a sender of its own, step by step, and lets told report what became of it.
func (s *Settings) try(ctx context.Context, m message.Message, told func(*channel.Report, message.Outcome)) channel.Report {
	report := channel.NewReport()
	sender, err := open(*s, h2.Options{Most: 1}, time.Now)
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: err.Error()})
		return report
	}
	defer sender.Close()
	endpoint, _ := s.endpoint() // open has read it too
	dialer, _ := s.dialer()
	if report.Reach(ctx, dialer, endpoint) {
		told(&report, sender.one(ctx, m))
	}
	return report
}

func (s *Settings) endpoint() (channel.Endpoint, error) {
	if s.Endpoint != "" {
		return channel.ParseEndpoint(s.Endpoint)
	}
	return channel.ParseEndpoint(origins[s.Environment])
}

func (s *Settings) dialer() (channel.Dialer, error) {
	config, err := channel.TLSConfig(s.TrustedCA)
	if err != nil {
		return channel.Dialer{}, err
	}
	if s.Certificate != "" {
		certificate, err := parseCertificate(s.Certificate, time.Now())
		if err != nil {
			return channel.Dialer{}, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return channel.Dialer{TLS: config}, nil
}

func validApp(app string) bool {
	for _, c := range []byte(app) {
		if c <= ' ' || c > '~' || c == '/' {
			return false
		}
	}
	return app != "" && len(app) <= 255
}

func tenCharacters(id string) bool {
	for _, c := range []byte(id) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') {
			return false
		}
	}
	return len(id) == 10
}

// parseKey reads what Apple calls an authentication key: PKCS #8 with a key on P-256. Its errors are sentences for the
// administrator and say nothing of the content.
func parseKey(text string) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, channel.Sentence("This is not a .p8 file: it must begin with -----BEGIN PRIVATE KEY-----.")
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, channel.Sentence("The .p8 file must hold one key and nothing else.")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, channel.Sentence("The .p8 file is damaged or not a private key (PKCS #8).")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, channel.Sentence("The key is of another kind; APNs uses keys on the curve P-256.")
	}
	return key, nil
}

// parseCertificate reads a client certificate and its key, both PEM. Its errors are sentences, as parseKey's.
func parseCertificate(text string, now time.Time) (tls.Certificate, error) {
	certificate, err := tls.X509KeyPair([]byte(text), []byte(text))
	switch {
	case strings.Contains(text, "ENCRYPTED"):
		return certificate, channel.Sentence("The private key is protected by a passphrase; remove it first.")
	case err != nil:
		return certificate, channel.Sentence("This must hold a certificate and the private key that belongs to it, both in PEM form.")
	case now.After(certificate.Leaf.NotAfter):
		return certificate, channel.Sentence("The certificate has expired.")
	case now.Before(certificate.Leaf.NotBefore):
		return certificate, channel.Sentence("The certificate is not valid yet.")
	}
	return certificate, nil
}
