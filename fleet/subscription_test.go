package fleet

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// Keys of the example of RFC 8291, section 5.
const (
	examplePoint = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	exampleAuth  = "BTBZMqHH6r4Tts7J_aSIgg"
)

func subscription(endpoint, point, auth string) string {
	text, err := json.Marshal(map[string]string{"endpoint": endpoint, "p256dh": point, "auth": auth})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestParseSubscription(t *testing.T) {
	at := func(endpoint string) string { return subscription(endpoint, examplePoint, exampleAuth) }
	good := at("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV")
	offCurve := strings.Replace(examplePoint, "BCVx", "BCVy", 1)
	for _, c := range []struct {
		name, token, want string // the origin, or a word of the error
	}{
		{"as a browser has it", good, "https://push.example.net"},
		{"capitals and a port of its own", at("HTTPS://Push.Example.NET:8443/a?b=c"), "https://push.example.net:8443"},
		{"the usual port", at("https://push.example.net:443/a"), "https://push.example.net"},
		{"IPv6", at("https://[2001:DB8::1]/a"), "https://[2001:db8::1]"},
		{"IPv6 with the usual port", at("https://[2001:db8::443]:443/a"), "https://[2001:db8::443]"},
		{"padding and the other alphabet", subscription("https://a.b/", strings.ReplaceAll(strings.ReplaceAll(examplePoint, "_", "/"), "-", "+")+"=", exampleAuth+"=="), "https://a.b"},
		{"nothing", "", "JSON"},
		{"an APNs token", strings.Repeat("ab", 32), "JSON"},
		{"a list", "[]", "JSON"},
		{"null", "null", "endpoint"},
		{"more after it", good + "{}", "JSON"},
		{"a field too many", strings.Replace(good, "{", `{"keys":{},`, 1), "JSON"},
		{"a number", `{"endpoint":1}`, "JSON"},
		{"no endpoint", at(""), "endpoint"},
		{"http", at("http://push.example.net/a"), "endpoint"},
		{"no host", at("https:///a"), "endpoint"},
		{"not a URL of a place", at("https:push.example.net"), "endpoint"},
		{"a user name", at("https://push.example.net@10.0.0.1/a"), "endpoint"},
		{"a fragment", at("https://push.example.net/a#b"), "endpoint"},
		{"a backslash", at(`https://push.example.net\@10.0.0.1/a`), "endpoint"},
		{"a line break", at("https://push.example.net/a\r\nHost: b"), "endpoint"},
		{"a blank", at("https://push.example.net/a b"), "endpoint"},
		{"a zone", at("https://[fe80::1%25eth0]/a"), "endpoint"},
		{"a host of other letters", at("https://pu%73h.example.net/a"), "endpoint"},
		{"a host with an escape in it", at("https://push%2f.example.net/a"), "endpoint"},
		{"port 0", at("https://push.example.net:0/a"), "endpoint"},
		{"port too high", at("https://push.example.net:65536/a"), "endpoint"},
		{"a colon without a port", at("https://push.example.net:/a"), "endpoint"},
		{"very long", at("https://push.example.net/" + strings.Repeat("a", maxEndpoint)), "endpoint"},
		{"no key", subscription("https://a.b/", "", exampleAuth), "p256dh"},
		{"a key that is no point", subscription("https://a.b/", offCurve, exampleAuth), "p256dh"},
		{"a compressed key", subscription("https://a.b/", "AyVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", exampleAuth), "p256dh"},
		{"a short secret", subscription("https://a.b/", examplePoint, exampleAuth[:8]), "auth"},
		{"a secret that is not base64", subscription("https://a.b/", examplePoint, "~~~~~~~~~~~~~~~~~~~~~~"), "auth"},
		{"a secret with a line break", subscription("https://a.b/", examplePoint, exampleAuth+"\n"), "auth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseSubscription(c.token)
			switch {
			case err == nil && s.Origin() != c.want:
				t.Errorf("origin %q, want %q", s.Origin(), c.want)
			case err != nil && (strings.HasPrefix(c.want, "https:") || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %q, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "push.example.net"):
				t.Errorf("the error shows the token: %q", err)
			}
		})
	}
}

func TestWebPushTokenCheck(t *testing.T) {
	token := PushToken{Provider: WebPush, App: "https://app.example.org", Environment: Production, Token: subscription("https://a.b/c", examplePoint, exampleAuth)}
	if found := token.Check(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	token.Token = subscription("http://a.b/c", examplePoint, exampleAuth)
	if found := token.Check(); len(found) != 1 || found[0].Field != "push.token" || !strings.HasPrefix(found[0].Detail, "of Web Push must ") {
		t.Errorf("found %v", found)
	}
	token.Token = "" // known before, and not said again
	if found := token.Check(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}

// FuzzParseSubscription: what is taken can be called, at one host over TLS, and says the same when it is read again.
func FuzzParseSubscription(f *testing.F) {
	for _, endpoint := range []string{"https://push.example.net/a", "https://[::1]:8443/?a#b", "https://a:443", "https://u@h/%2e"} {
		f.Add(subscription(endpoint, examplePoint, exampleAuth))
	}
	f.Add(`{"endpoint":"https://a.b/","p256dh":"","auth":""}`)
	f.Fuzz(func(t *testing.T, token string) {
		s, err := ParseSubscription(token)
		if err != nil {
			return
		}
		if len(s.Auth) != authLength || len(s.Key.Bytes()) != 65 {
			t.Errorf("keys of %d and %d bytes", len(s.Auth), len(s.Key.Bytes()))
		}
		u, err := url.Parse(s.Endpoint.String())
		if err != nil || u.Scheme != "https" || u.Host != s.Endpoint.Host || u.User != nil || u.Fragment != "" || !isHost(u.Hostname()) {
			t.Errorf("%q is called as %q", token, s.Endpoint)
		}
		again, err := ParseSubscription(subscription(s.Endpoint.String(), examplePoint, exampleAuth))
		if err != nil || again.Endpoint.Host != s.Endpoint.Host || again.Endpoint.RequestURI() != s.Endpoint.RequestURI() {
			t.Errorf("%q became %v: %v", s.Endpoint, again.Endpoint, err)
		}
	})
}
