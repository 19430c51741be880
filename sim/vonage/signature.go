package vonage

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // the service's default method
	"crypto/sha1" //nolint:gosec // one of the service's methods
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"
)

// unsigned is the method of receipts without a signature.
const unsigned = "none"

// hashes are the methods of HMAC; md5 alone is the hash of text and secret.
var hashes = map[string]func() hash.Hash{"md5hmac": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

var methods = append([]string{"md5"}, slices.Sorted(maps.Keys(hashes))...)

// sign is the value of sig: the parameters sorted by name, each as &name=value with & and = in the value replaced.
func sign(parameters map[string]string, method, secret string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if name != "sig" {
			text.WriteString("&" + name + "=" + strings.NewReplacer("&", "_", "=", "_").Replace(parameters[name]))
		}
	}
	if method == "md5" {
		sum := md5.Sum([]byte(text.String() + secret)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:])
	}
	mac := hmac.New(hashes[method], []byte(secret))
	mac.Write([]byte(text.String()))
	return hex.EncodeToString(mac.Sum(nil))
}

// signed reports whether sig fits by one of the methods.
func signed(parameters map[string]string, secret string) bool {
	given := strings.ToLower(parameters["sig"])
	return slices.ContainsFunc(methods, func(method string) bool {
		return hmac.Equal([]byte(sign(parameters, method, secret)), []byte(given))
	})
}
