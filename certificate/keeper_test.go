package certificate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"heliograph/internal/pebbletest"
	"heliograph/store"
)

// The first handshake gets a certificate; a restart and another node use it, and the authority hears nothing of them.
func TestOneCertificateForAll(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port})
	_, first := h.node("one", port, nil, "a.example.com", "b.example.com")
	got := h.served(first, "A.example.com.")
	if n := h.ca.Issued(); n != 1 {
		t.Errorf("%d certificates were issued", n)
	}
	h.says("certificate obtained", "name=a.example.com")
	asked := h.ca.Asked()

	_, second := h.node("two", 0, nil, "a.example.com")
	for name, address := range map[string]string{"again": first, "another node": second} {
		if c := h.served(address, "a.example.com"); c.SerialNumber.Cmp(got.SerialNumber) != 0 {
			t.Errorf("%s: another certificate", name)
		}
	}
	unnamed, err := h.shakeWith(second, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // who names nobody
	if err != nil || unnamed.SerialNumber.Cmp(got.SerialNumber) != 0 {
		t.Errorf("who names nobody gets another certificate, or none: %v", err)
	}
	restarted := h.keeper("one", nil)
	again := h.serve(restarted, 0, "a.example.com")
	restarted.Start()
	if c := h.served(again, "a.example.com"); c.SerialNumber.Cmp(got.SerialNumber) != 0 {
		t.Error("after a restart: another certificate")
	}
	for name, address := range map[string]string{"c.example.com": first, "b.example.com": second, "example.com": first, "*.example.com": first} {
		if _, err := h.shake(address, name); err == nil {
			t.Errorf("%s is served at %s, and is none of its names", name, address)
		}
	}
	if now := h.ca.Asked(); now != asked {
		t.Errorf("the authority was asked %d times more", now-asked)
	}
	if known := h.known("a.example.com"); !known.Ends.Equal(got.NotAfter) || known.Reason != "" || known.Directory != h.ca.Directory {
		t.Errorf("the store knows %+v", known)
	}
}

// The authority may reach any node: the one that is asked need not be the one that asks.
func TestAnotherNodeAnswers(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port})
	h.node("reached", port, nil, "a.example.com")
	_, address := h.node("asking", 0, nil, "a.example.com")
	h.served(address, "a.example.com")
}

// Two nodes that need the same certificate at once get one, and another for peers without ECDSA.
func TestNodesTakeTurns(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port})
	_, one := h.node("one", port, nil, "a.example.com")
	_, two := h.node("two", 0, nil, "a.example.com")
	var all sync.WaitGroup
	for _, address := range []string{one, two, one, two} {
		all.Go(func() { h.served(address, "a.example.com") })
	}
	all.Wait()
	if n := h.ca.Issued(); n != 1 {
		t.Errorf("%d certificates were issued", n)
	}
	old := &tls.Config{ServerName: "a.example.com", RootCAs: h.ca.Roots(), MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
	for range 2 {
		c, err := h.shakeWith(one, old)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.PublicKey.(*rsa.PublicKey); !ok {
			t.Errorf("its key is a %T", c.PublicKey)
		}
	}
	if n := h.ca.Issued(); n != 2 {
		t.Errorf("%d certificates were issued", n)
	}
}

// A certificate is renewed in time; who did not do it finds the new one. While the authority is away the old one goes on,
// the reason is told, and nothing hammers at its door.
func TestRenewal(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port})
	k, address := h.node("one", port, nil, "a.example.com")
	other, elsewhere := h.node("two", 0, nil, "a.example.com")
	h.looks(k)
	first := h.served(address, "a.example.com")
	h.served(elsewhere, "a.example.com")
	h.later(59 * 24 * time.Hour)
	h.looks(k)
	if n := h.ca.Issued(); n != 1 {
		t.Errorf("after 59 of 90 days %d certificates were issued", n)
	}

	h.later(2 * 24 * time.Hour)
	h.ca.Stop()
	h.looks(k)
	h.says("the certificate could not be renewed", "was not reached", "connection refused")
	known := h.known("a.example.com")
	if known.FailingSince.IsZero() || !strings.Contains(known.Reason, "connection refused") || !known.Ends.Equal(first.NotAfter) {
		t.Errorf("the store knows %+v", known)
	}
	said := len(h.log.String())
	h.looks(k)
	if more := h.log.String()[said:]; more != "" {
		t.Errorf("it tried again at once: %s", more)
	}
	h.stillServed(address, first.SerialNumber.String())

	h.ca.Begin()
	h.later(waits[0] + time.Second)
	h.looks(k)
	renewed := h.served(address, "a.example.com")
	if renewed.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Fatalf("it was not renewed:\n%s", h.log)
	}
	if known := h.known("a.example.com"); !known.FailingSince.IsZero() || known.Reason != "" || !known.Ends.Equal(renewed.NotAfter) {
		t.Errorf("the store knows %+v", known)
	}
	h.later(-h.off) // the new one begins by the real clock
	asked := h.ca.Asked()
	h.later(61 * 24 * time.Hour)
	if _, err := other.kept(t.Context(), item{name: "a.example.com"}); err != errDue {
		t.Errorf("what is renewed is due by a clock that stands two months later: %v", err)
	}
	if c := h.served(elsewhere, "a.example.com"); c.SerialNumber.Cmp(renewed.SerialNumber) != 0 || h.ca.Asked() != asked {
		t.Error("the other node did not find the new one, or asked for it")
	}
}

