package vonage

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // the service's own choice; its default
	"crypto/sha1" //nolint:gosec // the service's own choice
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"
)

// How an account signs (Vonage, "Signing messages"). MD5 is the hash of text and secret; the others are HMACs.
const (
	Unsigned   = "none"
	MD5        = "md5"
	HMACMD5    = "md5hmac"
	HMACSHA1   = "sha1"
	HMACSHA256 = "sha256"
	HMACSHA512 = "sha512"
)

var methodNames = []string{Unsigned, MD5, HMACMD5, HMACSHA1, HMACSHA256, HMACSHA512}

// A method makes the value of sig.
type method func(parameters map[string]string, secret string) string

var methods = map[string]method{
	MD5:        hashed,
	HMACMD5:    keyed(md5.New),
	HMACSHA1:   keyed(sha1.New),
	HMACSHA256: keyed(sha256.New),
	HMACSHA512: keyed(sha512.New),
}

func hashed(parameters map[string]string, secret string) string {
	sum := md5.Sum([]byte(canonical(parameters) + secret)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func keyed(h func() hash.Hash) method {
	return func(parameters map[string]string, secret string) string {
		mac := hmac.New(h, []byte(secret))
		mac.Write([]byte(canonical(parameters)))
		return hex.EncodeToString(mac.Sum(nil))
	}
}

var noSeparators = strings.NewReplacer("&", "_", "=", "_")

// canonical is the text that is signed: &name=value for each parameter but sig, sorted by name.
func canonical(parameters map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if name == "sig" {
			continue
		}
		text.WriteByte('&')
		text.WriteString(name)
		text.WriteByte('=')
		_, _ = noSeparators.WriteString(&text, parameters[name]) // a Builder takes everything
	}
	return text.String()
}

// fits compares signatures in constant time.
func fits(given, want string) bool {
	return hmac.Equal([]byte(strings.ToLower(given)), []byte(want))
}
