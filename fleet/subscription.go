package fleet

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Subscription is the token of Web Push: where a push service takes the messages of one app on one device, and the keys
// that nobody but that app can read with (RFC 8030 section 4, RFC 8291 section 3.1). As a token it is the JSON object
// {"endpoint", "p256dh", "auth"}. Whoever knows the endpoint can send to it, so it is as secret as any token.
type Subscription struct {
	Endpoint *url.URL // https; its Host is in lower case and names no port 443
	Key      *ecdh.PublicKey
	Auth     []byte // 16 bytes
}

const (
	maxEndpoint = 2000 // bytes
	authLength  = 16
)

// Origin is the push service: https://host, or https://host:port (RFC 6454 section 6.2).
func (s Subscription) Origin() string { return "https://" + s.Endpoint.Host }

// ParseSubscription reads a token of Web Push. The error says what must be, for after "of Web Push", and holds nothing of
// the token.
func ParseSubscription(token string) (s Subscription, err error) {
	var wire struct {
		Endpoint string `json:"endpoint"`
		P256dh   string `json:"p256dh"`
		Auth     string `json:"auth"`
	}
	d := json.NewDecoder(strings.NewReader(token))
	d.DisallowUnknownFields()
	if d.Decode(&wire) != nil || !ended(d) {
		return s, errors.New(`must be a JSON object with "endpoint", "p256dh" and "auth", all texts, and nothing else`)
	}
	if s.Endpoint, err = parsePushEndpoint(wire.Endpoint); err != nil {
		return s, err
	}
	if s.Key, err = parsePoint(wire.P256dh); err != nil {
		return s, err
	}
	if s.Auth, err = fromBase64(wire.Auth); err != nil || len(s.Auth) != authLength {
		return s, errors.New(`must have an "auth" of 16 bytes in base64url`)
	}
	return s, nil
}

func ended(d *json.Decoder) bool {
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}

// parsePushEndpoint takes what can be called and nothing that a reader could take for another host.
func parsePushEndpoint(text string) (*url.URL, error) {
	wrong := errors.New(`must have an "endpoint" that begins with https:// and a host, without a user name or #`)
	if len(text) > maxEndpoint || !isGraphic(text) || strings.Contains(text, "#") {
		return nil, wrong
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || !isHost(u.Hostname()) {
		return nil, wrong
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) || strings.HasSuffix(u.Host, ":") {
		return nil, wrong
	}
	u.Host = strings.TrimSuffix(net.JoinHostPort(host, port), ":")
	if port == "443" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	return u, nil
}

func isGraphic(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// isHost: a name of letters, digits, hyphens, dots and underscores, or an address of IPv6 without a zone.
func isHost(host string) bool {
	if strings.Contains(host, ":") {
		return net.ParseIP(host) != nil
	}
	for _, c := range []byte(host) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return host != "" && len(host) <= 253
}

func parsePoint(text string) (*ecdh.PublicKey, error) {
	raw, err := fromBase64(text)
	if err == nil {
		var key *ecdh.PublicKey
		if key, err = ecdh.P256().NewPublicKey(raw); err == nil {
			return key, nil
		}
	}
	return nil, errors.New(`must have a "p256dh" that is a point on P-256, 65 bytes in base64url`)
}

// fromBase64 reads base64url, and what libraries of devices write instead: padding, and the other alphabet.
func fromBase64(text string) ([]byte, error) {
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawURLEncoding.Strict().DecodeString(plain)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("not base64url")
	}
	return raw, nil
}
