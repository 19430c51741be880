package fcm

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/sim/control"
	"heliograph/sim/token"
)

// tokenPath is where assertions are exchanged.
const tokenPath = "/token"

const (
	bearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	accessLife  = time.Hour
	clockSkew   = 5 * time.Minute
)

// scopes of which one is enough to send.
var scopes = []string{
	"https://www.googleapis.com/auth/firebase.messaging",
	"https://www.googleapis.com/auth/cloud-platform",
}

// office is the OAuth side: it checks assertions and issues access tokens. An access token carries its own end and
// proof, so that nothing is stored and a restarted simulator with the same account knows the tokens of the first.
type office struct {
	account Account
	public  *rsa.PublicKey
	secret  [sha256.Size]byte
	now     func() time.Time
}

func newOffice(account Account, now func() time.Time) (*office, error) {
	key, err := account.key()
	if err != nil {
		return nil, err
	}
	seed := append([]byte("heliograph sim access token\x00"), x509.MarshalPKCS1PrivateKey(key)...)
	return &office{account: account, public: &key.PublicKey, secret: sha256.Sum256(seed), now: now}, nil
}

// refusedGrant is an OAuth error (RFC 6749 section 5.2).
type refusedGrant struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// grant answers a token request for the endpoint at this URL.
func (o *office) grant(r *http.Request, endpoint string) control.Reply {
	if r.Method != http.MethodPost {
		return oauthReply(http.StatusMethodNotAllowed, refusedGrant{"invalid_request", "the token endpoint takes POST"})
	}
	if kind := r.PostFormValue("grant_type"); kind != bearerGrant {
		return oauthReply(http.StatusBadRequest, refusedGrant{"unsupported_grant_type", "only the JWT bearer grant is known here"})
	}
	if refused := o.checkAssertion(r.PostFormValue("assertion"), endpoint); refused.Error != "" {
		return oauthReply(http.StatusBadRequest, refused)
	}
	return oauthReply(http.StatusOK, map[string]any{
		"access_token": o.issue(), "expires_in": int(accessLife/time.Second) - 1, "token_type": "Bearer",
	})
}

func oauthReply(status int, body any) control.Reply {
	text, _ := json.Marshal(body) // strings and numbers always encode
	reply := control.Reply{Status: status, Header: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}, Body: text}
	return reply
}

// checkAssertion applies RFC 7523 as Google does.
func (o *office) checkAssertion(text, endpoint string) refusedGrant {
	grant := func(description string) refusedGrant { return refusedGrant{"invalid_grant", description} }
	parsed, err := token.Parse(text)
	if err != nil {
		return grant("the assertion is not a JWT")
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if json.Unmarshal(parsed.Claims, &claims) != nil {
		return grant("the assertion's claims cannot be read")
	}
	issued, expires, now := time.Unix(claims.IssuedAt, 0), time.Unix(claims.Expires, 0), o.now()
	switch {
	case claims.Issuer != o.account.Email:
		return grant("iss names no known service account")
	case !parsed.SignedRS256(o.public):
		return grant("the assertion's signature is wrong")
	case claims.Audience != endpoint:
		return grant("aud is not this token endpoint")
	case issued.After(now.Add(clockSkew)):
		return grant("iat lies in the future")
	case !expires.After(now.Add(-clockSkew)):
		return grant("the assertion has expired")
	case expires.Sub(issued) > time.Hour:
		return grant("exp is more than one hour after iat")
	case !slices.ContainsFunc(strings.Fields(claims.Scope), func(s string) bool { return slices.Contains(scopes, s) }):
		return refusedGrant{"invalid_scope", "no scope that allows sending messages"}
	}
	return refusedGrant{}
}

const accessPrefix = "ya29.sim-"

func (o *office) issue() string {
	expires := strconv.FormatInt(o.now().Add(accessLife).UnixNano(), 36)
	return accessPrefix + expires + "-" + o.proof(expires)
}

// admits reports whether an Authorization header carries a live access token.
func (o *office) admits(header string) bool {
	scheme, text, _ := strings.Cut(header, " ")
	text, ours := strings.CutPrefix(text, accessPrefix)
	expires, proof, _ := strings.Cut(text, "-")
	if !ours || !strings.EqualFold(scheme, "bearer") || !hmac.Equal([]byte(proof), []byte(o.proof(expires))) {
		return false
	}
	end, err := strconv.ParseInt(expires, 36, 64)
	return err == nil && o.now().UnixNano() < end
}

func (o *office) proof(expires string) string {
	mac := hmac.New(sha256.New, o.secret[:])
	mac.Write([]byte(expires))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
