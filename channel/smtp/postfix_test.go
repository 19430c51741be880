package smtp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

var postfixModes = []struct {
	name     string
	tls      postfixtest.TLS
	security string
	auth     []string
}{
	{"none, LOGIN", postfixtest.None, None, []string{"LOGIN"}},
	{"STARTTLS, all", postfixtest.STARTTLS, TLS, postfixtest.AllMechanisms},
	{"SSL, PLAIN", postfixtest.SSL, SSL, []string{"PLAIN"}},
	{"STARTTLS, SCRAM", postfixtest.STARTTLS, TLS, []string{"SCRAM-SHA-256"}},
	{"SSL, CRAM", postfixtest.SSL, SSL, []string{"CRAM-MD5"}},
}

func TestPostfix(t *testing.T) {
	for _, mode := range postfixModes {
		t.Run(mode.name, func(t *testing.T) {
			s := postfixtest.Start(t, postfixtest.Options{TLS: mode.tls, Auth: mode.auth})
			sender := openSender(t, forPostfix(s, mode.security))
			batch := append(personal("ana@x.test", "unknown@x.test", "later@x.test"), group3()...)
			batch[0].Subject, batch[0].Text = "Olá, Ana", "Bom dia!\n.\nçá €\n"
			checkPostfix(t, sender.Send(t.Context(), batch))
			checkDelivered(t, s.Messages(t, 3))
		})
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

// TestPostfixRefuses: what a wrong setting leads to, when mail is sent and when it is tested.
func TestPostfixRefuses(t *testing.T) {
	s := postfixtest.Start(t, postfixtest.Options{TLS: postfixtest.STARTTLS, Auth: postfixtest.AllMechanisms})
	for _, tt := range []struct {
		name   string
		change func(*Settings)
		reason message.Reason
		step   string
		detail string
	}{
		{"wrong password", func(s *Settings) { s.Password = "not-the-password" }, message.Credentials, "auth", "refused the user name or password: “535 5.7.8"},
		{"untrusted authority", func(s *Settings) { s.TrustedCA = "" }, message.TLS, "tls", "authority that is not trusted (CN=Test Authority)"},
		{"another name", func(s *Settings) { s.Host = "0.0.0.0" }, message.TLS, "tls", "not for 0.0.0.0 but for localhost, mail.example.test, 127.0.0.1"},
		{"SSL where STARTTLS is meant", func(s *Settings) { s.Security = SSL }, message.TLS, "tls", "does not speak TLS on this port"},
		{"no TLS", func(s *Settings) { s.Security = None }, message.Credentials, "auth", "does not offer authentication"},
		{"no TLS, no authentication", func(s *Settings) { s.Security, s.Authentication = None, false }, message.RefusedPolicy, "mail", "wants authentication or TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := forPostfix(s, TLS)
			tt.change(set)
			got := openSender(t, set).Send(t.Context(), personal("a@x.test", "b@x.test"))
			f := got[0].Failure
			if f == nil || f.Scope != message.WholeServer || f.Reason != tt.reason || !strings.Contains(f.Detail, tt.detail) || got[1].Handed() {
				t.Errorf("sent: %v, %+v", allInWords(got), f)
			}
			checkFailedTest(t, set, tt.step, tt.reason, tt.detail)
		})
	}
	s.Messages(t, 0)
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
