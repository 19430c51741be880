package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// TokenPrefix begins every API token, so that people and scanners of leaked secrets recognise one.
const TokenPrefix = "hel_"

// NewSecret makes a secret that nobody can guess: the prefix and 32 random bytes as base64url.
func NewSecret(prefix string) string {
	random := make([]byte, 32)
	rand.Read(random) //nolint:errcheck // never fails (crypto/rand)
	return prefix + base64.RawURLEncoding.EncodeToString(random)
}

// HashSecret is what the database keeps of a secret that NewSecret made. Plain SHA-256 is enough, for there is nothing
// to guess in 256 random bits.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
