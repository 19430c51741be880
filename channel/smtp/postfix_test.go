package smtp

import (
	"crypto/x509"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gomail "github.com/wneessen/go-mail/smtp"

	"heliograph/channel"
	"heliograph/internal/postfixtest"
	"heliograph/message"
)

// forPostfix are settings that reach a real server.
func forPostfix(s *postfixtest.Server, security string, change ...func(*Settings)) *Settings {
	set := settings(change...)
	set.Host, set.Port, set.Security, set.TrustedCA = s.Host, s.Port, security, string(s.CAPEM)
	set.Authentication, set.Username, set.Password = true, s.Username, s.Password
	return &set
}

func openSender(t *testing.T, s *Settings) channel.Sender {
	t.Helper()
	if found := s.Check(); len(found) > 0 {
		t.Fatalf("the settings are wrong: %v", found)
	}
	sender, err := s.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	return sender
}

// postfixPorts are all ways to protect a connection with all ways to sign in.
func postfixPorts() (ports []postfixtest.Options) {
	for _, mode := range []postfixtest.TLS{postfixtest.None, postfixtest.STARTTLS, postfixtest.SSL} {
		for _, mechanism := range postfixtest.AllMechanisms {
			ports = append(ports, postfixtest.Options{TLS: mode, Auth: []string{mechanism}})
		}
	}
	return ports
}

// TestPostfixSignsIn: each way to sign in over each way to protect the connection; then with a wrong password.
func TestPostfixSignsIn(t *testing.T) {
	ports := postfixPorts()
	servers := postfixtest.StartAll(t, ports...)
	for i, s := range servers {
		mode := [...]string{None, TLS, SSL}[ports[i].TLS]
		mechanism := ports[i].Auth[0]
		t.Run(mode+" "+mechanism, func(t *testing.T) {
			set := forPostfix(s, mode, func(s *Settings) { s.SPA = mechanism == "NTLM" })
			to := strings.ToLower(mechanism) + "." + mode + "@x.test"
			if got := openSender(t, set).Send(t.Context(), personal(to)); !got[0].Accepted {
				t.Errorf("%s: %+v", inWords(got[0]), got[0].Failure)
			}
			set.Password = "not-the-password"
			checkRefused(t, set, message.Credentials, "auth", "refused the user name or password: “535 5.7.8")
		})
	}
	var to []string
	for _, m := range servers[0].Messages(t, len(ports)) {
		to = append(to, m.To)
	}
	if len(slices.Compact(to)) != len(ports) {
		t.Errorf("not everyone got a mail: %s", to)
	}
}

