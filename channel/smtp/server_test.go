package smtp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/channel"
	"heliograph/message"
)

// TestUnreachable: each way not to get through is told apart.
func TestUnreachable(t *testing.T) {
	for _, tt := range []struct {
		name, host string
		port       int
		step       string
		detail     string
	}{
		{"refused", "127.0.0.1", closedPort(t), "connect", "refused the connection"},
		{"no such name", "mail.corp.invalid", 25, "resolve", "The name mail.corp.invalid "},
		{"metadata service", "169.254.169.254", 80, "connect", "link-local"},
		{"metadata service in IPv6", "::ffff:169.254.169.254", 80, "connect", "link-local"},
		{"link-local in IPv6", "fe80::1", 25, "connect", "link-local"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := settings(func(s *Settings) { s.Host, s.Port, s.TimeoutSeconds = tt.host, tt.port, 5 })
			sender, err := set.Open(channel.Env{})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			got := sender.Send(t.Context(), personal("a@x.test", "b@x.test"))
			if diff := cmp.Diff([]string{"server: unreachable:", "nothing"}, allInWords(got)); diff != "" {
				t.Error(diff)
			}
			checkSentences(t, set, got, tt.detail)
			report := set.Test(t.Context(), channel.Env{}, personal("a@x.test")[0])
			want := []channel.Step{{Name: tt.step, Detail: report.Detail}}
			if diff := cmp.Diff(want, report.Steps); diff != "" || report.OK || report.Reason != message.Unreachable {
				t.Errorf("%+v", report)
			}
		})
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestLinkLocal(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.0.1": true, "::ffff:169.254.169.254": true, "fe80::1": true, "febf::1": true, "fe80::1%lo": true,
		"127.0.0.1": false, "10.0.0.1": false, "169.253.1.1": false, "::1": false, "fec0::1": false, "2001:db8::1": false,
	} {
		if got := linkLocal(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// certificate signs itself and is good for the names.
func certificate(t *testing.T, change func(*x509.Certificate)) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Private Authority"}, DNSNames: []string{"mail.corp.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(text)
}

// TestTLSFailures: the administrator reads exactly why.
func TestTLSFailures(t *testing.T) {
	good := func(*x509.Certificate) {}
	for _, tt := range []struct {
		name    string
		change  func(*x509.Certificate)
		trusted bool
		newest  uint16 // version of TLS; 0 = as it is
		detail  string // empty = all is well
	}{
		{"good", good, true, 0, ""},
		{"unknown authority", good, false, 0, "authority that is not trusted (CN=Private Authority)"},
		{"another name", func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }, true, 0, "not for mail.corp.test but for other.test."},
		{"no name", func(c *x509.Certificate) { c.DNSNames = nil }, true, 0, "but for no name at all"},
		{"expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, true, 0, "expired on "},
		{"not yet valid", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, true, 0, "check the clocks"},
		{"old TLS", good, true, tls.VersionTLS11, "broke off the TLS handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, ca := certificate(t, tt.change)
			config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tt.newest}
			set := settings(func(s *Settings) { s.Security = SSL })
			if tt.trusted {
				set.TrustedCA = ca
			}
			report := tryOverTLS(t, set, config)
			if tt.detail == "" {
				checkNoTLSFailure(t, report)
				return
			}
			if report.OK || report.Reason != message.TLS || !strings.Contains(report.Detail, tt.detail) {
				t.Errorf("%+v", report)
			}
		})
	}
}

// checkNoTLSFailure: the server has nothing to say after the handshake, which then is the failing step.
func checkNoTLSFailure(t *testing.T, report channel.Report) {
	t.Helper()
	n := len(report.Steps)
	if n < 2 || report.Steps[n-2].Name != "tls" || report.Steps[n-2].Detail != "TLS 1.3, certificate for mail.corp.test" || report.Steps[n-1].Name != "greeting" {
		t.Errorf("%+v", report)
	}
}

// tryOverTLS opens a session to a server that shakes hands and goes.
func tryOverTLS(t *testing.T, set Settings, config *tls.Config) channel.Report {
	t.Helper()
	srv, err := newServer(set, channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	defer func() { l.Close(); <-done }()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{}
	s := &session{srv: srv, trial: tr}
	s.use(ours)
	defer ours.Close()
	if err := s.prepare(t.Context()); err != nil {
		why := asSetback(err)
		tr.failed(why.stage, why.failure)
	}
	return tr.report
}

// TestHandshakeTimeout: a server that waits for us to speak, as one does that wants STARTTLS.
func TestHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		defer theirs.Close()
		srv, err := newServer(settings(), channel.Env{})
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		if _, err := srv.secure(ours); err == nil || !strings.Contains(err.Error(), "not finished within 30s") {
			t.Errorf("got %v", err)
		}
	})
}

