package webpush

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"

	"heliograph/sim/authority"
)

// Subscription is what a browser gives its app: where to send, and for whom to encrypt.
type Subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     Keys   `json:"keys"`
}

// Keys are base64url without padding.
type Keys struct {
	P256dh string `json:"p256dh"` // P-256 point, uncompressed
	Auth   string `json:"auth"`   // 16 bytes
}

// Seed is what the keys of all subscriptions follow from.
type Seed [sha256.Size]byte

// OpenSeed reads the seed kept in dir and makes it when there is none; dir == "" makes a fresh one.
func OpenSeed(dir string) (seed Seed, err error) {
	fresh := func() ([]byte, error) {
		var s Seed
		rand.Read(s[:])
		return s[:], nil
	}
	text, err := fresh()
	if dir != "" {
		text, err = authority.Keep(filepath.Join(dir, "webpush.seed"), fresh)
	}
	if err != nil {
		return seed, err
	}
	if len(text) != len(seed) {
		return seed, fmt.Errorf("reading the Web Push seed in %s: it has %d bytes, not %d", dir, len(text), len(seed))
	}
	copy(seed[:], text)
	return seed, nil
}

// browser is the receiving end of one subscription.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

// derive is a value of its own for each purpose and name.
func (s Seed) derive(purpose, name string) []byte {
	mac := hmac.New(sha256.New, s[:])
	mac.Write([]byte(purpose + "\x00" + name))
	return mac.Sum(nil)
}

// browser makes the keys of a name. Almost every 32 bytes are a private key of P-256; the count is for the rest.
func (s Seed) browser(name string) browser {
	for n := 0; ; n++ {
		if key, err := ecdh.P256().NewPrivateKey(s.derive(fmt.Sprint("key", n), name)); err == nil {
			return browser{key: key, auth: s.derive("auth", name)[:16]}
		}
	}
}

func (b browser) keys() Keys {
	return Keys{P256dh: base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(b.auth)}
}

// pushPath is where endpoints are; a name follows.
const pushPath = "/push/"

// validName is what an endpoint may end in.
func validName(name string) bool {
	return name != "" && len(name) <= 128 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
