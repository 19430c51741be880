package webpush

import (
	"context"
	"net/mail"
	"net/url"
	"strings"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
)

// Settings are one VAPID key for one app.
type Settings struct {
	App             string `json:"app"`               // the app's name in tokens, such as the origin of a web app
	Subject         string `json:"subject"`           // mailto: or https:, where push services complain
	PublicKey       string `json:"vapid_public_key"`  // what apps subscribe with; always that of the private key
	PrivateKey      string `json:"vapid_private_key"` // base64url of 32 bytes; empty = a new one is made
	AllowedNetworks string `json:"allowed_networks"`  // CIDR, one a line; called although they are not public
	TrustedCA       string `json:"trusted_ca"`        // PEM; empty = the system's authorities
}

// Complete makes the key of a provider that has none, and says what its public key is. What was typed for the public key
// counts for nothing.
func (s *Settings) Complete() {
	if strings.TrimSpace(s.PrivateKey) == "" {
		s.PrivateKey = newKey()
	}
	s.PublicKey = ""
	if key, err := parseKey(s.PrivateKey); err == nil {
		s.PublicKey = publicText(key)
	}
}

// Check finds what is wrong with the settings, field by field.
func (s *Settings) Check() []channel.Problem {
	var found []channel.Problem
	need := func(ok bool, field, detail string) {
		if !ok {
			found = append(found, channel.Problem{Field: field, Detail: detail})
		}
	}
	need(validApp(s.App), "app", "Enter the name of the app, such as https://app.example.com.")
	need(validSubject(s.Subject), "subject", "Enter how push services reach you: mailto: and an address, such as mailto:push@example.com, or an https address.")
	if _, err := parseKey(s.PrivateKey); err != nil {
		need(false, "vapid_private_key", err.Error())
	}
	if _, err := parseNetworks(s.AllowedNetworks); err != nil {
		need(false, "allowed_networks", err.Error())
	}
	_, err := channel.TLSConfig(s.TrustedCA)
	need(err == nil, "trusted_ca", "This holds no certificate in PEM form.")
	return found
}

// Route is how a push finds this provider. Whom it calls is for the subscriptions to say.
func (s *Settings) Route() channel.Route { return channel.Route{Host: "*", App: s.App} }

// Retries is how often a push is tried again after its first attempt.
func (s *Settings) Retries() int { return 5 }

// Open makes a sender. It does not touch the network.
func (s *Settings) Open(channel.Env) (channel.Sender, error) {
	made, err := open(*s, options{})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Test sends m to its subscription and reports the steps token, resolve, connect, tls, authenticate and send.
func (s *Settings) Test(ctx context.Context, _ channel.Env, m message.Message) channel.Report {
	return s.test(ctx, m, options{})
}

func (s *Settings) test(ctx context.Context, m message.Message, opts options) channel.Report {
	report := channel.NewReport()
	sender, err := open(*s, opts)
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: err.Error()})
		return report
	}
	defer sender.Close()
	to, err := fleet.ParseSubscription(m.Address)
	if err != nil {
		report.Failed("token", noToken)
		return report
	}
	endpoint, err := channel.ParseEndpoint(to.Origin())
	if err != nil {
		report.Failed("token", noToken)
		return report
	}
	report.Did("token", endpoint.Origin)
	dialer, _ := s.dialer(opts) // open has read it too
	if report.Reach(ctx, dialer, endpoint) && ctx.Err() == nil {
		outcome, _ := sender.post(ctx, newOrigin(endpoint), to, m)
		report.Sent(outcome)
	}
	return report
}

func validApp(app string) bool {
	for _, c := range []byte(app) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return app != "" && len(app) <= 255
}

// validSubject takes what every push service does (RFC 8292 section 2.1); some refuse anything else.
func validSubject(subject string) bool {
	if len(subject) > 255 || strings.ContainsFunc(subject, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	if address, ok := strings.CutPrefix(subject, "mailto:"); ok {
		parsed, err := mail.ParseAddress(address)
		return err == nil && parsed.Address == address
	}
	u, err := url.Parse(subject)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}
