package smtp

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/message"
)

const tokenHello = "S 220 x\nC EHLO\nS 250-x\nS 250 AUTH LOGIN XOAUTH2\n"

// bearer is the client's first message with a token.
func bearer(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=it@corp.test\x01auth=Bearer " + token + "\x01\x01"))
}

// why is what a server says in a challenge about a token that it refuses.
var why = base64.StdEncoding.EncodeToString([]byte(`{"status":"401","schemes":"bearer","scope":"https://mail.corp.test/"}`))

// TestXOAUTH2: what becomes of a token, and how often another is asked for. The endpoint gives token-1, token-2, ….
func TestXOAUTH2(t *testing.T) {
	const sent = mailTaken + "C RCPT TO:<a@x.test>\nS 250 ok\n" + dataTaken + "quit"
	auth := func(n string) string { return "C AUTH XOAUTH2 " + bearer("token-"+n) + "\n" }
	refusedFor := "S 334 " + why + "\nempty\nS 535 5.7.8 not accepted\n"
	for _, tt := range []struct {
		name    string
		scripts []string
		want    string
		detail  string
		asked   int // for tokens
	}{
		{"taken", []string{tokenHello + auth("1") + "S 235 ok\n" + sent}, "accepted 4cXyZ123", "", 1},
		{"AUTH must stand alone", []string{tokenHello + auth("1") + "S 501 no\nC AUTH XOAUTH2\nS 334\nC " + bearer("token-1") + "\nS 235 ok\n" + sent},
			"accepted 4cXyZ123", "", 1},
		{"refused, then the new one is taken", []string{tokenHello + auth("1") + refusedFor + auth("2") + "S 235 ok\n" + sent},
			"accepted 4cXyZ123", "", 2},
		{"refused without a reason, then the new one is taken", []string{tokenHello + auth("1") + "S 535 5.7.3 no\n" + auth("2") + "S 235 ok\n" + sent},
			"accepted 4cXyZ123", "", 2},
		{"refused twice", []string{tokenHello + auth("1") + refusedFor + auth("2") + refusedFor + "quit"},
			`server: credentials: 535 5.7.8 not accepted {"status":"401","schemes":"bearer","scope":"https://mail.corp.test/"}`,
			`refused the OAuth 2.0 access token for this user name: “535 5.7.8 not accepted {"status":"401",`, 2},
		{"refused by a server that repeats the token", []string{tokenHello + auth("1") + "S 535 token-1\n" + auth("2") + "S 535 token-2 " + bearer("token-2") + "\nquit"},
			"server: credentials: 535 **** ****", "", 2},
		{"refused, and the connection closed: the new one over another", []string{tokenHello + auth("1") + "S 535 no\nclose", tokenHello + auth("2") + "S 235 ok\n" + sent},
			"accepted 4cXyZ123", "", 2},
		{"refused, and 421: the new one over another", []string{tokenHello + auth("1") + "S 535 no\n" + auth("2") + "S 421 too many errors", tokenHello + auth("2") + "S 235 ok\n" + sent},
			"accepted 4cXyZ123", "", 2},
		{"refused and closed, twice", []string{tokenHello + auth("1") + "S 535 no\nclose", tokenHello + auth("2") + "S 535 never\nclose"},
			"server: credentials: 535 never", "refused the OAuth 2.0 access token", 3},
		{"454", []string{tokenHello + auth("1") + "S 454 4.7.0 later\nquit"}, "server: server_error: 454 4.7.0 later", "", 1},
		{"SMTP AUTH is turned off", []string{tokenHello + auth("1") + "S 504 5.7.4 no\nC AUTH XOAUTH2\nS 504 5.7.4 no\nquit"}, "server: credentials: 504 5.7.4 no", "", 1},
		{"closed at AUTH", []string{tokenHello + auth("1") + "close"}, "server: server_error:", "closed the connection at AUTH", 1},
		{"not offered", []string{authHello + "quit"}, "server: credentials:", "does not offer XOAUTH2, which OAuth 2.0 needs, only LOGIN, PLAIN.", 0},
		{"nothing offered", []string{plainHello + "quit"}, "server: credentials:", "does not offer authentication", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := settings(withOAuth)
				p, e := newPeer(t, tt.scripts...), newEndpoint()
				s := senderTo(t, p, set)
				s.srv.token = tokensThrough(s.srv.Settings, e)
				got := s.Send(t.Context(), personal("a@x.test"))
				s.Close()
				p.finish()
				if words := inWords(got[0]); words != tt.want {
					t.Errorf("%s, want %s", words, tt.want)
				}
				if e.asked() != tt.asked {
					t.Errorf("%d tokens were asked for, want %d", e.asked(), tt.asked)
				}
				checkSentences(t, set, got, tt.detail)
				checkNoSecret(t, got[0])
			})
		})
	}
}

