package listener

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestChallenge: a certificate authority's look, which a configuration answers by GetConfigForClient, is a handshake and
// nothing else. It is no failure, and nobody waits for a request.
func TestChallenge(t *testing.T) {
	config, trust := secured(t)
	const protocol = "acme-tls/1"
	challenge := config.Clone()
	challenge.NextProtos = []string{protocol}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == protocol {
			return challenge, nil
		}
		return nil, nil
	}
	j, log := newJournal()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(http.HandlerFunc(manner), log)
	done := make(chan error, 1)
	go func() { done <- s.Serve(port, config) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	conn, err := tls.Dial("tcp", port.Addr().String(), &tls.Config{ServerName: "example.com", RootCAs: trust, NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
		t.Errorf("it speaks %q", got)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF || time.Since(began) > 8*time.Second {
		t.Errorf("after the handshake: %d bytes, %v, %v", n, err, time.Since(began))
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, ServerName: "example.com"}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	answer, err := client.Post("https://"+port.Addr().String()+"/reply", "text/xml", http.NoBody)
	if err != nil || answer.Proto != "HTTP/1.1" {
		t.Fatalf("mail servers: %v", err)
	}
	answer.Body.Close()
	select {
	case <-j.more:
		t.Errorf("the log says %s", j.text.String())
	default:
	}
}
