package smtp

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"heliograph/message"
)

const (
	plainHello = "S 220 mail.corp.test ESMTP\nC EHLO client.corp.test\nS 250 mail.corp.test\n"
	fastHello  = "S 220 mail.corp.test ESMTP\nC EHLO client.corp.test\nS 250-mail.corp.test\nS 250-PIPELINING\nS 250 8BITMIME\n"
	authHello  = "S 220 mail.corp.test ESMTP\nC EHLO\nS 250-mail.corp.test\nS 250 AUTH LOGIN PLAIN\n"
	mailTaken  = "C MAIL FROM:<it@corp.test>\nS 250 2.1.0 Ok\n"
	dataTaken  = "C DATA\nS 354 go on\nmail\nS 250 2.0.0 Ok: queued as 4cXyZ123\n"
)

// rcpt is a recipient, and what the server says to it.
func rcpt(address, answer string) string { return "C RCPT TO:<" + address + ">\nS " + answer + "\n" }

// said is what a pipelining server hears at once, and says afterwards.
func said(lines string) string {
	var heard, answers strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		if strings.HasPrefix(line, "C ") {
			heard.WriteString(line + "\n")
		} else {
			answers.WriteString(line + "\n")
		}
	}
	return heard.String() + answers.String()
}

// TestAnswers has a row for each row of the table of answers.
func TestAnswers(t *testing.T) {
	const (
		a, b, c = "a@x.test", "b@x.test", "c@x.test"
		ok      = "250 2.1.5 Ok"
	)
	auth := func(s *Settings) { s.Authentication, s.Username, s.Password = true, "courier", "s3cret-pass" }
	tls := func(s *Settings) { s.Security = TLS }
	tests := []struct {
		name    string
		set     func(*Settings)
		batch   []message.Message
		scripts []string
		want    []string
		detail  string // part of the first failure's sentence
	}{{
		name: "one mail", batch: personal(a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123"},
	}, {
		name: "one mail with pipelining", batch: personal(a),
		scripts: []string{fastHello + said(mailTaken+rcpt(a, ok)+"C DATA\nS 354 go on") + "mail\nS 250 OK id=1tABcd-0001Xy-2Z\nquit"},
		want:    []string{"accepted 1tABcd-0001Xy-2Z"},
	}, {
		name: "two mails in one session, without RSET", batch: personal(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + dataTaken + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123", "accepted 4cXyZ123"},
	}, {
		name: "HELO will do", batch: personal(a),
		scripts: []string{"S 220 old\nC EHLO\nS 500 what?\nC HELO client.corp.test\nS 250 old\n" + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123"},
	}, {
		name: "no greeting in time", batch: personal(a, b),
		scripts: []string{"hang"},
		want:    []string{"server: timeout:", "nothing"}, detail: "did not greet within 30s",
	}, {
		name: "closed without a greeting", batch: personal(a, b),
		scripts: []string{"close"},
		want:    []string{"server: unreachable:", "nothing"}, detail: "without a greeting",
	}, {
		name: "greeting is not SMTP", batch: personal(a),
		scripts: []string{"S SSH-2.0-OpenSSH\nquit"},
		want:    []string{"server: server_error:"}, detail: "check the port",
	}, {
		name: "554 instead of a greeting", batch: personal(a),
		scripts: []string{"S 554 5.7.1 Your address is blocked\nquit"},
		want:    []string{"server: refused_policy: 554 5.7.1 Your address is blocked"}, detail: "does not accept connections from this machine",
	}, {
		name: "421 once", batch: personal(a),
		scripts: []string{"S 421 4.3.2 busy", plainHello + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123"},
	}, {
		name: "421 twice running", batch: personal(a, b),
		scripts: []string{"S 421 4.3.2 busy", "S 421 4.3.2 busy"},
		want:    []string{"server: server_error: 421 4.3.2 busy", "nothing"}, detail: "closes connections",
	}, {
		name: "421 in the middle, then all is well", batch: personal(a),
		scripts: []string{plainHello + mailTaken + "C RCPT\nS 421 shutting down", plainHello + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123"},
	}, {
		name: "421 after the final dot: not taken, so again", batch: personal(a),
		scripts: []string{
			plainHello + mailTaken + rcpt(a, ok) + "C DATA\nS 354 go\nmail\nS 421 4.3.0 shutting down",
			plainHello + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want: []string{"accepted 4cXyZ123"},
	}, {
		name: "421 in the middle, twice", batch: personal(a, b),
		scripts: []string{plainHello + "C MAIL\nS 421 4.3.2 no", plainHello + "C MAIL\nS 421 4.3.2 no"},
		want:    []string{"server: server_error: 421 4.3.2 no", "nothing"},
	}, {
		name: "421 keeps what was settled", batch: shared(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, "550 5.1.1 who?") + "C RCPT\nS 421 bye", plainHello + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"recipient, final: mailbox_unknown: 550 5.1.1 who?", "accepted 4cXyZ123"},
	}, {
		name: "STARTTLS missing", set: tls, batch: personal(a),
		scripts: []string{plainHello + "quit"},
		want:    []string{"server: tls:"}, detail: "does not offer STARTTLS",
	}, {
		name: "STARTTLS refused", set: tls, batch: personal(a),
		scripts: []string{"S 220 x\nC EHLO\nS 250-x\nS 250 STARTTLS\nC STARTTLS\nS 454 4.7.0 TLS not available\nquit"},
		want:    []string{"server: tls: 454 4.7.0 TLS not available"},
	}, {
		name: "more in clear after STARTTLS", set: tls, batch: personal(a),
		scripts: []string{"S 220 x\nC EHLO\nS 250-x\nS 250 STARTTLS\nC STARTTLS\nS 220 go\\r\\n250 injected\nquit"},
		want:    []string{"server: tls:"}, detail: "in clear",
	}, {
		name: "AUTH PLAIN", set: auth, batch: personal(a),
		scripts: []string{authHello + "C AUTH PLAIN AGNvdXJpZXIAczNjcmV0LXBhc3M=\nS 235 ok\n" + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123"},
	}, {
		name: "AUTH LOGIN", set: auth, batch: personal(a),
		scripts: []string{"S 220 x\nC EHLO\nS 250-x\nS 250 AUTH=LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC Y291cmllcg==\nS 334 UGFzc3dvcmQ6\nC czNjcmV0LXBhc3M=\nS 235 ok\n" +
			mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want: []string{"accepted 4cXyZ123"},
	}, {
		name: "AUTH 535, from a server that repeats the password", set: auth, batch: personal(a, b),
		scripts: []string{authHello + "C AUTH\nS 535 5.7.8 no courier/s3cret-pass AGNvdXJpZXIAczNjcmV0LXBhc3M=\nquit"},
		want:    []string{"server: credentials: 535 5.7.8 no courier/**** ****", "nothing"}, detail: "refused the user name or password",
	}, {
		name: "AUTH 534", set: auth, batch: personal(a),
		scripts: []string{authHello + "C AUTH\nS 534 5.7.9 too weak\nquit"},
		want:    []string{"server: credentials: 534 5.7.9 too weak"},
	}, {
		name: "AUTH 530", set: auth, batch: personal(a),
		scripts: []string{authHello + "C AUTH\nS 530 5.7.0 STARTTLS first\nquit"},
		want:    []string{"server: credentials: 530 5.7.0 STARTTLS first"},
	}, {
		name: "AUTH 538", set: auth, batch: personal(a),
		scripts: []string{authHello + "C AUTH\nS 538 5.7.11 encrypt\nquit"},
		want:    []string{"server: credentials: 538 5.7.11 encrypt"},
	}, {
		name: "AUTH 454", set: auth, batch: personal(a),
		scripts: []string{authHello + "C AUTH\nS 454 4.7.0 later\nquit"},
		want:    []string{"server: server_error: 454 4.7.0 later"},
	}, {
		name: "AUTH not offered", set: auth, batch: personal(a),
		scripts: []string{plainHello + "quit"},
		want:    []string{"server: credentials:"}, detail: "does not offer authentication",
	}, {
		name: "AUTH with nothing that we know", set: auth, batch: personal(a),
		scripts: []string{"S 220 x\nC EHLO\nS 250-x\nS 250 AUTH GSSAPI NTLM\nquit"},
		want:    []string{"server: credentials:"}, detail: "only GSSAPI, NTLM",
	}, {
		name: "MAIL 5yz", batch: personal(a, b),
		scripts: []string{fastHello + said("C MAIL\nS 550 5.7.1 not you\nC RCPT\nS 503 5.5.1 no\nC DATA\nS 503 5.5.1 no") + "quit"},
		want:    []string{"server: refused_policy: 550 5.7.1 not you", "nothing"}, detail: "check From email",
	}, {
		name: "MAIL 5yz without pipelining", batch: personal(a),
		scripts: []string{plainHello + "C MAIL\nS 553 5.1.8 no such domain\nquit"},
		want:    []string{"server: refused_policy: 553 5.1.8 no such domain"},
	}, {
		name: "MAIL 4yz, then the next mail after RSET", batch: personal(a, b),
		scripts: []string{plainHello + "C MAIL\nS 451 4.3.0 later\nC RSET\nS 250 ok\n" + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"recipient, for now: deferred: 451 4.3.0 later", "accepted 4cXyZ123"},
	}, {
		name: "RCPT: one of three", batch: shared(a, b, c),
		scripts: []string{fastHello + said(mailTaken+rcpt(a, ok)+rcpt(b, "550 5.1.1 unknown")+rcpt(c, ok)+"C DATA\nS 354 go") + "mail\nS 250 Ok: queued as ABCDEF\nquit"},
		want:    []string{"accepted ABCDEF", "recipient, final: mailbox_unknown: 550 5.1.1 unknown", "accepted ABCDEF"}, detail: "does not know this address",
	}, {
		name: "RCPT: nobody, and DATA is refused; the next mail begins with RSET", batch: personal(a, b),
		scripts: []string{fastHello + said(mailTaken+rcpt(a, "550 5.7.1 no")+"C DATA\nS 554 5.5.1 no valid recipients") +
			said("C RSET\nS 250 ok\n"+mailTaken+rcpt(b, ok)+"C DATA\nS 354 go") + "mail\nS 250 ok\nquit"},
		want: []string{"recipient, final: refused_policy: 550 5.7.1 no", "accepted"},
	}, {
		name: "RCPT: nobody, and DATA is taken: a lone dot", batch: personal(a, b),
		scripts: []string{fastHello + said(mailTaken+rcpt(a, "450 4.2.1 later")+"C DATA\nS 354 go") + "C .\nS 554 5.5.1 no recipients\n" +
			said("C RSET\nS 250 ok\n"+mailTaken+rcpt(b, ok)+"C DATA\nS 354 go") + "mail\nS 250 ok\nquit"},
		want: []string{"recipient, for now: deferred: 450 4.2.1 later", "accepted"},
	}, {
		name: "too many recipients: the rest goes in the next transaction", batch: shared(a, b, c),
		scripts: []string{fastHello + said(mailTaken+rcpt(a, ok)+rcpt(b, "452 4.5.3 too many")+rcpt(c, "552 too many")+"C DATA\nS 354 go") + "mail\nS 250 ok\n" +
			said(mailTaken+rcpt(b, ok)+rcpt(c, ok)+"C DATA\nS 354 go") + "mail\nS 250 ok\nquit"},
		want: []string{"accepted", "accepted", "accepted"},
	}, {
		name: "452 4.5.3 to the first recipient is for now; 552 is final", batch: shared(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, "452 4.5.3 too many") + rcpt(b, "552 5.2.2 full") + "quit"},
		want:    []string{"recipient, for now: deferred: 452 4.5.3 too many", "recipient, final: refused_policy: 552 5.2.2 full"},
	}, {
		name: "552 5.2.2 after a recipient was taken is a full mailbox", batch: shared(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + rcpt(b, "552 5.2.2 full") + dataTaken + "quit"},
		want:    []string{"accepted 4cXyZ123", "recipient, final: refused_policy: 552 5.2.2 full"},
	}, {
		name: "the sender is refused at RCPT", batch: personal(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, "550 5.1.8 sender's domain not found") + "quit"},
		want:    []string{"server: refused_policy: 550 5.1.8 sender's domain not found", "nothing"},
	}, {
		name: "DATA 4yz", batch: personal(a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + "C DATA\nS 451 4.3.0 disk\nquit"},
		want:    []string{"recipient, for now: deferred: 451 4.3.0 disk"},
	}, {
		name: "end 4yz is for all of its recipients", batch: shared(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + rcpt(b, ok) + "C DATA\nS 354 go\nmail\nS 432 4.3.2 slow down\nquit"},
		want:    []string{"recipient, for now: deferred: 432 4.3.2 slow down", "recipient, for now: deferred: 432 4.3.2 slow down"},
	}, {
		name: "end 552", batch: personal(a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + "C DATA\nS 354 go\nmail\nS 552 too big\nquit"},
		want:    []string{"message: too_large: 552 too big"},
	}, {
		name: "end x.3.4", batch: personal(a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + "C DATA\nS 354 go\nmail\nS 554 5.3.4 too big\nquit"},
		want:    []string{"message: too_large: 554 5.3.4 too big"},
	}, {
		name: "end 5yz", batch: personal(a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + "C DATA\nS 354 go\nmail\nS 550-5.7.1 spam,\nS 550 5.7.1 we think\nquit"},
		want:    []string{"message: refused_policy: 550 5.7.1 spam, we think"},
	}, {
		name: "silence before the final dot", batch: personal(a, b),
		scripts: []string{plainHello + mailTaken + "C RCPT\nhang", plainHello + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"recipient, for now: timeout:", "accepted 4cXyZ123"}, detail: "within 30s",
	}, {
		name: "silence after it", batch: personal(a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + "C DATA\nS 354 go\nmail\nhang"},
		want:    []string{"lost answer: lost_answer:"}, detail: "within 30s",
	}, {
		name: "closed after it", batch: shared(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + rcpt(b, "550 5.7.1 no") + "C DATA\nS 354 go\nmail"},
		want:    []string{"lost answer: lost_answer:", "recipient, final: refused_policy: 550 5.7.1 no"}, detail: "closed the connection",
	}, {
		name: "closed after it, and there were too many recipients", batch: shared(a, b),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + rcpt(b, "452 4.5.3 too many") + "C DATA\nS 354 go\nmail", plainHello + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"lost answer: lost_answer:", "accepted 4cXyZ123"},
	}, {
		name: "closed before it, twice: in the end the message's trouble", batch: personal(a, b),
		scripts: []string{plainHello + mailTaken + "C RCPT", plainHello + mailTaken + "C RCPT", plainHello + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"recipient, for now; server after three in a row: server_error:", "accepted 4cXyZ123"},
	}, {
		name: "garbage", batch: personal(a, b),
		scripts: []string{plainHello + "C MAIL\nS <html>", plainHello + mailTaken + rcpt(b, ok) + dataTaken + "quit"},
		want:    []string{"recipient, for now; server after three in a row: server_error:", "accepted 4cXyZ123"}, detail: "not understood",
	}, {
		name: "an answer that makes no sense", batch: personal(a),
		scripts: []string{plainHello + "C MAIL\nS 354 what?\nquit"},
		want:    []string{"recipient, for now; server after three in a row: server_error: 354 what?"},
	}, {
		name: "three troubles in a row stop the batch", batch: personal(a, b, c, "d@x.test"),
		scripts: []string{plainHello + mailTaken + "C RCPT\nhang", plainHello + mailTaken + "C RCPT\nhang", plainHello + mailTaken + "C RCPT\nhang"},
		want:    []string{"recipient, for now: timeout:", "recipient, for now: timeout:", "recipient, for now: timeout:", "nothing"},
	}, {
		name: "not addresses", batch: personal("a@x.test>\r\nRCPT TO:<evil@x.test", "nobody", a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"recipient, final: no_address:", "recipient, final: no_address:", "accepted 4cXyZ123"},
	}, {
		name: "letters outside ASCII without SMTPUTF8", batch: shared("jörg@x.test", a),
		scripts: []string{plainHello + mailTaken + rcpt(a, ok) + dataTaken + "quit"},
		want:    []string{"recipient, final: refused_policy:", "accepted 4cXyZ123"}, detail: "SMTPUTF8",
	}, {
		name: "letters outside ASCII with SMTPUTF8", batch: personal("jörg@x.test"),
		scripts: []string{"S 220 x\nC EHLO\nS 250-x\nS 250-8BITMIME\nS 250 SMTPUTF8\nC MAIL FROM:<it@corp.test> BODY=8BITMIME SMTPUTF8\nS 250 ok\n" +
			rcpt("jörg@x.test", ok) + dataTaken + "quit"},
		want: []string{"accepted 4cXyZ123"},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := settings()
				if tt.set != nil {
					tt.set(&set)
				}
				p := newPeer(t, tt.scripts...)
				s := senderTo(t, p, set)
				got := s.Send(t.Context(), tt.batch)
				s.Close()
				p.finish()
				if diff := cmp.Diff(tt.want, allInWords(got)); diff != "" {
					t.Error(diff)
				}
				checkSentences(t, set, got, tt.detail)
			})
		})
	}
}

// checkSentences makes sure that each failure can be read, and tells no secret.
func checkSentences(t *testing.T, s Settings, outcomes []message.Outcome, part string) {
	t.Helper()
	for _, o := range outcomes {
		f := o.Failure
		if f == nil {
			continue
		}
		if !strings.Contains(f.Detail, part) {
			t.Errorf("%q does not say %q", f.Detail, part)
		}
		part = ""
		if !strings.HasSuffix(f.Detail, ".") || utf8.RuneCountInString(f.Detail) > detailLength {
			t.Errorf("not a sentence: %q", f.Detail)
		}
		if s.Password != "" && strings.Contains(f.Detail+f.Answer, s.Password) {
			t.Errorf("the password is in %q", f.Detail+f.Answer)
		}
	}
	if part != "" {
		t.Errorf("no failure says %q", part)
	}
}

// TestRecipients has each row of RCPT alone, because one that was taken changes the meaning of others.
func TestRecipients(t *testing.T) {
	for answer, want := range map[string]string{
		"450 4.2.1 later":      "recipient, for now: deferred",
		"451 grey":             "recipient, for now: deferred",
		"452 4.2.2 full":       "recipient, for now: deferred",
		"471 odd":              "recipient, for now: deferred",
		"550 no such user":     "recipient, final: mailbox_unknown",
		"551 moved":            "recipient, final: mailbox_unknown",
		"553 syntax":           "recipient, final: mailbox_unknown",
		"550 5.1.10 not found": "recipient, final: mailbox_unknown",
		"554 5.1.2 bad domain": "recipient, final: mailbox_unknown",
		"550 5.7.1 policy":     "recipient, final: refused_policy",
		"550 5.2.1 disabled":   "recipient, final: refused_policy",
		"554 blocked":          "recipient, final: refused_policy",
		"552 full":             "recipient, final: refused_policy",
	} {
		t.Run(answer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPeer(t, plainHello+mailTaken+rcpt("a@x.test", answer)+"quit")
				s := senderTo(t, p, settings())
				got := s.Send(t.Context(), personal("a@x.test"))
				s.Close()
				p.finish()
				if words := inWords(got[0]); words != want+": "+answer {
					t.Errorf("got %q, want %q", words, want)
				}
			})
		})
	}
}

