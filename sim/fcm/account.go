package fcm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"heliograph/sim/authority"
)

// Account is a service account: who may send. The file that Google hands out is made of it and of the token endpoint's
// address, which is known when the simulator listens.
type Account struct {
	Project    string `json:"project_id"`
	Email      string `json:"client_email"`
	KeyID      string `json:"private_key_id"`
	PrivateKey string `json:"private_key"` // PEM, PKCS #8, RSA
}

// NewAccount makes a fresh one.
func NewAccount() (Account, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Account{}, fmt.Errorf("making a service account's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Account{}, fmt.Errorf("encoding a service account's key: %w", err)
	}
	id := make([]byte, 20)
	rand.Read(id)
	return Account{
		Project:    "heliograph-sim",
		Email:      "sender@heliograph-sim.iam.gserviceaccount.com",
		KeyID:      hex.EncodeToString(id),
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}, nil
}

// OpenAccount reads the one kept in dir and makes it when there is none; dir == "" makes a fresh one.
func OpenAccount(dir string) (Account, error) {
	return authority.KeepJSON(authority.In(dir, "fcm.json"), NewAccount, func(a Account) error {
		_, err := a.key()
		return err
	})
}

// File is the JSON text that Google offers for download; endpoint is the URL that exchanges assertions.
func (a Account) File(endpoint string) string {
	text, _ := json.MarshalIndent(struct {
		Type string `json:"type"`
		Account
		ClientID string `json:"client_id"`
		TokenURI string `json:"token_uri"`
	}{"service_account", a, "100000000000000000001", endpoint}, "", "  ") // strings always encode
	return string(text)
}

func (a Account) key() (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(a.PrivateKey))
	if block == nil {
		return nil, errors.New("the service account's key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the service account's key is not PKCS #8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the service account's key is not RSA")
	}
	return key, nil
}