func checkNoSecret(t *testing.T, o message.Outcome) {
	t.Helper()
	if f := o.Failure; f != nil {
		for _, secret := range []string{"token-", bearer("token-1")[:20], "cl1ent"} {
			if strings.Contains(f.Detail+f.Answer, secret) {
				t.Errorf("%q is in %q", secret, f.Detail+f.Answer)
			}
		}
	}
}

// TestTokenIsKept over sessions, until shortly before its end.
func TestTokenIsKept(t *testing.T) {
	once := func(token string) string {
		return tokenHello + "C AUTH XOAUTH2 " + bearer(token) + "\nS 235 ok\n" + mailTaken + rcpt("a@x.test", "250 ok") + dataTaken + "C QUIT"
	}
	synctest.Test(t, func(t *testing.T) {
		p, e := newPeer(t, once("token-1"), once("token-1"), once("token-2")), newEndpoint()
		s := senderTo(t, p, settings(withOAuth))
		s.srv.token = tokensThrough(s.srv.Settings, e)
		for _, later := range []time.Duration{0, 50 * time.Minute, 8*time.Minute + time.Second} { // of an hour
			time.Sleep(later)
			if got := s.Send(t.Context(), personal("a@x.test")); !got[0].Accepted {
				t.Errorf("got %s", inWords(got[0]))
			}
		}
		s.Close()
		p.finish()
		if e.asked() != 2 {
			t.Errorf("%d tokens were asked for, want 2", e.asked())
		}
	})
}

// TestNoToken: the mail server is left alone until there is one, and the session that waited is closed.
func TestNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings(withOAuth)
		p := newPeer(t, tokenHello+"quit")
		s := senderTo(t, p, set)
		s.srv.token = tokensThrough(s.srv.Settings, newEndpoint(answer{status: 401, body: `{"error": "invalid_client", "error_description": "wrong secret"}`}))
		got := s.Send(t.Context(), personal("a@x.test", "b@x.test"))
		s.Close()
		p.finish()
		if diff := cmp.Diff([]string{"server: credentials: token endpoint: 401 invalid_client wrong secret", "nothing"}, allInWords(got)); diff != "" {
			t.Error(diff)
		}
		checkSentences(t, set, got, "token endpoint gave no access token")
	})
}

// TestReportOfTokens: a test shows where the token came from and why it was refused, but never the token.
func TestReportOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, tokenHello+"C AUTH\nS 334 "+why+"\nempty\nS 535 5.7.8 no\nC AUTH\nS 535 5.7.8 no\nquit")
		srv := serverTo(t, p, settings(withOAuth, func(s *Settings) { s.Host = "192.0.2.1" }))
		srv.token = tokensThrough(srv.Settings, newEndpoint())
		report := srv.try(t.Context(), personal("a@x.test")[0])
		p.finish()
		wantDialogue := []string{
			"S: 220 x", "C: EHLO client.corp.test", "S: 250-x", "S: 250 AUTH LOGIN XOAUTH2",
			"C: AUTH XOAUTH2 ****", `S: 334 {"status":"401","schemes":"bearer","scope":"https://mail.corp.test/"}`, "C: ", "S: 535 5.7.8 no",
			"C: AUTH XOAUTH2 ****", "S: 535 5.7.8 no",
		}
		if diff := cmp.Diff(wantDialogue, report.Dialogue); diff != "" {
			t.Error(diff)
		}
		var steps []string
		for _, step := range report.Steps {
			steps = append(steps, strings.TrimSpace(step.Name+" "+step.Detail))
		}
		wantSteps := []string{
			"connect pipe", "greeting 220 x", "ehlo as client.corp.test",
			"token from login.corp.test, good until 2000-01-01 01:00:00 UTC", "token from login.corp.test, good until 2000-01-01 01:00:00 UTC",
			"auth The mail server refused the OAuth 2.0 access token for this user name: “535 5.7.8 no”.",
		}
		if diff := cmp.Diff(wantSteps, steps); diff != "" || report.OK || report.Reason != message.Credentials {
			t.Errorf("%s\n%+v", diff, report)
		}
	})
}