// TestEndOfContext: what is on the wire comes to its end, and nothing follows.
func TestEndOfContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, plainHello+mailTaken+rcpt("a@x.test", "250 ok")+"C DATA\nS 354 go\nmail\nwait\nS 250 ok\nquit")
		s := senderTo(t, p, settings())
		ctx, cancel := context.WithCancel(t.Context())
		p.wait = cancel
		got := s.Send(ctx, personal("a@x.test", "b@x.test"))
		s.Close()
		p.finish()
		if diff := cmp.Diff([]string{"accepted", "nothing"}, allInWords(got)); diff != "" {
			t.Error(diff)
		}
		if again := s.Send(ctx, personal("a@x.test")); again[0].Handed() {
			t.Error("something was handed over after the end")
		}
	})
}

// TestStopWhileOpening: nobody was handed over, so nothing is counted.
func TestStopWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, "hang")
		s := senderTo(t, p, settings())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if got := s.Send(ctx, personal("a@x.test")); got[0].Handed() {
			t.Errorf("got %s", inWords(got[0]))
		}
		s.Close()
		p.finish()
	})
}

// TestDeadlineWhileOpening: a server that does not answer is told from one that was not asked, although the time for
// handing over is shorter than its patience.
func TestDeadlineWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, "hang")
		s := senderTo(t, p, settings())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		got := s.Send(ctx, personal("a@x.test", "b@x.test"))
		if diff := cmp.Diff([]string{"server: timeout:", "nothing"}, allInWords(got)); diff != "" {
			t.Error(diff)
		}
		s.Close()
		p.finish()
	})
}

