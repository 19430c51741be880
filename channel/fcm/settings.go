package fcm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/url"
	"strings"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

const origin = "https://fcm.googleapis.com"

// Settings are one Firebase project.
type Settings struct {
	App            string  `json:"app"`             // the app's name in tokens, such as com.example.mail
	ServiceAccount Account `json:"service_account"` // the JSON file as Google gives it out
	Endpoint       string  `json:"endpoint"`        // https origin; empty = Google's
	TrustedCA      string  `json:"trusted_ca"`      // PEM; empty = the system's authorities
}

// Check finds what is wrong with the settings, field by field.
func (s *Settings) Check() []channel.Problem {
	var found []channel.Problem
	need := func(ok bool, field, detail string) {
		if !ok {
			found = append(found, channel.Problem{Field: field, Detail: detail})
		}
	}
	need(validApp(s.App), "app", "Enter the name of the app, such as com.example.mail.")
	if _, err := parseAccount(s.ServiceAccount); err != nil {
		need(false, "service_account", err.Error())
	}
	_, err := s.endpoint()
	need(err == nil, "endpoint", "The endpoint must be an address such as https://push.example.com.")
	_, err = channel.TLSConfig(s.TrustedCA)
	need(err == nil, "trusted_ca", "This holds no certificate in PEM form.")
	return found
}

// Route is how a push finds this server. Firebase has no environments.
func (s *Settings) Route() channel.Route {
	endpoint, _ := s.endpoint()
	return channel.Route{Host: endpoint.Authority, App: s.App}
}

// Retries is how often a push is tried again after its first attempt.
func (s *Settings) Retries() int { return 5 }

// Open makes a sender. It does not touch the network.
func (s *Settings) Open(channel.Env) (channel.Sender, error) {
	made, err := open(*s, h2.Options{})
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
	sender, err := open(*s, h2.Options{Most: 1})
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: err.Error()})
		return report
	}
	defer sender.Close()
	endpoint, _ := s.endpoint()                 // open has read it too
	config, _ := channel.TLSConfig(s.TrustedCA) // and this
	if !report.Reach(ctx, channel.Dialer{TLS: config}, endpoint) {
		return report
	}
	if _, failure := sender.tokens.get(ctx); failure != nil {
		report.Failed("authenticate", *failure)
		return report
	}
	told(&report, sender.one(ctx, m))
	return report
}

func (s *Settings) endpoint() (channel.Endpoint, error) {
	if s.Endpoint != "" {
		return channel.ParseEndpoint(s.Endpoint)
	}
	return channel.ParseEndpoint(origin)
}

func validApp(app string) bool {
	for _, c := range []byte(app) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return app != "" && len(app) <= 255
}

// account is the file of a service account, as far as it is used.
type account struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"` // PEM
	ClientEmail  string `json:"client_email"`
	TokenURI     string `json:"token_uri"`
}

// parseAccount reads the file. Its errors are sentences for the administrator and say nothing of the content.
func parseAccount(text Account) (account, error) {
	var a account
	if strings.TrimSpace(string(text)) == "" {
		return a, channel.Sentence("Upload the JSON file of a service account of the Firebase project.")
	}
	if json.Unmarshal([]byte(text), &a) != nil {
		return a, channel.Sentence("This is not the JSON file of a service account.")
	}
	switch {
	case a.Type != "service_account":
		return a, channel.Sentence(`This is another kind of file: the file of a service account says "type": "service_account".`)
	case !validProject(a.ProjectID):
		return a, channel.Sentence("The file of the service account has no usable project_id.")
	case a.ClientEmail == "":
		return a, channel.Sentence("The file of the service account has no client_email.")
	case !validTokenURI(a.TokenURI):
		return a, channel.Sentence("The token_uri in the file of the service account must be an https address.")
	}
	return a, checkKey(a.PrivateKey)
}

// checkKey accepts what package jwt does: RSA in PEM, PKCS #8 or PKCS #1.
func checkKey(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return channel.Sentence("The private_key in the file of the service account is not in PEM form.")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if _, ok := key.(*rsa.PrivateKey); err != nil || !ok {
		return channel.Sentence("The private_key in the file of the service account is not an RSA key.")
	}
	return nil
}

// validProject: it stands in a path as it is. Google's are of a-z, 0-9, - and, of old, a domain and a colon.
func validProject(id string) bool {
	for _, c := range []byte(id) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("-.:", rune(c)) {
			return false
		}
	}
	return id != "" && len(id) <= 128 && id != "." && id != ".."
}

// validTokenURI: the assertion that goes there is worth an access token, so it goes over TLS or stays on this machine.
func validTokenURI(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback()
}

// Account is the text of a service account's file. Scripts may send it as the JSON object that it is.
type Account string

// UnmarshalJSON takes a text or an object.
func (a *Account) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '{' {
		*a = Account(raw)
		return nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	*a = Account(text)
	return err
}