// TestPostfixNTLM: the forms of a user name, and both forms of the dialogue.
func TestPostfixNTLM(t *testing.T) {
	s := postfixtest.Start(t, postfixtest.Options{TLS: postfixtest.STARTTLS, Auth: []string{"NTLM"}})
	for _, user := range []string{s.Username, s.Username + "@example.test", `example.test\` + s.Username, `CORP\` + s.Username} {
		t.Run(user, func(t *testing.T) {
			set := forPostfix(s, TLS, func(s *Settings) { s.SPA = true })
			set.Username = user
			report := set.Test(t.Context(), channel.Env{}, personal("ana@x.test")[0])
			dialogue := strings.Join(report.Dialogue, "\n")
			const want = "C: AUTH NTLM ****\nS: 334 ****\nC: ****\nS: 235 2.7.0"
			if !report.OK || !strings.Contains(dialogue, want) || strings.Contains(dialogue, "TlRMTVNT") {
				t.Errorf("%+v", report)
			}
		})
	}
	t.Run("after an empty 334", func(t *testing.T) {
		srv, err := newServer(*forPostfix(s, TLS, func(s *Settings) { s.SPA = true }), channel.Env{})
		if err != nil {
			t.Fatal(err)
		}
		srv.SPA, srv.Authentication = false, false
		session, err := srv.open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer session.quit()
		r, err := session.converse(waiting{&ntlm{user: s.Username, password: s.Password}})
		if err != nil || r.code != 235 {
			t.Errorf("%s, %v", r, err)
		}
	})
	s.Messages(t, 4)
}

// waiting is a mechanism that lets the server speak first.
type waiting struct{ gomail.Auth }

func (w waiting) Start(info *gomail.ServerInfo) (string, []byte, error) {
	name, _, err := w.Auth.Start(info)
	return name, nil, err
}

func TestPostfix(t *testing.T) {
	s := postfixtest.Start(t, postfixtest.Options{TLS: postfixtest.STARTTLS, Auth: postfixtest.AllMechanisms})
	sender := openSender(t, forPostfix(s, TLS))
	batch := append(personal("ana@x.test", "unknown@x.test", "later@x.test"), group3()...)
	batch[0].Subject, batch[0].Text = "Olá, Ana", "Bom dia!\n.\nçá €\n"
	checkPostfix(t, sender.Send(t.Context(), batch))
	checkDelivered(t, s.Messages(t, 3))
}

// TestPostfixFiveOfSix: one refused recipient fails with the server's words, and the five others get the mail.
func TestPostfixFiveOfSix(t *testing.T) {
	s := postfixtest.Start(t, postfixtest.Options{})
	set := forPostfix(s, None, func(s *Settings) {})
	set.Authentication = false
	got := openSender(t, set).Send(t.Context(), shared("1@x.test", "2@x.test", "3@x.test", "unknown@x.test", "4@x.test", "5@x.test"))
	for i, o := range got {
		if o.Accepted != (i != 3) || o.Accepted && o.ProviderID != got[0].ProviderID {
			t.Errorf("recipient %d: %s", i, inWords(o))
		}
	}
	const want = "The mail server does not know this address: “550 5.1.1 <unknown@x.test>: Recipient address rejected: User unknown in virtual mailbox table”."
	if f := got[3].Failure; f == nil || f.Scope != message.RecipientFinal || f.Reason != message.MailboxUnknown || f.Detail != want {
		t.Errorf("the refused one: %+v", f)
	}
	for i, m := range s.Messages(t, 5) {
		if want := strconv.Itoa(i+1) + "@x.test"; m.To != want {
			t.Errorf("mail %d is for %s, want %s", i, m.To, want)
		}
	}
}

// group3 are three recipients of one mail, one of whom has no room.
func group3() []message.Message {
	batch := shared("bo@y.test", "full@y.test", "cy@y.test")
	for i := range batch {
		batch[i].ID += 10
	}
	return batch
}

func checkPostfix(t *testing.T, got []message.Outcome) {
	t.Helper()
	want := []string{"accepted", "recipient, final: mailbox_unknown: 550 5.1.1", "recipient, for now: deferred: 450 4.2.1",
		"accepted", "recipient, final: refused_policy: 552 5.2.2", "accepted"}
	for i, o := range got {
		words := inWords(o)
		if !strings.HasPrefix(words, want[i]) {
			t.Errorf("message %d: %s, want %s", i, words, want[i])
		}
		if o.Accepted && o.ProviderID == "" {
			t.Errorf("message %d: no queue id", i)
		}
	}
	if got[3].ProviderID != got[5].ProviderID {
		t.Error("equal texts went as two mails")
	}
}

func checkDelivered(t *testing.T, mails []postfixtest.Message) {
	t.Helper()
	type seen struct{ From, To, HeaderTo, ID, Body string }
	var got []seen
	for _, m := range mails {
		parsed, err := m.Parse()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, seen{m.From, m.To, parsed.Header.Get("To"), parsed.Header.Get("Message-Id"), body(t, parsed)})
	}
	want := []seen{
		{"it@corp.test", "ana@x.test", "ana@x.test", "<d.1@corp.test>", "Bom dia!\n.\nçá €\n"},
		{"it@corp.test", "bo@y.test", "undisclosed-recipients:;", "<n.0190-abc.en@corp.test>", "Text.\n"},
		{"it@corp.test", "cy@y.test", "undisclosed-recipients:;", "<n.0190-abc.en@corp.test>", "Text.\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPostfixRefuses: what a wrong setting or a wrong server leads to, when mail is sent and when it is tested.
func TestPostfixRefuses(t *testing.T) {
	changed := func(change func(*x509.Certificate)) postfixtest.Options {
		return postfixtest.Options{TLS: postfixtest.STARTTLS, Auth: postfixtest.AllMechanisms, Certificate: change}
	}
	expired := changed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	expiredSSL := expired
	expiredSSL.TLS = postfixtest.SSL
	other := changed(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil })
	stripped := changed(nil)
	stripped.Config = []string{"smtpd_discard_ehlo_keywords = starttls"}
	ports := postfixtest.StartAll(t, changed(nil), expired, expiredSSL, other, stripped)
	for _, tt := range []struct {
		name   string
		port   int
		change func(*Settings)
		reason message.Reason
		step   string
		detail string
	}{
		{"wrong password", 0, func(s *Settings) { s.Password = "not-the-password" }, message.Credentials, "auth", "refused the user name or password: “535 5.7.8"},
		{"untrusted authority", 0, func(s *Settings) { s.TrustedCA = "" }, message.TLS, "tls", "authority that is not trusted (CN=Test Authority)"},
		{"expired", 1, func(*Settings) {}, message.TLS, "tls", "The certificate expired on "},
		{"expired, SSL", 2, func(s *Settings) { s.Security = SSL }, message.TLS, "tls", "The certificate expired on "},
		{"another name", 3, func(*Settings) {}, message.TLS, "tls", "The certificate is not for 127.0.0.1 but for other.test."},
		{"STARTTLS stripped", 4, func(*Settings) {}, message.TLS, "starttls", "does not offer STARTTLS on this port, and TLS is required"},
		{"SSL where STARTTLS is meant", 0, func(s *Settings) { s.Security = SSL }, message.TLS, "tls", "does not speak TLS on this port"},
		{"no TLS", 0, func(s *Settings) { s.Security = None }, message.Credentials, "auth", "does not offer authentication"},
		{"no TLS, no authentication", 0, func(s *Settings) { s.Security, s.Authentication = None, false }, message.RefusedPolicy, "mail", "wants authentication or TLS"},
		{"OAuth 2.0 where it is not known", 0, withOAuth, message.Credentials, "auth", "does not offer XOAUTH2, which OAuth 2.0 needs, only "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := forPostfix(ports[tt.port], TLS)
			tt.change(set)
			checkRefused(t, set, tt.reason, tt.step, tt.detail)
		})
	}
	ports[0].Messages(t, 0)
}

// checkRefused sends and tests: both end with the same words, and nothing is handed over after the first mail.
func checkRefused(t *testing.T, set *Settings, reason message.Reason, step, detail string) {
	t.Helper()
	got := openSender(t, set).Send(t.Context(), personal("a@x.test", "b@x.test"))
	f := got[0].Failure
	if f == nil || f.Scope != message.WholeServer || f.Reason != reason || !strings.Contains(f.Detail, detail) || got[1].Handed() {
		t.Errorf("sent: %v, %+v", allInWords(got), f)
	}
	checkFailedTest(t, set, step, reason, detail)
}

func checkFailedTest(t *testing.T, set *Settings, step string, reason message.Reason, detail string) {
	t.Helper()
	report := set.Test(t.Context(), channel.Env{}, personal("a@x.test")[0])
	last := report.Steps[len(report.Steps)-1]
	if report.OK || report.Reason != reason || last.OK || last.Name != step || !strings.Contains(report.Detail, detail) {
		t.Errorf("tested: %+v", report)
	}
	if strings.Contains(strings.Join(report.Dialogue, "\n")+report.Detail, set.Password) {
		t.Error("the report tells the password")
	}
}

func TestPostfixTest(t *testing.T) {
	s := postfixtest.Start(t, postfixtest.Options{TLS: postfixtest.STARTTLS, Auth: postfixtest.AllMechanisms})
	set := forPostfix(s, TLS, func(s *Settings) {})
	set.Host = "localhost"
	report := set.Test(t.Context(), channel.Env{}, message.Message{Address: "ana@x.test", Channel: message.SMTP})
	var steps []string
	for _, step := range report.Steps {
		steps = append(steps, step.Name)
		if !step.OK {
			t.Errorf("%s: %s", step.Name, step.Detail)
		}
	}
	want := []string{"resolve", "connect", "greeting", "ehlo", "tls", "ehlo", "auth", "mail", "rcpt", "data"}
	if diff := cmp.Diff(want, steps); diff != "" || !report.OK {
		t.Errorf("%s\n%+v", diff, report)
	}
	dialogue := strings.Join(report.Dialogue, "\n")
	for _, line := range []string{"C: STARTTLS", "C: AUTH PLAIN ****", "S: 235 2.7.0", "C: MAIL FROM:<it@corp.test>", "C: .", "S: 250 2.0.0 Ok: queued as"} {
		if !strings.Contains(dialogue, line) {
			t.Errorf("%q is not in the dialogue:\n%s", line, dialogue)
		}
	}
	if strings.Contains(dialogue, s.Password) {
		t.Error("the dialogue tells the password")
	}
	mail, err := s.Messages(t, 1)[0].Parse()
	if err != nil || mail.Header.Get("Subject") == "" {
		t.Errorf("a test without text says nothing: %v", err)
	}
}