// TestSessionsAreKept: over Sends, until a minute without work has passed.
func TestSessionsAreKept(t *testing.T) {
	one := func(a string) string { return mailTaken + rcpt(a, "250 ok") + dataTaken }
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t,
			plainHello+one("1@x.test")+one("2@x.test")+"C NOOP\nS 250 ok\n"+one("3@x.test")+"C QUIT",
			plainHello+one("4@x.test")+"close",
			plainHello+one("5@x.test")+"C NOOP\nhang",
			plainHello+one("6@x.test")+"quit",
		)
		s := senderTo(t, p, settings())
		send := func(a string) {
			t.Helper()
			if got := s.Send(t.Context(), personal(a)); !got[0].Accepted {
				t.Errorf("%s: %s", a, inWords(got[0]))
			}
		}
		send("1@x.test")
		time.Sleep(checkTime / 2)
		send("2@x.test")
		time.Sleep(checkTime * 2) // long enough to ask
		send("3@x.test")
		time.Sleep(idleTime + time.Second) // long enough to say good-bye
		send("4@x.test")
		time.Sleep(checkTime / 2) // it died meanwhile: replaced without counting
		send("5@x.test")
		time.Sleep(checkTime * 2) // it is there but does not answer
		send("6@x.test")
		s.Close()
		p.finish()
	})
}

