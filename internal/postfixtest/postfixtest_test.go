package postfixtest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail/smtp"
)

func TestDeliversAfterSignIn(t *testing.T) {
	for _, mode := range []TLS{None, STARTTLS, SSL} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			s := Start(t, Options{TLS: mode, Auth: AllMechanisms})
			c := client(t, s)
			if err := c.Auth(smtp.PlainAuth("", s.Username, s.Password, c.host)); err != nil {
				t.Fatalf("AUTH PLAIN: %v", err)
			}
			c.send(t, "from@example.test", []string{"bob@elsewhere.test", "ann@example.test"}, "Subject: Grüße\r\n\r\nHallo, Welt €\r\n")
			got := s.Messages(t, 2)
			for i, to := range []string{"ann@example.test", "bob@elsewhere.test"} {
				if got[i].To != to || got[i].From != "from@example.test" {
					t.Errorf("mail %d: from %q to %q, want to %q", i, got[i].From, got[i].To, to)
				}
				m, err := got[i].Parse()
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(m.Body)
				if m.Header.Get("Subject") != "Grüße" || string(body) != "Hallo, Welt €\n" {
					t.Errorf("mail %d: %q %q", i, m.Header.Get("Subject"), body)
				}
			}
		})
	}
}

func TestRefusesRecipients(t *testing.T) {
	s := Start(t, Options{})
	c := client(t, s)
	if err := c.Mail("from@example.test"); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		to   string
		code int
		text string
	}{
		{"unknown@example.test", 550, "5.1.1"},
		{"later@example.test", 450, "4.2.1"},
		{"full@example.test", 552, "5.2.2"},
		{"known@example.test", 0, ""},
	}
	for _, tt := range tests {
		wantReply(t, "RCPT "+tt.to, c.Rcpt(tt.to), tt.code, tt.text)
	}
}

func TestRefusesWhoIsNotSignedIn(t *testing.T) {
	s := Start(t, Options{Auth: AllMechanisms})
	c := client(t, s)
	if err := c.Mail("from@example.test"); err != nil {
		t.Fatal(err)
	}
	wantReply(t, "RCPT", c.Rcpt("ann@example.test"), 554, "5.7.1")
	c.Reset()
	wantReply(t, "AUTH", c.Auth(smtp.PlainAuth("", s.Username, "wrong", c.host)), 535, "5.7.8")
}

func TestSTARTTLSIsRequired(t *testing.T) {
	s := Start(t, Options{TLS: STARTTLS, Auth: AllMechanisms})
	conn, err := s.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ok, _ := c.Extension("AUTH"); ok {
		t.Error("AUTH is offered before TLS")
	}
	wantReply(t, "MAIL", c.Mail("from@example.test"), 530, "5.7.0")
}

func TestCertificateIsOfThePrivateAuthority(t *testing.T) {
	s := Start(t, Options{TLS: SSL})
	other := *s
	other.CAPool = nil // the system's
	if conn, err := other.dial(t.Context()); err == nil {
		conn.Close()
		t.Error("a client that does not know the authority connected")
	}
	if !bytes.Contains(s.CAPEM, []byte("BEGIN CERTIFICATE")) {
		t.Errorf("CAPEM: %q", s.CAPEM)
	}
}

// TestMechanisms signs in with each mechanism. NTLM is taken to the server's
// challenge: that its plug-in is there and working; its answer is the business of
// who implements it.
func TestMechanisms(t *testing.T) {
	s := Start(t, Options{Auth: AllMechanisms})
	if ok, offered := client(t, s).Extension("AUTH"); !ok || len(strings.Fields(offered)) != len(AllMechanisms) {
		t.Errorf("AUTH offers %q, want %v", offered, AllMechanisms)
	}
	tests := map[string]smtp.Auth{
		"PLAIN":         smtp.PlainAuth("", s.Username, s.Password, s.Host),
		"LOGIN":         foreign{gomail.LoginAuth(s.Username, s.Password, s.Host, true)},
		"CRAM-MD5":      smtp.CRAMMD5Auth(s.Username, s.Password),
		"SCRAM-SHA-256": foreign{gomail.ScramSHA256Auth(s.Username, s.Password)},
	}
	for name, auth := range tests {
		if err := client(t, s).Auth(auth); err != nil {
			t.Errorf("AUTH %s: %v", name, err)
		}
	}
	wantChallenge(t, client(t, s))
}

