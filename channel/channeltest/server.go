package channeltest

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Server is an HTTP/2 server on loopback, with a certificate of its own.
type Server struct {
	URL string // https://127.0.0.1:port
	CA  string // PEM, to be trusted

	conns atomic.Int64
	close func()
}

// Conns is how many connections came so far.
func (s *Server) Conns() int { return int(s.conns.Load()) }

// Close ends it and every connection. The test's end closes it too.
func (s *Server) Close() { s.close() }

// AskForCertificate is an option of NewServer: clients may show a certificate.
func AskForCertificate(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }

// NewServer serves a handler that allows a number of streams on each connection; 0 = 250.
func NewServer(t testing.TB, streams int, handler http.Handler, options ...func(*tls.Config)) *Server {
	t.Helper()
	s := &Server{}
	web := httptest.NewUnstartedServer(handler)
	web.EnableHTTP2 = true
	web.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	count := web.Config.ConnState
	web.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
		if count != nil {
			count(c, state)
		}
	}
	web.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	for _, option := range options {
		option(web.TLS)
	}
	web.StartTLS()
	s.URL = web.URL
	s.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))
	s.close = func() {
		web.CloseClientConnections()
		web.Close()
	}
	t.Cleanup(s.close)
	return s
}
