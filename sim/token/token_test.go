package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"
)

func part(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestSignatures(t *testing.T) {
	mine, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	sign := func(input string) string {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, mine, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, 64)
		r.FillBytes(raw[:32])
		s.FillBytes(raw[32:])
		return input + "." + base64.RawURLEncoding.EncodeToString(raw)
	}
	good := sign(part(`{"alg":"ES256","kid":"K"}`) + "." + part(`{"iss":"T"}`))
	parsed, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Header.KeyID != "K" || string(parsed.Claims) != `{"iss":"T"}` {
		t.Errorf("parsed %+v", parsed)
	}
	if !parsed.SignedES256(&mine.PublicKey) {
		t.Error("the right key is refused")
	}
	if parsed.SignedES256(&other.PublicKey) {
		t.Error("a wrong key is accepted")
	}
	wrongName, err := Parse(sign(part(`{"alg":"none"}`) + "." + part(`{}`)))
	if err != nil {
		t.Fatal(err)
	}
	if wrongName.SignedES256(&mine.PublicKey) {
		t.Error("a token that does not say ES256 is accepted")
	}
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	if parsed.SignedRS256(&key.PublicKey) {
		t.Error("an ES256 token passes as RS256")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "a", "a.b", "..", part("{}") + "." + part("not json") + ".AA", part("[") + "." + part("{}") + ".AA", part("{}") + "." + part("{}") + ".=="} {
		if _, err := Parse(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q) = %v, want ErrMalformed", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(part(`{"alg":"ES256"}`) + "." + part(`{}`) + ".AA")
	f.Add("a.b.c")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err == nil && parsed.SignedES256(&key.PublicKey) {
			t.Error("a token nobody signed is accepted")
		}
	})
}
