package vonage

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"heliograph/channel"
	"heliograph/channel/gsm"
	"heliograph/message"
)

// Settings are one account.
//
// Who sends is proved by the secret; an account without one proves it by signing each request with the signature secret.
// Receipts must be signed when there is a signature secret and a method other than none.
type Settings struct {
	Key             string `json:"key"`
	Secret          string `json:"secret"`          // empty = requests are signed
	VirtualNumber   string `json:"virtual_number"`  // digits; the sender for numbers of North America
	HTTPS           bool   `json:"https"`           // of the real host, and of an endpoint that does not say
	Country         string `json:"country"`         // +93: the calling code of numbers that are written without one
	Sender          string `json:"sender"`          // name or number; empty = the virtual number
	RatePerSecond   int    `json:"rate_per_second"` // requests
	RatePerSecondUS int    `json:"rate_per_second_us"`
	SignatureSecret string `json:"signature_secret"`
	SignatureMethod string `json:"signature_method"`
	MaxRetries      int    `json:"retries"`
	TimeoutSeconds  int    `json:"timeout_seconds"`
	Endpoint        string `json:"endpoint"`   // origin, or host with port; empty = the real one
	TrustedCA       string `json:"trusted_ca"` // PEM; empty = the system's authorities
}

const realHost = "rest.nexmo.com"

// Check finds what is wrong with the settings, field by field.
func (s *Settings) Check() []channel.Problem {
	var found []channel.Problem
	need := func(ok bool, field, detail string) {
		if !ok {
			found = append(found, channel.Problem{Field: field, Detail: detail})
		}
	}
	_, known := methods[s.SignatureMethod]
	need(plain(s.Key, 1, 64), "key", "Enter the key of the account, without spaces.")
	need(s.Secret != "" || s.signed(), "secret", "Enter the secret of the account.")
	need(plain(s.Secret, 0, 256), "secret", "The secret has no spaces, and at most 256 characters.")
	need(s.VirtualNumber == "" || digits(s.VirtualNumber, 3, 15), "virtual_number", "The virtual phone number has 3 to 15 digits and nothing else.")
	need(gsm.ValidCountry(s.Country), "country", "The country code must be that of a country, such as +93.")
	need(validSender(s.Sender), "sender", "The sender is a number of up to 15 digits, or a name of up to 11 letters, digits and spaces.")
	need(1 <= s.RatePerSecond && s.RatePerSecond <= maxRate, "rate_per_second", "The rate must be between 1 and 10000 a second.")
	need(1 <= s.RatePerSecondUS && s.RatePerSecondUS <= maxRate, "rate_per_second_us", "The rate must be between 1 and 10000 a second.")
	need(plain(s.SignatureSecret, 0, 256), "signature_secret", "The signature secret has no spaces, and at most 256 characters.")
	need(known || s.SignatureMethod == Unsigned, "signature_method", "Choose one of "+strings.Join(methodNames, ", ")+".")
	need(0 <= s.MaxRetries && s.MaxRetries <= 20, "retries", "The number of retries must be between 0 and 20.")
	need(1 <= s.TimeoutSeconds && s.TimeoutSeconds <= 600, "timeout_seconds", "The timeout must be between 1 and 600 seconds.")
	if _, err := s.endpoint(); err != nil {
		need(false, "endpoint", err.Error())
	}
	_, err := channel.TLSConfig(s.TrustedCA)
	need(err == nil, "trusted_ca", "This holds no certificate in PEM form.")
	return found
}

const maxRate = 10000

// Route is how a message finds this server: there is at most one active, so only its host is told.
func (s *Settings) Route() channel.Route {
	e, _ := s.endpoint()
	return channel.Route{Host: e.Authority}
}

// Retries is how often a message is tried again after its first attempt.
func (s *Settings) Retries() int { return s.MaxRetries }

// Patience is how long a request can still take: until its own time is up.
func (s *Settings) Patience() time.Duration { return s.timeout() }

