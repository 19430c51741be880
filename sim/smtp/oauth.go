package smtp

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"heliograph/sim/control"
)

// Access tokens: XOAUTH2 takes them (Google, "The SASL XOAUTH2 Mechanism"; Microsoft 365 speaks it too), and a token
// endpoint gives them to clients without a person (RFC 6749 section 4.4).
const (
	accessPrefix  = "sim-access-"
	expiredPrefix = "sim-expired-" // tokens that the mail server refuses
	accessLife    = time.Hour
)

// Magic names of clients and users who fail at access tokens.
const (
	wrongSecret   = "sim-wrong-secret"
	expiredClient = "sim-expired-token"
)

var magicTokens = []control.Magic{
	{Value: wrongSecret, Where: "the client secret at the token endpoint", Does: "401 invalid_client, and no access token", Example: wrongSecret},
	{Value: expiredClient, Where: "the client id at the token endpoint", Does: "gets access tokens that the mail server refuses", Example: expiredClient},
}

// challenge is why an access token is refused. The client answers it with an empty line, and then hears 535.
var challenge = base64.StdEncoding.EncodeToString([]byte(`{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}`))

// authToken knows XOAUTH2.
func (d *dialogue) authToken(initial string) (proof, reply, error) {
	text, refused, err := d.response(initial, "")
	if err != nil || refused.code != 0 {
		return proof{}, refused, err
	}
	user, token, ok := bearer(text)
	if !ok {
		return proof{}, reply{501, "5.5.2 XOAUTH2 needs a user and a bearer token"}, nil
	}
	return proof{user: user, good: d.server.options.Token(user, token), otherwise: reply{334, challenge}}, reply{}, nil
}

// bearer takes "user=USER^Aauth=Bearer TOKEN^A^A" apart; ^A is the byte 1.
func bearer(text string) (user, token string, ok bool) {
	user, ok = strings.CutPrefix(text, "user=")
	user, authorization, found := strings.Cut(user, "\x01auth=")
	token, ended := strings.CutSuffix(authorization, "\x01\x01")
	scheme, token, spaced := strings.Cut(token, " ")
	return user, token, ok && found && ended && spaced && strings.EqualFold(scheme, "Bearer") && token != "" && !strings.Contains(token, "\x01")
}

// afterChallenge waits for the client's empty line; whatever it says, it is refused.
func (d *dialogue) afterChallenge() error {
	if _, err := d.readLine(); err != nil {
		return err
	}
	return d.say(reply{535, "5.7.8 the access token is refused"})
}

// TokenPath is where TokenEndpoint is expected to be served.
const TokenPath = "/oauth2/v2.0/token"

// TokenEndpoint gives access tokens to every client but the magic ones. Nothing is kept: Options.Token judges them.
func TokenEndpoint() http.Handler { return http.HandlerFunc(serveToken) }

func serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, control.MaxBody)
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	refuse := func(status int, code, why string) {
		control.JSON(w, status, map[string]string{"error": code, "error_description": why})
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodPost:
		refuse(http.StatusMethodNotAllowed, "invalid_request", "the token endpoint takes POST")
	case r.PostFormValue("grant_type") != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is known here")
	case id == "" || secret == "" || secret == wrongSecret:
		refuse(http.StatusUnauthorized, "invalid_client", "the client id or the client secret is wrong")
	default:
		control.JSON(w, http.StatusOK, map[string]any{
			"access_token": prefixFor(id) + rand.Text(), "token_type": "Bearer", "expires_in": int(accessLife / time.Second),
		})
	}
}

func prefixFor(client string) string {
	if client == expiredClient {
		return expiredPrefix
	}
	return accessPrefix
}
