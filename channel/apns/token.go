package apns

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"time"
)

// Ages of a provider token. Apple takes one for an hour and wants no new one within 20 minutes.
const (
	period  = 40 * time.Minute // between two tokens
	lead    = 5 * time.Minute  // age at first use, so that a clock that is a little fast does no harm
	maxAge  = period + lead    // at last use
	maxKept = 55 * time.Minute // at last use, of an older token that Apple asked for again
)

// tokens makes the provider tokens of one key (Apple, "Establishing a token-based connection to APNs").
//
// Time is cut into periods and the token of a period is signed deterministically, so that every sender on every node has
// the same one without talking to the others.
type tokens struct {
	key    *ecdsa.PrivateKey
	keyID  string
	teamID string
	now    func() time.Time

	current atomic.Pointer[bearer]

	mu    sync.Mutex // held to replace current
	older *bearer    // the one before; may be nil
}

// bearer is a token, ready for its header.
type bearer struct {
	header string
	issued time.Time
	until  time.Time
}

func (b *bearer) valid(now time.Time) bool {
	return b != nil && now.Before(b.until) && !now.Before(b.issued)
}

// get is the token to use now.
func (t *tokens) get() *bearer {
	now := t.now()
	if b := t.current.Load(); b.valid(now) {
		return b
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.current.Load()
	if b.valid(now) {
		return b
	}
	return t.replace(t.make(now.Add(-lead).Truncate(period), maxAge))
}

// renew replaces a token that was refused as expired by one of this second, once for all who were refused.
func (t *tokens) renew(refused *bearer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.Load() == refused {
		t.replace(t.make(t.now().Truncate(time.Second), period))
		t.older = nil
	}
}

// revert goes back to the token before the refused one, if there is one that is young enough.
func (t *tokens) revert(refused *bearer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.Load() != refused || t.older == nil {
		return
	}
	again := *t.older
	again.until = again.issued.Add(maxKept)
	if again.valid(t.now()) {
		t.older = nil
		t.current.Store(&again)
	}
}

func (t *tokens) replace(b *bearer) *bearer {
	t.older = t.current.Swap(b)
	return b
}

func (t *tokens) make(issued time.Time, life time.Duration) *bearer {
	text := "bearer " + t.sign(issued)
	return &bearer{header: text, issued: issued, until: issued.Add(life)}
}

// sign makes a JWT (RFC 7519) with ES256 (RFC 7518 section 3.4).
func (t *tokens) sign(issued time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(fmt.Appendf(nil, `{"alg":"ES256","kid":%q}`, t.keyID)) + "." +
		encode(fmt.Appendf(nil, `{"iss":%q,"iat":%d}`, t.teamID, issued.Unix()))
	digest := sha256.Sum256([]byte(signed))
	// Without a source of randomness the signature is that of RFC 6979: the same for the same input.
	der, err := t.key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		panic("apns: a P-256 key that does not sign: " + err.Error())
	}
	return signed + "." + encode(flat(der))
}

// flat turns the ASN.1 form of a signature into the two numbers side by side, as JOSE wants them.
func flat(der []byte) []byte {
	var signature struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &signature); err != nil {
		panic("apns: crypto/ecdsa wrote a signature that is not ASN.1: " + err.Error())
	}
	out := make([]byte, 64)
	signature.R.FillBytes(out[:32])
	signature.S.FillBytes(out[32:])
	return out
}