// Number is E.164 of a number as somebody wrote it.
func (s *Settings) Number(written string) (string, error) { return gsm.Number(written, s.Country) }

// Rate is how many messages a second may go to a number.
func (s *Settings) Rate(address string) float64 {
	if s.laneOf(address) == northAmerica {
		return float64(s.RatePerSecondUS)
	}
	return float64(s.RatePerSecond)
}

// Open makes a sender. It does not touch the network.
func (s *Settings) Open(env channel.Env) (channel.Sender, error) {
	made, err := open(*s, env)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Test really sends m, and reports the steps number, resolve, connect, tls (if there is any), authenticate and send.
func (s *Settings) Test(ctx context.Context, env channel.Env, m message.Message) channel.Report {
	report := channel.NewReport()
	sender, err := open(*s, env)
	if err != nil {
		report.Failed("settings", message.Failure{Reason: message.Credentials, Detail: "The settings cannot be used."})
		return report
	}
	defer sender.Close()
	ready, failure := sender.prepare(m)
	if failure != nil {
		report.Failed("number", *failure)
		return report
	}
	report.Did("number", "+"+ready.to)
	if sender.wire.reach(ctx, &report) {
		report.Sent(sender.transmit(ready))
	}
	return report
}

func (s *Settings) timeout() time.Duration { return time.Duration(s.TimeoutSeconds) * time.Second }

// signed reports whether there is what a signature needs.
func (s *Settings) signed() bool { return s.SignatureSecret != "" && s.SignatureMethod != Unsigned }

// laneOf tells numbers of North America from others. What is written without a country is of the settings' own.
func (s *Settings) laneOf(address string) int {
	written := strings.TrimSpace(address)
	if !strings.HasPrefix(written, "+") {
		written = s.Country
	}
	if strings.HasPrefix(written, "+1") {
		return northAmerica
	}
	return everywhere
}

func (s *Settings) sender() string {
	for _, from := range []string{s.Sender, s.VirtualNumber} {
		if from != "" {
			return from
		}
	}
	return nameless
}

// hide takes secrets out of what the service said.
func (s *Settings) hide(said string) string {
	for _, secret := range []string{s.Secret, s.SignatureSecret} {
		if secret != "" {
			said = strings.ReplaceAll(said, secret, "…")
		}
	}
	return said
}

// endpoint is the origin that is called. Its errors are sentences for the administrator.
func (s *Settings) endpoint() (endpoint, error) {
	origin := s.Endpoint
	if origin == "" {
		origin = realHost
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok {
		scheme, rest = "http", origin
		if s.HTTPS {
			scheme = "https"
		}
	}
	if scheme != "http" && scheme != "https" {
		return endpoint{}, channel.Sentence("The endpoint begins with https:// or http://.")
	}
	parsed, err := channel.ParseEndpoint("https://" + rest)
	if err != nil {
		return endpoint{}, channel.Sentence("The endpoint must be an address such as https://sms.example.com, without a path.")
	}
	e := endpoint{Endpoint: parsed, plain: scheme == "http"}
	if e.plain {
		if s.HTTPS && ok && !loopback(e.Host) {
			return endpoint{}, channel.Sentence("Switch HTTPS off to use an endpoint that begins with http://: the secret would go over the network in clear.")
		}
		e.Origin = "http://" + e.Authority
		if _, port, _ := net.SplitHostPort(e.Authority); port == "" {
			e.Address = net.JoinHostPort(e.Host, "80")
		}
	}
	return e, nil
}

// loopback: nothing leaves the machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// endpoint is where requests go, with or without TLS.
type endpoint struct {
	channel.Endpoint
	plain bool
}

// plain reports whether s is of visible ASCII characters.
func plain(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

func validSender(s string) bool {
	if s == "" || digits(s, 1, 15) {
		return true
	}
	letter := func(c byte) bool {
		return c == ' ' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	return len(s) <= 11 && strings.TrimSpace(s) == s && !slices.ContainsFunc([]byte(s), func(c byte) bool { return !letter(c) })
}
