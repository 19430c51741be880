package listener

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"heliograph/mailbox/ews"
	"heliograph/web"
)

// BenchmarkServe posts a kilobyte over TLS, on one connection after another of several, and reads the reply: by net/http's
// server, and by ours. What the client does is part of both.
func BenchmarkServe(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
		defer buffers.Put(buffer)
		if _, err := readBody(r, buffer); err != nil {
			b.Error(err)
		}
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = contentType, lengthOK
		_, _ = w.Write(ews.ReplyOK)
	})
	log := slog.New(slog.DiscardHandler)
	config, _ := secured(b)
	b.Run("net/http", func(b *testing.B) {
		port := anyPort(b)
		s := web.NewServer(answer, log)
		go web.Serve(s, port, config) //nolint:errcheck // until Close
		defer s.Close()
		posts(b, port.Addr().String())
	})
	b.Run("ours", func(b *testing.B) {
		port := anyPort(b)
		s := NewServer(answer, log)
		go s.Serve(port, config) //nolint:errcheck // until Close
		defer s.Close()
		posts(b, port.Addr().String())
	})
}

func anyPort(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// width is how many connections a mail server has open.
const width = 64

// posts keeps one request under way on each connection.
func posts(b *testing.B, address string) {
	body := strings.Repeat("x", 1024)
	request := fmt.Appendf(nil, "POST /ews/AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: listener.example.com\r\nContent-Type: text/xml; charset=utf-8\r\nUser-Agent: ExchangeWebServices\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	next := make(chan struct{}, width)
	ended := make(chan error, width)
	for range width {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is ours
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		go func() { ended <- turns(conn, request, next) }()
	}
	b.ReportAllocs()
	for b.Loop() {
		next <- struct{}{}
	}
	close(next)
	for range width {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// turns reads answers that are as long as the first one.
func turns(conn net.Conn, request []byte, next <-chan struct{}) error {
	answer := make([]byte, 4096)
	length := 0
	for range next {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		n, err := io.ReadAtLeast(conn, answer, max(length, 1))
		if err != nil {
			return err
		}
		if length == 0 {
			length = n // it comes in one record
		}
	}
	return nil
}
