package control

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/sim/authority"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What each action does to the bytes on a connection: the test reads them itself.
func TestActionsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		rule     Rule
		want     string // how the bytes begin; "" = none
		ends     error  // how reading ends; nil = it goes on
		recorded []int
	}{
		{Rule{Action: Answer}, "HTTP/1.1 418", nil, []int{418}},
		{Rule{Action: Answer, DelayMS: 1}, "HTTP/1.1 418", nil, []int{418}},
		{Rule{Action: GoAway}, "HTTP/1.1 418", io.EOF, []int{418}},
		{Rule{Action: Garbage, Body: "\x00\xff?"}, "\x00\xff?", io.EOF, []int{0}},
		{Rule{Action: Close}, "", io.EOF, nil},
		{Rule{Action: Lose}, "", io.EOF, []int{418}},
		{Rule{Action: Reset}, "", syscall.ECONNRESET, []int{0}},
	} {
		t.Run(string(c.rule.Action), func(t *testing.T) {
			history := NewHistory[struct{}](0)
			conn := dial(t, func(s *Server, w http.ResponseWriter, r *http.Request) {
				reply := Reply{Status: http.StatusTeapot, Body: []byte("short and stout")}
				s.Exchange(w, r, reply, c.rule, func(status int, reason string) { history.Add(status, reason, struct{}{}) })
			})
			got, err := readUntil(conn, []byte("stout"))
			if !bytes.HasPrefix(got, []byte(c.want)) || c.want == "" && len(got) > 0 {
				t.Errorf("read %q, want %q", got, c.want)
			}
			if c.ends == io.EOF && err == nil {
				_, err = conn.Read(make([]byte, 1))
			}
			if !errors.Is(err, c.ends) {
				t.Errorf("reading ended with %v, want %v", err, c.ends)
			}
			var recorded []int
			for _, entry := range history.Newest(9).Entries {
				recorded = append(recorded, entry.Status)
			}
			if len(recorded) != len(c.recorded) || len(recorded) == 1 && recorded[0] != c.recorded[0] {
				t.Errorf("recorded %v, want %v", recorded, c.recorded)
			}
		})
	}
}

// dial starts a server with this handler, and sends it one request over HTTP/1.1.
func dial(t *testing.T, handle func(s *Server, w http.ResponseWriter, r *http.Request)) *tls.Conn {
	t.Helper()
	ca, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan *Server, 1)
	s, err := Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := <-ready
		ready <- s
		handle(s, w, r)
	}), ca, ServerOptions{Logger: Quiet(nil)})
	if err != nil {
		t.Fatal(err)
	}
	ready <- s
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// readUntil reads until end has come, or until there is no more.
func readUntil(r io.Reader, end []byte) ([]byte, error) {
	var got []byte
	buffer := make([]byte, 512)
	for !bytes.HasSuffix(got, end) {
		n, err := r.Read(buffer)
		got = append(got, buffer[:n]...)
		if err != nil {
			return got, err
		}
	}
	return got, nil
}