// shelve puts the answer to a challenge where nodes find it.
func (h *house) shelve(k *Keeper, key string, c tls.Certificate) {
	h.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		h.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	if err := k.cache.Put(h.Context(), key, text); err != nil {
		h.Fatal(err)
	}
}

// stillServed: the authority's root is another by now, or away.
func (h *house) stillServed(address, serial string) {
	h.Helper()
	c, err := h.shakeWith(address, &tls.Config{ServerName: "a.example.com", InsecureSkipVerify: true}) //nolint:gosec // the root is away
	if err != nil || c.SerialNumber.String() != serial {
		h.Errorf("the old certificate is not served any more: %v", err)
	}
}

// Without a certificate a handshake fails, and the log, the store and every later attempt say why, in the authority's words.
func TestRefusals(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port, HTTPPort: pebbletest.FreePort(t), Blocked: []string{"blocked.example.com"}})
	for name, c := range map[string]struct {
		change func(*Options)
		port   int // where it listens
		host   string
		want   string
	}{
		"a name that it refuses":  {nil, port, "blocked.example.com", "rejectedIdentifier"},
		"a name that is nowhere":  {nil, 0, "a.invalid", "tls-alpn-01: "},
		"nobody listens for http": {func(o *Options) { o.Plain = true }, 0, "c.example.com", "; http-01: "},
		"terms":                   {func(o *Options) { o.Terms = false }, 0, "d.example.com", "terms"},
		"an unknown directory":    {func(o *Options) { o.Directory += "ectory" }, 0, "e.example.com", "404"},
		"an unknown authority":    {func(o *Options) { o.Roots = nil }, 0, "f.example.com", "certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &house{T: t, ca: h.ca, store: newStore(t), log: &text{}}
			_, address := h.node(name, c.port, c.change, c.host)
			if _, err := h.shake(address, c.host); err == nil {
				t.Fatal("it got a certificate")
			}
			if known := h.known(c.host); !strings.Contains(known.Reason, c.want) || known.FailingSince.IsZero() || !known.Ends.IsZero() {
				t.Errorf("the store knows %+v, want %q", known, c.want)
			}
			h.says("there is no certificate", c.want)
			said := h.log.String()
			if _, err := h.shake(address, c.host); err == nil || h.log.String() != said {
				t.Errorf("it asked again at once:\n%s", h.log)
			}
		})
	}
}

// An account may have to belong to one that the authority knows.
func TestExternalAccount(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port, Bindings: map[string]string{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}})
	_, without := h.node("without", 0, nil, "a.example.com")
	if _, err := h.shake(without, "a.example.com"); err == nil {
		t.Error("without a binding there is a certificate")
	}
	h.says("externalAccountRequired")
	key, err := ParseBindingKey("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n")
	if err != nil {
		t.Fatal(err)
	}
	bound := func(o *Options) { o.Email, o.Binding = "it@example.com", &Binding{ID: "kid-1", Key: key} }
	_, with := h.node("with", port, bound, "a.example.com", "b.example.com")
	h.served(with, "a.example.com")
	k := h.keeper("again", bound) // the account is there now, and is bound once
	h.serve(k, 0, "a.example.com", "b.example.com")
	h.looks(k)
	if h.known("b.example.com").Ends.IsZero() {
		t.Errorf("a second certificate of the same account:\n%s", h.log)
	}
}