// TestDeadSessionIsNoStrike: a session that died while it rested leaves the free reconnection untouched.
func TestDeadSessionIsNoStrike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := mailTaken + rcpt("a@x.test", "250 ok") + dataTaken
		p := newPeer(t, plainHello+one, "S 421 one moment", plainHello+one+"quit")
		s := senderTo(t, p, settings())
		s.Send(t.Context(), personal("a@x.test"))
		synctest.Wait()
		if got := s.Send(t.Context(), personal("a@x.test")); !got[0].Accepted {
			t.Errorf("got %s", inWords(got[0]))
		}
		s.Close()
		p.finish()
	})
}

// TestRestedSessionIsTold: an answer of 421 counts also on a session that rested; the second one running is the server's.
func TestRestedSessionIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := mailTaken + rcpt("a@x.test", "250 ok") + dataTaken
		p := newPeer(t, plainHello+one+"C MAIL\nS 421 4.3.2 bye", plainHello+"C MAIL\nS 421 4.3.2 bye")
		s := senderTo(t, p, settings())
		s.Send(t.Context(), personal("a@x.test"))
		synctest.Wait()
		if got := s.Send(t.Context(), personal("a@x.test")); inWords(got[0]) != "server: server_error: 421 4.3.2 bye" {
			t.Errorf("got %s", inWords(got[0]))
		}
		s.Close()
		p.finish()
	})
}