func wantChallenge(t *testing.T, c *connection) {
	t.Helper()
	// Negotiate ([MS-NLMP] 2.2.1.1): signature, type 1, flags, no domain, no workstation.
	negotiate := append([]byte("NTLMSSP\x00\x01\x00\x00\x00\x07\x82\x08\xa2"), make([]byte, 16)...)
	if err := c.Text.PrintfLine("AUTH NTLM %s", base64.StdEncoding.EncodeToString(negotiate)); err != nil {
		t.Fatal(err)
	}
	_, text, err := c.Text.ReadResponse(334)
	if err != nil {
		t.Fatalf("AUTH NTLM: %v", err)
	}
	challenge, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !bytes.HasPrefix(challenge, []byte("NTLMSSP\x00\x02")) {
		t.Errorf("AUTH NTLM: not a challenge: %q, %v", challenge, err)
	}
}

func TestConfigIsAdded(t *testing.T) {
	s := Start(t, Options{Config: []string{"message_size_limit = 4096"}})
	if _, size := client(t, s).Extension("SIZE"); size != "4096" {
		t.Errorf("SIZE %q, want 4096", size)
	}
}

func TestLeavesNothing(t *testing.T) {
	var dir string
	t.Run("server", func(t *testing.T) { dir = Start(t, Options{}).dir })
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// connection is a session that has said EHLO and, where it must, STARTTLS.
type connection struct {
	*smtp.Client
	host string // for PLAIN, which sends a password in the clear to localhost only
}

func client(t *testing.T, s *Server) *connection {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Hello("localhost"); err != nil {
		t.Fatal(err)
	}
	if s.tls == STARTTLS {
		if err := c.StartTLS(s.TLSConfig()); err != nil {
			t.Fatal(err)
		}
	}
	return &connection{c, s.Host}
}

func (c *connection) send(t *testing.T, from string, to []string, text string) {
	t.Helper()
	if err := c.Mail(from); err != nil {
		t.Fatal(err)
	}
	for _, address := range to {
		if err := c.Rcpt(address); err != nil {
			t.Fatal(err)
		}
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantReply(t *testing.T, what string, err error, code int, text string) {
	t.Helper()
	if code == 0 {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code != code || !strings.Contains(reply.Msg, text) {
		t.Errorf("%s: %v, want %d %s", what, err, code, text)
	}
}

// foreign lets net/smtp use another library's mechanism.
type foreign struct{ gomail.Auth }

func (f foreign) Start(info *smtp.ServerInfo) (string, []byte, error) {
	return f.Auth.Start(&gomail.ServerInfo{Name: info.Name, TLS: info.TLS, Auth: info.Auth})
}

// TestPortsDiffer: one Postfix, with ports that protect and certify themselves in their own way and share the mail.
func TestPortsDiffer(t *testing.T) {
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	ports := StartAll(t, Options{}, Options{TLS: SSL, Auth: []string{"NTLM"}}, Options{TLS: SSL, Certificate: expired})
	plain, secured := client(t, ports[0]), client(t, ports[1])
	if ok, _ := plain.Extension("AUTH"); ok {
		t.Error("AUTH is offered where none was asked for")
	}
	if _, offered := secured.Extension("AUTH"); offered != "NTLM" {
		t.Errorf("AUTH offers %q, want NTLM alone", offered)
	}
	var invalid x509.CertificateInvalidError
	if conn, err := ports[2].dial(t.Context()); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("an expired certificate was taken: %v, %v", conn, err)
	}
	plain.send(t, "from@example.test", []string{"ann@example.test"}, "Subject: x\r\n\r\ny\r\n")
	if got := ports[1].Messages(t, 1); got[0].To != "ann@example.test" {
		t.Errorf("the other port's mail: %+v", got)
	}
}
