package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"

	"heliograph/sim/authority"
)

// Credentials are what Apple gives a developer for token authentication.
type Credentials struct {
	KeyP8  string `json:"key_p8"`  // PEM, PKCS #8, P-256
	KeyID  string `json:"key_id"`  // 10 characters
	TeamID string `json:"team_id"` // 10 characters
}

// NewCredentials makes fresh ones.
func NewCredentials() (Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credentials{}, fmt.Errorf("making an APNs key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Credentials{}, fmt.Errorf("encoding an APNs key: %w", err)
	}
	return Credentials{
		KeyP8:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		KeyID:  tenCharacters(),
		TeamID: tenCharacters(),
	}, nil
}

// OpenCredentials reads those kept in dir and makes them when there are none; dir == "" makes fresh ones.
func OpenCredentials(dir string) (Credentials, error) {
	return authority.KeepJSON(authority.In(dir, "apns.json"), NewCredentials, func(c Credentials) error {
		_, err := c.publicKey()
		return err
	})
}

// publicKey is the half of the key that Apple keeps.
func (c Credentials) publicKey() (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(c.KeyP8))
	if block == nil {
		return nil, errors.New("the APNs key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the APNs key is not PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the APNs key is not on P-256")
	}
	return &key.PublicKey, nil
}

// tenCharacters looks like a key or team id of Apple.
func tenCharacters() string {
	random := make([]byte, 10)
	rand.Read(random)
	return base32.StdEncoding.EncodeToString(random)[:10]
}
