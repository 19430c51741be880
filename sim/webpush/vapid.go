package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"heliograph/sim/token"
)

// vapidLife is the longest time that a token may be good for (RFC 8292 section 2).
const vapidLife = 24 * time.Hour

// checkVAPID says what is wrong with an Authorization header; "" = it shows who sends. origin is ours.
func checkVAPID(header, origin string, now time.Time) string {
	parameters, ok := strings.CutPrefix(header, "vapid ")
	if !ok {
		return "the Authorization header is not vapid"
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		values[name] = strings.Trim(value, `"`)
	}
	key, ok := publicKey(values["k"])
	if !ok {
		return "k is not a P-256 key"
	}
	parsed, err := token.Parse(values["t"])
	if err != nil || !parsed.SignedES256(key) {
		return "t is not signed by k"
	}
	return checkClaims(parsed.Claims, origin, now)
}

func checkClaims(text []byte, origin string, now time.Time) string {
	var said struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}
	left := time.Duration(0)
	err := json.Unmarshal(text, &said)
	if err == nil {
		left = time.Unix(said.Expires, 0).Sub(now)
	}
	switch {
	case err != nil:
		return "the claims cannot be read"
	case said.Audience != origin:
		return "aud is not the origin of this push service"
	case left <= 0 || left > vapidLife:
		return "exp has passed, or is more than 24 hours away"
	case said.Subject != "" && !strings.HasPrefix(said.Subject, "mailto:") && !strings.HasPrefix(said.Subject, "https:"):
		return "sub is neither a mail address nor a page"
	}
	return ""
}

func publicKey(text string) (*ecdsa.PublicKey, bool) {
	point, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	return key, err == nil
}
