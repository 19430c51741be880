package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"heliograph/channel/channeltest"
)

// app is what stands at the other end: it has the private key of a subscription and reads with it. It shares no code with
// the sender.
type app struct {
	key  *ecdh.PrivateKey
	auth []byte
}

func newApp(t testing.TB) app {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	return app{key, auth}
}

// token is the subscription at a push service.
func (a app) token(origin string) string {
	text, err := json.Marshal(map[string]string{
		"endpoint": origin + "/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV?secret=endpoint",
		"p256dh":   b64(a.key.PublicKey().Bytes()),
		"auth":     b64(a.auth),
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func unb64(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// read decrypts a body of one record, step by step as RFC 8291 section 3.4 and RFC 8188 section 2 write it down.
func (a app) read(body []byte) ([]byte, error) {
	if len(body) > 4096 || len(body) < 86+17 || body[20] != 65 {
		return nil, fmt.Errorf("%d bytes are no record with a key", len(body))
	}
	if size := binary.BigEndian.Uint32(body[16:]); int(size) < len(body)-86 || size != 4096 {
		return nil, fmt.Errorf("records of %d bytes", size)
	}
	salt, theirs := body[:16], body[21:86]
	public, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil {
		return nil, err
	}
	secret, err := a.key.ECDH(public)
	if err != nil {
		return nil, err
	}
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	one := []byte{1}
	prkKey := mac(a.auth, secret)
	ikm := mac(prkKey, []byte("WebPush: info\x00"), a.key.PublicKey().Bytes(), theirs, one)
	prk := mac(salt, ikm)
	block, err := aes.NewCipher(mac(prk, []byte("Content-Encoding: aes128gcm\x00"), one)[:16])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := gcm.Open(nil, mac(prk, []byte("Content-Encoding: nonce\x00"), one)[:12], body[86:], nil)
	if err != nil {
		return nil, err
	}
	padded := strings.TrimRight(string(text), "\x00")
	content, last := strings.CutSuffix(padded, "\x02")
	if !last {
		return nil, errors.New("the record does not end as the last one does")
	}
	return []byte(content), nil
}

// claims checks the Authorization of a request as a push service does (RFC 8292 section 4.2), and is what it says.
func claims(r channeltest.Request) (map[string]any, error) {
	said := r.Header.Get("Authorization")
	rest, ok := strings.CutPrefix(said, "vapid t=")
	token, key, ok2 := strings.Cut(rest, ", k=")
	parts := strings.Split(token, ".")
	if !ok || !ok2 || len(parts) != 3 {
		return nil, fmt.Errorf("authorization %q", said)
	}
	raw := make([][]byte, 4)
	for i, part := range append(parts, key) {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, err
		}
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw[3])
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if len(raw[2]) != 64 || !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])) {
		return nil, errors.New("the signature does not fit")
	}
	if string(raw[0]) != `{"typ":"JWT","alg":"ES256"}` {
		return nil, fmt.Errorf("head %s", raw[0])
	}
	var out map[string]any
	return out, json.Unmarshal(raw[1], &out)
}
