// Package token reads and checks the signed tokens (JWT, RFC 7519) that clients of push services show: ES256 for APNs,
// RS256 for Google's OAuth. Only what the simulators need: the compact form, one signature, no encryption.
package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
)

// ErrMalformed means that a text is not a JWT in compact form at all.
var ErrMalformed = errors.New("not a JSON web token")

// Header is the part of the JOSE header that the services look at.
type Header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

// Token is a parsed token whose signature has not been checked yet.
type Token struct {
	Header Header
	Claims []byte // JSON, as signed

	digest    [sha256.Size]byte
	signature []byte
}

// Parse splits and decodes the compact form. It checks no signature.
func Parse(text string) (Token, error) {
	head, rest, ok := strings.Cut(text, ".")
	if !ok {
		return Token{}, ErrMalformed
	}
	claims, signature, ok := strings.Cut(rest, ".")
	if !ok {
		return Token{}, ErrMalformed
	}
	var t Token
	var err error
	header, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || json.Unmarshal(header, &t.Header) != nil {
		return Token{}, ErrMalformed
	}
	if t.Claims, err = base64.RawURLEncoding.DecodeString(claims); err != nil || !json.Valid(t.Claims) {
		return Token{}, ErrMalformed
	}
	if t.signature, err = base64.RawURLEncoding.DecodeString(signature); err != nil {
		return Token{}, ErrMalformed
	}
	t.digest = sha256.Sum256([]byte(text[:len(head)+1+len(claims)]))
	return t, nil
}

// SignedES256 reports whether the token says ES256 and key signed it. The signature is r and s, 32 bytes each
// (RFC 7518 section 3.4).
func (t Token) SignedES256(key *ecdsa.PublicKey) bool {
	if t.Header.Algorithm != "ES256" || len(t.signature) != 64 {
		return false
	}
	r, s := new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:])
	return ecdsa.Verify(key, t.digest[:], r, s)
}

// SignedRS256 reports whether the token says RS256 and key signed it.
func (t Token) SignedRS256(key *rsa.PublicKey) bool {
	return t.Header.Algorithm == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, t.digest[:], t.signature) == nil
}
