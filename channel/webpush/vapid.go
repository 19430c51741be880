package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"heliograph/channel"
)

// Ages of a token. Push services take one for at most a day.
const (
	tokenLife = 12 * time.Hour
	tokenUse  = 11 * time.Hour // so that a push service's clock may be fast
)

// vapid says who sends, to push services that have never heard of us (RFC 8292).
type vapid struct {
	key     *ecdsa.PrivateKey
	subject string
	suffix  string // of the header: the public key
}

// bearer is a token for one origin, ready for its header.
type bearer struct {
	header []string
	until  time.Time
}

func (b bearer) valid(now time.Time) bool { return now.Before(b.until) }

func newVapid(key *ecdsa.PrivateKey, subject string) *vapid {
	return &vapid{key: key, subject: subject, suffix: ", k=" + publicText(key)}
}

// bearer signs a JWT (RFC 7519) with ES256 (RFC 7518 section 3.4).
func (v *vapid) bearer(origin string, now time.Time) (bearer, error) {
	claims, err := json.Marshal(map[string]any{"aud": origin, "exp": now.Add(tokenLife).Unix(), "sub": v.subject})
	if err != nil {
		return bearer{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, v.key, digest[:])
	if err != nil {
		return bearer{}, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return bearer{header: []string{"vapid t=" + signed + "." + encode(signature) + v.suffix}, until: now.Add(tokenUse)}, nil
}

// newKey makes a private key as settings keep it: base64url of its 32 bytes, the form that all tools of Web Push use.
func newKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("webpush: no randomness: " + err.Error()) // crypto/rand itself ends the process
	}
	raw, err := key.Bytes()
	if err != nil {
		panic("webpush: a new P-256 key that cannot be written: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseKey reads a private key. Its error is a sentence for the administrator and says nothing of the content.
func parseKey(text string) (*ecdsa.PrivateKey, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err == nil {
		var key *ecdsa.PrivateKey
		if key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return key, nil
		}
	}
	return nil, channel.Sentence("The private key must be one on the curve P-256, as 32 bytes in base64url. Without one, a new one is made.")
}

// publicText is the public key as apps want it, for applicationServerKey: base64url of the point.
func publicText(key *ecdsa.PrivateKey) string {
	raw, err := key.PublicKey.Bytes()
	if err != nil {
		panic("webpush: a P-256 key that cannot be written: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
