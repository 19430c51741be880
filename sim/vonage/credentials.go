package vonage

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

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
	if dir == "" {
		return NewCredentials(), nil
	}
	path := filepath.Join(dir, "vonage.json")
	text, err := authority.Keep(path, func() ([]byte, error) { return json.Marshal(NewCredentials()) })
	if err != nil {
		return Credentials{}, err
	}
	var c Credentials
	if json.Unmarshal(text, &c) != nil || c.Key == "" || c.Secret == "" || c.SignatureSecret == "" {
		return Credentials{}, fmt.Errorf("reading %s: not the account that was kept there", path)
	}
	return c, nil
}
