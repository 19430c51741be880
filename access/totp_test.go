package access

import (
	"bytes"
	"encoding/base32"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The test vectors of RFC 6238 appendix B, cut to six digits.
func TestCodesOfTheStandard(t *testing.T) {
	f := SecondFactor{Secret: base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))}
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := f.Code(time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestCodesWorkOnceAndNearTheirTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := SecondFactor{Secret: NewTOTPSecret()}
	for offset, want := range map[time.Duration]bool{
		0: true, -30 * time.Second: true, 30 * time.Second: true, -90 * time.Second: false, 90 * time.Second: false,
	} {
		if _, ok := f.Match(f.Code(now.Add(offset)), now); ok != want {
			t.Errorf("%s off: %v", offset, ok)
		}
	}
	step, ok := f.Match(" "+f.Code(now)[:3]+" "+f.Code(now)[3:], now)
	if !ok {
		t.Fatal("a code with spaces does not match")
	}
	f.LastStep = step
	if _, ok := f.Match(f.Code(now), now); ok {
		t.Error("the code works twice")
	}
	if _, ok := f.Match(f.Code(now.Add(-30*time.Second)), now); ok {
		t.Error("an older code works after a newer one")
	}
	if _, ok := f.Match(f.Code(now.Add(30*time.Second)), now.Add(30*time.Second)); !ok {
		t.Error("the next code does not work")
	}
	for _, broken := range []SecondFactor{{}, {Secret: "not base32!"}} {
		if _, ok := broken.Match("", now); ok {
			t.Errorf("nothing matches the secret %q", broken.Secret)
		}
	}
}

func TestTOTPURL(t *testing.T) {
	f := SecondFactor{Secret: NewTOTPSecret()}
	u, err := url.Parse(f.URL("Helio graph", "ada:x&y"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Helio graph:ada:x&y" || u.Query().Get("secret") != f.Secret || strings.Contains(u.RawQuery, "+") {
		t.Errorf("it is %s", u)
	}
}

func TestRecoveryCodes(t *testing.T) {
	codes := NewRecoveryCodes()
	if len(codes) != recoveryCodes || len(slices.Compact(slices.Sorted(slices.Values(codes)))) != recoveryCodes {
		t.Fatalf("%d codes, or not all different", len(codes))
	}
	want := HashRecoveryCode("a", codes[0])
	for _, typed := range []string{strings.ToUpper(codes[0]), strings.ReplaceAll(codes[0], "-", " "), strings.ReplaceAll(codes[0], "o", "0")} {
		if !bytes.Equal(HashRecoveryCode("a", typed), want) {
			t.Errorf("%q is not taken for %q", typed, codes[0])
		}
	}
	if bytes.Equal(HashRecoveryCode("b", codes[0]), want) {
		t.Error("one code has the same hash for two accounts")
	}
}
