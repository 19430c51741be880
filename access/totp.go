package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// SecondFactor is an authenticator app: RFC 6238 with what all of them can do, SHA-1, six digits and 30 seconds.
type SecondFactor struct {
	Secret      string    // base32, without padding
	ConfirmedAt time.Time // zero = its owner has not shown a code yet, so that it is not asked for
	LastStep    int64     // time step of the newest code that was taken
}

const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // time steps that a phone's clock may be off, RFC 6238 section 5.2
	totpSecret = 20 // bytes, RFC 4226 section 4
	totpDigits = otp.DigitsSix
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTPSecret makes a secret for an authenticator app.
func NewTOTPSecret() string { return base32Text.EncodeToString(randomBytes(totpSecret)) }

// Match finds the time step whose code somebody typed. A code that was taken before, or an older one, does not match: the
// store keeps the step that this returns (RFC 6238 section 5.2).
func (f SecondFactor) Match(code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	current := now.Unix() / totpPeriod
	for step := current - totpSkew; step <= current+totpSkew; step++ {
		if step > f.LastStep && equalTexts(f.code(step), code) {
			return step, true
		}
	}
	return 0, false
}

// Code is what the app shows at a time.
func (f SecondFactor) Code(at time.Time) string { return f.code(at.Unix() / totpPeriod) }

// code is empty for a secret that is none.
func (f SecondFactor) code(step int64) string {
	code, err := hotp.GenerateCodeCustom(f.Secret, uint64(step), hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return ""
	}
	return code
}

func equalTexts(want, got string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1
}

// URL is what an authenticator app reads from the picture: who issued the secret, and for which account.
func (f SecondFactor) URL(issuer, account string) string {
	label := url.PathEscape(issuer + ":" + account)
	query := url.Values{"secret": {f.Secret}, "issuer": {issuer}}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(query.Encode(), "+", "%20") // apps read + as it stands
}

// Recovery codes stand in for a phone that was lost. They are random, so that a plain hash keeps them.
const (
	recoveryCodes = 10
	recoverySize  = 10 // bytes, 80 bits
)

// NewRecoveryCodes makes a set of codes, as people write them down: four groups of four.
func NewRecoveryCodes() []string {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		raw := make([]byte, recoverySize)
		rand.Read(raw) //nolint:errcheck // never fails (crypto/rand)
		text := strings.ToLower(base32Text.EncodeToString(raw))
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return codes
}

// HashRecoveryCode is what the database keeps of a code, however it was typed: 0 and 1 are not in base32, and l looks like
// i in many faces.
func HashRecoveryCode(account, code string) []byte {
	plain := strings.NewReplacer("-", "", " ", "", "0", "o", "1", "i", "l", "i").Replace(strings.ToLower(code))
	sum := sha256.Sum256([]byte("recovery code " + account + " " + plain))
	return sum[:]
}