// TestReport: the dialogue of a test holds all lines but no secret, and the failing step is the last.
func TestReport(t *testing.T) {
	login := func(s *Settings) { s.Authentication, s.Username, s.Password = true, "courier", "s3cret-pass" }
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, "S 220 x\nC EHLO\nS 250-x\nS 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC Y291\nS 334 UGFzc3dvcmQ6\nC czNj\nS 235 2.7.0 hello s3cret-pass\n"+
			mailTaken+rcpt("a@x.test", "550 5.1.1 unknown")+"quit")
		srv := serverTo(t, p, settings(login, func(s *Settings) { s.Host = "192.0.2.1" }))
		report := srv.try(t.Context(), personal("a@x.test")[0])
		p.finish()
		wantDialogue := []string{
			"S: 220 x", "C: EHLO client.corp.test", "S: 250-x", "S: 250 AUTH LOGIN",
			"C: AUTH LOGIN", "S: 334 ****", "C: ****", "S: 334 ****", "C: ****", "S: 235 2.7.0 hello ****",
			"C: MAIL FROM:<it@corp.test>", "S: 250 2.1.0 Ok", "C: RCPT TO:<a@x.test>", "S: 550 5.1.1 unknown", "C: QUIT",
		}
		if diff := cmp.Diff(wantDialogue, report.Dialogue); diff != "" {
			t.Error(diff)
		}
		last := report.Steps[len(report.Steps)-1]
		if report.OK || report.Reason != message.MailboxUnknown || last.Name != "rcpt" || last.OK || last.Detail != report.Detail {
			t.Errorf("%+v", report)
		}
	})
}

// TestReportOfShortPassword: it is masked in what is shown, and not in the challenges that are read.
func TestReportOfShortPassword(t *testing.T) {
	login := func(s *Settings) {
		s.Authentication, s.Username, s.Password, s.Host = true, "courier", "V", "192.0.2.1"
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, "S 220 x\nC EHLO\nS 250-x\nS 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC Y291cmllcg==\nS 334 UGFzc3dvcmQ6\nC Vg==\nS 535 no V\nquit")
		report := serverTo(t, p, settings(login)).try(t.Context(), personal("a@x.test")[0])
		p.finish()
		if report.Reason != message.Credentials || !strings.Contains(report.Detail, "535 no ****") {
			t.Errorf("%+v", report)
		}
	})
}

// TestReportOfInterruption names the step at which the server fell silent.
func TestReportOfInterruption(t *testing.T) {
	for _, tt := range []struct {
		script string
		step   string
		reason message.Reason
	}{
		{"hang", "greeting", message.Timeout},
		{"S 220 x\nC EHLO\nhang", "ehlo", message.Timeout},
		{plainHello + "C MAIL\nhang", "mail", message.Timeout},
		{plainHello + "C MAIL\nS 421 busy", "mail", message.ServerError},
		{plainHello + mailTaken + "C RCPT\nclose", "rcpt", message.ServerError},
		{plainHello + mailTaken + rcpt("a@x.test", "250 ok") + "C DATA\nS 354 go\nmail\nhang", "data", message.LostAnswerReason},
		{plainHello + mailTaken + rcpt("a@x.test", "250 ok") + "C DATA\nS 354 go\nmail\nS 554 5.7.1 spam\nquit", "data", message.RefusedPolicy},
	} {
		t.Run(tt.step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPeer(t, tt.script)
				report := serverTo(t, p, settings(func(s *Settings) { s.Host = "192.0.2.1" })).try(t.Context(), personal("a@x.test")[0])
				p.finish()
				last := report.Steps[len(report.Steps)-1]
				if report.OK || report.Reason != tt.reason || last.Name != tt.step || last.OK || report.Detail == "" {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}

func TestHelloName(t *testing.T) {
	for name, want := range map[string]string{
		"mail.corp.test": "mail.corp.test", "localhost": "", "bad\r\nname.test": "", "under_score.corp.test": "under_score.corp.test",
	} {
		if got := helloName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	srv := &server{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := srv.helloFor(conn); got != "[127.0.0.1]" {
		t.Errorf("address literal %q", got)
	}
}