// TestRefusedTextIsOfferedOnce: what is wrong with a text for all is wrong for those of its next mails too; other texts go on.
func TestRefusedTextIsOfferedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		two := func(a, b string) string { return mailTaken + rcpt(a, "250 ok") + rcpt(b, "250 ok") }
		p := newPeer(t, plainHello+two("a@x.test", "b@x.test")+"C DATA\nS 354 go on\nmail\nS 552 5.3.4 too big\n"+
			two("e@x.test", "f@x.test")+dataTaken+"quit")
		s := senderTo(t, p, settings(func(s *Settings) { s.MaxRecipients = 2 }))
		batch := shared("a@x.test", "b@x.test", "c@x.test", "d@x.test", "e@x.test", "f@x.test")
		batch[4].Shared, batch[5].Shared = "0190-abc.fr", "0190-abc.fr"
		for i, o := range s.Send(t.Context(), batch) {
			want := "message: too_large: 552 5.3.4 too big"
			if i >= 4 {
				want = "accepted 4cXyZ123"
			}
			if inWords(o) != want {
				t.Errorf("%s: %s, want %s", batch[i].Address, inWords(o), want)
			}
		}
		s.Close()
		p.finish()
	})
}

// TestManyRecipients crosses the width of a pipeline and the maximum of a mail.
func TestManyRecipients(t *testing.T) {
	var addresses []string
	first, second := mailTaken, mailTaken
	for i := range 260 {
		a := string(rune('a'+i/26)) + string(rune('a'+i%26)) + "@x.test"
		addresses = append(addresses, a)
		if i < 250 {
			first += rcpt(a, "250 ok")
		} else {
			second += rcpt(a, "250 ok")
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, plainHello+first+dataTaken+second+dataTaken+"quit")
		s := senderTo(t, p, settings(func(s *Settings) { s.MaxRecipients = 250 }))
		for i, o := range s.Send(t.Context(), shared(addresses...)) {
			if !o.Accepted {
				t.Errorf("%s: %s", addresses[i], inWords(o))
			}
		}
		s.Close()
		p.finish()
		for _, mail := range p.mails {
			if !strings.Contains(mail, "\r\nTo: undisclosed-recipients:;\r\n") || !strings.Contains(mail, "\r\nMessage-ID: <n.0190-abc.en@corp.test>\r\n") {
				t.Errorf("not a mail for many: %s", mail)
			}
		}
	})
}