// http-01 does where nobody reaches the TLS port; what is no challenge goes on to who answers there otherwise.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: pebbletest.FreePort(t), HTTPPort: port})
	answering := h.keeper("answering", nil)
	answering.Config(tls.VersionTLS12, "console", []string{"a.example.com"})
	l := h.listen(port)
	server := &http.Server{Handler: answering.HTTP(http.NotFoundHandler())} //nolint:gosec // of a test
	go server.Serve(l)                                                      //nolint:errcheck // it is closed
	t.Cleanup(func() { server.Close() })
	_, address := h.node("asking", 0, func(o *Options) { o.Plain = true }, "a.example.com")
	h.served(address, "a.example.com")
	if log := h.log.String(); strings.Contains(log, "WARN") {
		t.Errorf("what went well in the end is complained of:\n%s", log)
	}

	other := answering.HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") }))
	for path, want := range map[string]string{
		"/": "other", "/.well-known/acme-challenge": "other",
		"/.well-known/acme-challenge/acme_account+key":         "certificate cache miss",
		"/.well-known/acme-challenge/a.example.com":            "certificate cache miss",
		"/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTN": "certificate cache miss",
	} {
		r := httptest.NewRequest(http.MethodGet, "http://a.example.com"+path, http.NoBody)
		w := httptest.NewRecorder()
		other.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s answers %d %q, want %q", path, w.Code, w.Body, want)
		}
	}
}

// A challenge is answered in the handshake, and by nothing after it; others speak what they always did.
func TestChallengeOnAServer(t *testing.T) {
	t.Parallel()
	port := pebbletest.FreePort(t)
	h := newHouse(t, pebbletest.Config{TLSPort: port})
	k, address := h.node("one", port, nil, "a.example.com")
	h.served(address, "a.example.com")
	client := &acme.Client{Key: anyECDSA().PrivateKey.(crypto.Signer)} //nolint:forcetypeassert // it is ECDSA's
	answer, err := client.TLSALPN01ChallengeCert("token-of-a-challenge", "a.example.com")
	if err != nil {
		t.Fatal(err)
	}
	h.shelve(k, "a.example.com+token", answer)
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "a.example.com", NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true}) //nolint:gosec // as RFC 8737 has it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if state := conn.ConnectionState(); state.NegotiatedProtocol != acme.ALPNProto || !bytes.Equal(state.PeerCertificates[0].Raw, answer.Certificate[0]) {
		t.Errorf("it speaks %q", state.NegotiatedProtocol)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // of a connection that is open
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("net/http goes on after the challenge: %d bytes, %v", n, err)
	}
	for name, want := range map[string]bool{"a.example.com": true, "b.example.com": false, "": false} {
		c, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true}) //nolint:gosec // likewise
		if (err == nil) != want {
			t.Errorf("a challenge for %q: %v", name, err)
		}
		if err == nil {
			c.Close()
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.ca.Roots(), ServerName: "a.example.com"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	got, err := (&http.Client{Transport: transport}).Get("https://" + address)
	if err != nil || got.ProtoMajor != 2 {
		t.Fatalf("other clients: %v", err)
	}
	got.Body.Close()
}

// Stop ends a conversation that hangs, and nothing begins after it.
func TestStop(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	var once sync.Once
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(reached) })
		<-r.Context().Done()
	}))
	defer hanging.Close()
	h := newHouse(t, pebbletest.Config{})
	k := h.keeper("one", func(o *Options) { o.Directory = hanging.URL })
	k.Config(tls.VersionTLS12, "console", []string{"a.example.com"})
	k.Start()
	<-reached
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k.Stop(ctx)
	if ctx.Err() != nil {
		t.Error("Stop did not end the conversation")
	}
	if known := h.known("a.example.com"); known.Reason != "" {
		t.Errorf("a stop is told as a failure: %+v", known)
	}
	a := k.attempt(item{name: "a.example.com"})
	if <-a.done; a.err != errStopped {
		t.Errorf("after Stop: %v", a.err)
	}
	k.Stop(ctx)
}

// As long as there is no account the conversations follow each other, for the first one makes it; later they need not.
func TestFirstConversationAlone(t *testing.T) {
	s := newStore(t)
	k := New(s, Options{Directory: "https://ca.example.com", NotFound: store.ErrNotFound})
	alone := func() bool {
		free := k.introducing.TryLock()
		if free {
			k.introducing.Unlock()
		}
		return !free
	}
	done := k.introduce(t.Context())
	if !alone() {
		t.Error("another conversation could begin beside the first")
	}
	done()
	if err := k.cache.Put(t.Context(), accountKey, []byte("key")); err != nil {
		t.Fatal(err)
	}
	done = k.introduce(t.Context())
	if alone() {
		t.Error("with an account conversations follow each other")
	}
	done()
}
