package web

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProxiesAreBelievedAndNobodyElse(t *testing.T) {
	for _, c := range []struct {
		name    string
		trusted []string
		believe string
		peer    string
		tls     bool
		headers []string
		want    string
		secure  bool
	}{
		{"no proxy is trusted", nil, "", "192.0.2.7:1", false, []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, "192.0.2.7", false},
		{"another peer", []string{"10.0.0.0/8"}, "", "192.0.2.7:1", false, []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, "192.0.2.7", false},
		{"a trusted proxy", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, "203.0.113.9", true},
		{"by its address", []string{" 10.1.2.3 "}, "x-forwarded-for", "10.1.2.3:1", false, []string{"X-Forwarded-For", "203.0.113.9"}, "203.0.113.9", false},
		{"what the client wrote stands further left", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "127.0.0.1, 198.51.100.4, 203.0.113.9"}, "203.0.113.9", false},
		{"two proxies, two lines", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "1.1.1.1, 203.0.113.9", "X-Forwarded-For", "10.9.9.9"}, "203.0.113.9", false},
		{"only proxies", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "10.7.7.7"}, "10.7.7.7", false},
		{"nothing said", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, nil, "10.1.2.3", false},
		{"a word that is no address", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "203.0.113.9, <script>"}, "10.1.2.3", false},
		{"ports", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "[2001:db8::1]:443, 10.0.0.1:80"}, "2001:db8::1", false},
		{"a zone", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"X-Forwarded-For", "fe80::1%<b>"}, "fe80::1", false},
		{"mapped", []string{"10.0.0.0/8"}, "", "[::ffff:10.1.2.3]:1", false, []string{"X-Forwarded-For", "::ffff:203.0.113.9"}, "203.0.113.9", false},
		{"the last protocol", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", true, []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https, http"}, "203.0.113.9", false},
		{"TLS to us", nil, "", "192.0.2.7:1", true, []string{"X-Forwarded-Proto", "http"}, "192.0.2.7", true},
		{"the other header is not believed", []string{"10.0.0.0/8"}, "", "10.1.2.3:1", false, []string{"Forwarded", "for=203.0.113.9;proto=https"}, "10.1.2.3", false},
		{"RFC 7239", []string{"10.0.0.0/8"}, "forwarded", "10.1.2.3:1", false, []string{"X-Forwarded-For", "198.51.100.4", "Forwarded", `for=1.1.1.1, For="[2001:db8:cafe::17]:4711" ; Proto=https;by=10.0.0.1`}, "2001:db8:cafe::17", true},
		{"RFC 7239, hidden", []string{"10.0.0.0/8"}, "Forwarded", "10.1.2.3:1", false, []string{"Forwarded", "for=_hidden;proto=https"}, "10.1.2.3", true},
	} {
		proxies, err := ParseProxies(c.trusted, c.believe)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		proxies.Recognise(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := ClientAddress(r); got != c.want || Secure(r) != c.secure {
				t.Errorf("%s: %s, secure %v; want %s, %v", c.name, got, Secure(r), c.want, c.secure)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestSecured(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	Proxies{}.Secured().Recognise(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !Secure(r) {
			t.Error("what people reach by https alone is not known to be secure")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestParseProxiesRefuses(t *testing.T) {
	for _, c := range []struct {
		networks []string
		header   string
	}{
		{[]string{"10.0.0.0/33"}, ""}, {[]string{"proxy.example.com"}, ""}, {[]string{""}, ""}, {nil, "X-Real-IP"},
	} {
		if _, err := ParseProxies(c.networks, c.header); err == nil {
			t.Errorf("%q %q was taken", c.networks, c.header)
		}
	}
}

func FuzzProxies(f *testing.F) {
	f.Add(`for="[2001:db8::1]:4711";proto=https, for=unknown`)
	f.Add("203.0.113.9, 10.0.0.1:80")
	f.Fuzz(func(t *testing.T, value string) {
		for _, header := range []string{XForwardedFor, Forwarded} {
			p, err := ParseProxies([]string{"10.0.0.0/8"}, header)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "10.0.0.1:1"
			r.Header[header] = []string{value}
			if address, ok := hopAddress(p.client(r).address); !ok {
				t.Errorf("%q gave %q, which is no address", value, address)
			}
		}
	})
}
