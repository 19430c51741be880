package vonage

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"

	"heliograph/sim/authority"
)

// Credentials are one account.
type Credentials struct {
	Key             string `json:"key"`              // 8 characters
	Secret          string `json:"secret"`           // 16 characters
	SignatureSecret string `json:"signature_secret"` // signs requests in place of the secret, and all receipts that are to be signed
}

// NewCredentials makes a fresh account.
func NewCredentials() Credentials {
	key, secret, signature := make([]byte, 4), make([]byte, 10), make([]byte, 30)
	for _, random := range [][]byte{key, secret, signature} {
		rand.Read(random)
	}
	encode := base32.StdEncoding.EncodeToString
	return Credentials{Key: hex.EncodeToString(key), Secret: encode(secret), SignatureSecret: encode(signature)}
}

// OpenCredentials reads the account kept in dir and makes it when there is none; dir == "" makes a fresh one.
func OpenCredentials(dir string) (Credentials, error) {
	fresh := func() (Credentials, error) { return NewCredentials(), nil }
	return authority.KeepJSON(authority.In(dir, "vonage.json"), fresh, func(c Credentials) error {
		if c.Key == "" || c.Secret == "" || c.SignatureSecret == "" {
			return errors.New("the account is not whole")
		}
		return nil
	})
}
