package certificate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// A reason is what the authority said, whatever it said it in; what is part of the protocol is none.
func TestReason(t *testing.T) {
	unreached := fmt.Errorf("acme: %w", &url.Error{Op: "Get", URL: "https://ca.example.com/dir", Err: errors.New("connection refused")})
	late := &url.Error{Op: "Post", URL: "https://ca.example.com/order", Err: context.DeadlineExceeded}
	other := errors.New("acme/autocert: no viable challenge type found")
	for name, c := range map[string]struct {
		said []string
		err  error
		want string
	}{
		"nothing":            {nil, other, "acme/autocert: no viable challenge type found"},
		"not reached":        {nil, unreached, "the authority at https://ca.example.com/dir was not reached: connection refused"},
		"no answer":          {nil, late, "the authority did not answer in time: https://ca.example.com/order"},
		"a problem":          {[]string{`{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many", "status": 429}`}, other, "rateLimited: too many"},
		"a problem, twice":   {[]string{`{"type": "urn:ietf:params:acme:error:dns", "detail": "no"}`, `{"type": "urn:ietf:params:acme:error:dns", "detail": "no"}`}, other, "dns: no"},
		"and then silence":   {[]string{`{"type": "urn:ietf:params:acme:error:serverInternal", "detail": "down"}`}, unreached, "serverInternal: down; the authority at https://ca.example.com/dir was not reached: connection refused"},
		"a nonce":            {[]string{`{"type": "urn:ietf:params:acme:error:badNonce", "detail": "stale"}`}, other, "acme/autocert: no viable challenge type found"},
		"an order":           {[]string{`{"status": "invalid", "identifiers": [], "error": {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids it"}}`}, other, "caa: CAA forbids it"},
		"a challenge":        {[]string{`{"type": "http-01", "status": "invalid", "error": {"type": "urn:ietf:params:acme:error:dns", "detail": "no"}}`}, other, "acme/autocert: no viable challenge type found"},
		"an authorization":   {[]string{`{"status": "invalid", "challenges": [{"type": "dns-01"}, {"type": "http-01", "error": {"type": "urn:ietf:params:acme:error:dns", "detail": "no"}}]}`}, other, "http-01: dns: no"},
		"what it is not":     {[]string{`{"type": 7}`, `[]`, `-----BEGIN CERTIFICATE-----`, ``, `{"type": "about:blank"}`}, other, "acme/autocert: no viable challenge type found"},
		"more than is kept":  {[]string{`{"type": "urn:ietf:params:acme:error:dns", "detail": "` + strings.Repeat("ü", longestReason) + `"}`}, other, "dns: " + strings.Repeat("ü", (longestReason-len("dns: "))/2)},
		"for a terminal":     {[]string{`{"type": "urn:ietf:params:acme:error:dns", "detail": "\u001b[2Jgone\n"}`}, other, "dns:  [2Jgone "},
		"of an unknown kind": {[]string{`{"status": "invalid", "error": {"detail": "no idea"}}`}, other, "no idea"},
	} {
		e := &ear{}
		for _, said := range c.said {
			e.listen([]byte(said))
		}
		if got := e.reason(c.err).Error(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// FuzzListen: whatever an authority says, what is kept of it is short and can be shown.
func FuzzListen(f *testing.F) {
	f.Add([]byte(`{"type": "urn:ietf:params:acme:error:dns", "detail": "no"}`), []byte(`{"challenges": [{"type": "http-01", "error": {"detail": "\u0007"}}]}`))
	f.Add([]byte(`{"error": {"type": "x", "detail": ""}}`), []byte(`{"type": "tls-alpn-01", "error": {}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		e := &ear{}
		e.listen(first)
		e.listen(second)
		text := e.reason(errors.New("nothing")).Error()
		unseen := func(r rune) bool { return !unicode.IsPrint(r) }
		if text == "" || len(text) > longestReason || !utf8.ValidString(text) || strings.ContainsFunc(text, unseen) {
			t.Errorf("%q and %q come to %q", first, second, text)
		}
	})
}
