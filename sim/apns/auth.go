package apns

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/token"
)

// The ages of a provider token.
const (
	tokenLife    = time.Hour        // older: ExpiredProviderToken
	tokenRefresh = 20 * time.Minute // newer ones more often on one connection: TooManyProviderTokenUpdates
	clockSkew    = 5 * time.Minute  // an iat further ahead than this is not believed
)

// claims are what a provider token says. ok = the simulator's key signed it.
type claims struct {
	ok       bool
	keyID    string
	issuedAt int64
}

// verifier checks provider tokens against one key. A token is checked once, and remembered.
type verifier struct {
	key    *ecdsa.PublicKey
	keyID  string
	teamID string

	mu    sync.Mutex
	known map[string]claims
}

// maxKnown bounds the memory of tokens; real clients use one or two at a time.
const maxKnown = 256

func newVerifier(c Credentials) (*verifier, error) {
	key, err := c.publicKey()
	if err != nil {
		return nil, err
	}
	return &verifier{key: key, keyID: c.KeyID, teamID: c.TeamID, known: map[string]claims{}}, nil
}

func (v *verifier) check(text string) claims {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.known[text]; ok {
		return c
	}
	c := v.verify(text)
	if len(v.known) >= maxKnown {
		clear(v.known)
	}
	v.known[text] = c
	return c
}

func (v *verifier) verify(text string) claims {
	parsed, err := token.Parse(text)
	if err != nil {
		return claims{}
	}
	var said struct {
		Issuer   string `json:"iss"`
		IssuedAt *int64 `json:"iat"`
	}
	if json.Unmarshal(parsed.Claims, &said) != nil || said.IssuedAt == nil {
		return claims{keyID: parsed.Header.KeyID}
	}
	return claims{
		ok:       parsed.Header.KeyID == v.keyID && said.Issuer == v.teamID && parsed.SignedES256(v.key),
		keyID:    parsed.Header.KeyID,
		issuedAt: *said.IssuedAt,
	}
}

// session is what the service remembers of one connection.
type session struct {
	mu       sync.Mutex
	keyID    string
	newest   int64    // iat of the newest accepted token
	accepted []string // tokens seen and accepted on this connection
}

// authenticate says why a request is refused; "" = it may pass. The text of the token is returned as the session keeps
// it, so that a history of many requests holds it once.
func (s *Server) authenticate(r *http.Request) (reason, text string) {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1:
		return "DuplicateHeaders", ""
	case len(values) == 0:
		return s.authenticateByCertificate(r), ""
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") || text == "" {
		return "MissingProviderToken", values[0]
	}
	c := s.verifier.check(text)
	conn := control.ConnState(r.Context(), func() *session { return &session{} })
	return conn.admit(values[0], c, s.now())
}

// admit applies the rules about time and about one connection. header is the whole header, as it is remembered.
func (c *session) admit(header string, said claims, now time.Time) (reason, kept string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := now.Sub(time.Unix(said.issuedAt, 0))
	switch {
	case c.keyID != "" && said.keyID != "" && said.keyID != c.keyID:
		return "UnrelatedKeyIdInToken", header
	case !said.ok || age < -clockSkew:
		return "InvalidProviderToken", header
	case age > tokenLife:
		return "ExpiredProviderToken", header
	}
	for _, known := range c.accepted {
		if known == header {
			return "", known
		}
	}
	if c.keyID != "" && time.Duration(abs(said.issuedAt-c.newest))*time.Second < tokenRefresh {
		return "TooManyProviderTokenUpdates", header
	}
	c.keyID, c.newest = said.keyID, max(c.newest, said.issuedAt)
	c.accepted = append(c.accepted, header)
	return "", header
}

// authenticateByCertificate accepts every client certificate in its time of validity: a simulator knows no apps.
func (s *Server) authenticateByCertificate(r *http.Request) string {
	certificate := peer(r)
	switch now := s.now(); {
	case certificate == nil:
		return "MissingProviderToken"
	case now.Before(certificate.NotBefore) || now.After(certificate.NotAfter):
		return "BadCertificate"
	}
	return ""
}

func peer(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

func abs(n int64) int64 { return max(n, -n) }
