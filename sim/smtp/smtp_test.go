package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	stdsmtp "net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"
	"go.uber.org/goleak"

	"heliograph/sim/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// wire is a client that types what the test says.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, s *Server) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, conn, bufio.NewReader(conn)}
}

// play sends the lines that begin with "C: " and wants the others to come. "*" at the end of a wanted line stands for
// anything; the escapes \r, \n and \0 are understood.
func (w *wire) play(script string) {
	w.t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if text, ok := strings.CutPrefix(line, "C: "); ok {
			text = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00").Replace(text)
			if _, err := io.WriteString(w.conn, text+"\r\n"); err != nil {
				w.t.Fatal(err)
			}
			continue
		}
		got, err := w.in.ReadString('\n')
		got = strings.TrimRight(got, "\r\n")
		if line == "EOF" {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) || got != "" {
				w.t.Fatalf("read %q, %v; want the end", got, err)
			}
			return
		}
		prefix, loose := strings.CutSuffix(line, "*")
		if err != nil || got != line && !(loose && strings.HasPrefix(got, prefix)) {
			w.t.Fatalf("read %q, %v; want %q", got, err, line)
		}
	}
}

const hello = `
	220 mail.simulator.test *
	C: EHLO client.example
	250-*
	250-PIPELINING
	250-8BITMIME
	250-SMTPUTF8
	250-ENHANCEDSTATUSCODES
	250-SIZE 26214400
	250-AUTH PLAIN LOGIN XOAUTH2
	250 STARTTLS
`

const deliver = `
	C: MAIL FROM:<a@example.com>
	250 2.1.0 *
	C: RCPT TO:<b@example.com>
	250 2.1.5 *
	C: DATA
	354 *
	C: Subject: hi\r\n\r\n..dots\r\n.
	250 2.0.0 *
`

func TestDialogues(t *testing.T) {
	for _, c := range []struct {
		name, script string
		options      Options
	}{
		{name: "a message", script: hello + deliver + "C: QUIT\n221 *\nEOF"},
		{name: "two messages", script: hello + deliver + deliver},
		{name: "old greeting", script: "220 *\nC: HELO me\n250 mail.simulator.test\nC: MAIL FROM:<>\n250 *"},
		{name: "odds and ends", script: hello + "C: NOOP\n250 *\nC: VRFY x\n252 *\nC: HELP\n214 *\nC: FROB\n500 5.5.1 *\nC: EHLO\n501 *\nC: HELO\n501 *"},
		{name: "order", script: "220 *\nC: MAIL FROM:<a@b.c>\n503 *\nC: AUTH PLAIN\n503 *\nC: EHLO me\n250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250 STARTTLS\nC: RCPT TO:<a@b.c>\n503 *\nC: DATA\n503 *\nC: MAIL FROM:<a@b.c>\n250 *\nC: DATA\n554 *\nC: MAIL FROM:<a@b.c>\n503 *\nC: RSET\n250 *\nC: RCPT TO:<a@b.c>\n503 *"},
		{name: "addresses", script: hello + `
			C: MAIL FROM:a@b.c
			501 *
			C: MAIL FROM:<no-domain>
			553 5.1.7 *
			C: MAIL FROM: <a@b.c> SIZE=10 BODY=8BITMIME AUTH=<>
			250 *
			C: RCPT TO:<>
			501 *
			C: RCPT TO:<nobody>
			553 5.1.3 *
			C: RCPT TO:<a b@c.d>
			553 5.1.3 *
			C: RCPT TO:<a@-x.d>
			553 5.1.3 *
			C: RCPT TO:<a@[127.0.0.1>
			553 5.1.3 *
			C: RCPT TO:<ü@c.d>
			553 5.1.3 *
			C: RCPT TO:<a@b.c> NOTIFY=NEVER
			555 *
			C: RCPT TO:<a@[127.0.0.1]>
			250 *`},
		{name: "parameters", script: hello + "C: MAIL FROM:<a@b.c> SIZE=x\n501 *\nC: MAIL FROM:<a@b.c> SIZE=99999999999\n552 5.3.4 *\nC: MAIL FROM:<a@b.c> BODY=BINARYMIME\n501 *\nC: MAIL FROM:<a@b.c> RET=HDRS\n555 *\nC: MAIL FROM:<ü@b.c> SMTPUTF8\n250 *\nC: RCPT TO:<ü@b.c>\n250 *"},
		{name: "pipelining", script: hello + `C: MAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nRCPT TO:<sim-bounce@y.z>\r\nDATA
			250 2.1.0 *
			250 2.1.5 *
			550 5.1.1 *
			354 *
			C: text\r\n.\r\nQUIT
			250 2.0.0 *
			221 *
			EOF`},
		{name: "bare LF", script: hello + "C: MAIL FROM:<a@b.c>\n250 *\nC: RCPT TO:<x@y.z>\n250 *\nC: DATA\n354 *\nC: a\\n.\\nMAIL FROM:<evil@b.c>\\r\\n.\n554 5.6.0 *"},
		{name: "bare CR", script: hello + "C: MAIL FROM:<a@b.c>\n250 *\nC: RCPT TO:<x@y.z>\n250 *\nC: DATA\n354 *\nC: a\\rb\\r\\n.\n554 5.6.0 *"},
		{name: "too large", options: Options{MaxSize: 4}, script: "220 *\nC: HELO me\n250 *\nC: MAIL FROM:<a@b.c>\n250 *\nC: RCPT TO:<x@y.z>\n250 *\nC: DATA\n354 *\nC: 12345\\r\\n.\n552 5.3.4 *"},
		{name: "recipients", options: Options{MaxRecipients: 1}, script: hello + "C: MAIL FROM:<a@b.c>\n250 *\nC: RCPT TO:<x@y.z>\n250 *\nC: RCPT TO:<y@y.z>\n452 4.5.3 *"},
		{name: "sign in first", options: Options{RequireAuth: true}, script: hello + "C: MAIL FROM:<a@b.c>\n530 *\nC: AUTH PLAIN AHUAcA==\n235 *\nC: MAIL FROM:<a@b.c>\n250 *\nC: AUTH PLAIN AHUAcA==\n503 *"},
		{name: "sign in", options: Options{Password: func(u, p string) bool { return u == "u" && p == "p" }}, script: hello + `
			C: AUTH CRAM-MD5
			504 *
			C: AUTH PLAIN
			334 *
			C: *
			501 5.7.0 *
			C: AUTH PLAIN ???
			501 5.5.2 *
			C: AUTH PLAIN AHU=
			501 5.5.2 *
			C: AUTH PLAIN AHUAeA==
			535 5.7.8 *
			C: AUTH LOGIN
			334 VXNlcm5hbWU6
			C: dQ==
			334 UGFzc3dvcmQ6
			C: eA==
			535 5.7.8 *
			C: AUTH LOGIN dQ==
			334 UGFzc3dvcmQ6
			C: cA==
			235 *`},
		{name: "magic users", script: hello + "C: AUTH PLAIN " + plainAuth("sim-wrong-password") + "\n535 *\nC: AUTH PLAIN " + plainAuth("sim-auth-later") + "\n454 *"},
		{name: "access tokens", options: Options{Token: func(u, t string) bool { return u == "u" && t == "good" }}, script: hello + `
			C: AUTH XOAUTH2 AA==
			501 5.5.2 *
			C: AUTH XOAUTH2 ` + bearerAuth("u", "") + `
			501 5.5.2 *
			C: AUTH XOAUTH2
			334 *
			C: *
			501 5.7.0 *
			C: AUTH XOAUTH2 ` + bearerAuth("u", "bad") + `
			334 ` + challenge + `
			C: \r
			535 5.7.8 *
			C: AUTH XOAUTH2
			334 *
			C: ` + bearerAuth("u", "good") + `
			235 *`},
		{name: "magic tokens", script: hello + "C: AUTH XOAUTH2 " + bearerAuth("u", "sim-expired-1") + "\n334 *\nC: *\n535 *\nC: AUTH XOAUTH2 " + bearerAuth("sim-wrong-token", "t") + "\n334 " + challenge + "\nC: *\n535 *\nC: AUTH XOAUTH2 " + bearerAuth("sim-auth-later", "t") + "\n454 *\nC: AUTH XOAUTH2 " + bearerAuth("u", "any") + "\n235 *"},
		{name: "STARTTLS is not offered", options: Options{NoSTARTTLS: true}, script: "220 *\nC: EHLO me\n250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250 AUTH PLAIN LOGIN XOAUTH2\nC: STARTTLS\n502 *"},
		{name: "STARTTLS injection", script: hello + "C: STARTTLS\\r\\nNOOP\n554 *\nEOF"},
		{name: "STARTTLS parameter", script: hello + "C: STARTTLS now\n501 *"},
		{name: "endless line", script: "220 *\nC: NOOP " + strings.Repeat("x", maxLine) + "\n500 5.5.2 *"},
	} {
		t.Run(c.name, func(t *testing.T) { dial(t, start(t, c.options)).play(c.script) })
	}
}

func plainAuth(user string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00secret"))
}

func bearerAuth(user, token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"))
}

// TestTokenEndpoint: what it gives is what the mail server takes.
func TestTokenEndpoint(t *testing.T) {
	ask := func(form url.Values) (status int, answer map[string]any) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, TokenPath, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		TokenEndpoint().ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		return w.Code, answer
	}
	for _, c := range []struct{ grant, id, secret, want string }{
		{"client_credentials", "app", "any", accessPrefix},
		{"client_credentials", expiredClient, "any", expiredPrefix},
		{"client_credentials", "app", wrongSecret, "invalid_client"},
		{"client_credentials", "app", "", "invalid_client"},
		{"password", "app", "any", "unsupported_grant_type"},
	} {
		status, answer := ask(url.Values{"grant_type": {c.grant}, "client_id": {c.id}, "client_secret": {c.secret}})
		token, given := answer["access_token"].(string)
		if given != (status == http.StatusOK) || given && !strings.HasPrefix(token, c.want) || !given && answer["error"] != c.want {
			t.Errorf("%+v: %d %v", c, status, answer)
		}
	}
}

func TestHistoryDecodes(t *testing.T) {
	s := start(t, Options{})
	message := mail.NewMsg()
	for _, err := range []error{
		message.FromFormat("Zürich IT", "it@example.com"), message.To("ana@example.com"), message.Cc("bob@example.com"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	message.Subject("Gerät gesperrt – ação necessária")
	message.SetMessageIDWithValue("d.7@example.com")
	message.SetBodyString(mail.TypeTextPlain, "Olá,\r\n.\r\nyour phone ✓\r\n")
	message.AddAlternativeString(mail.TypeTextHTML, "<p>Olá</p>")
	host, port := hostPort(t, s.Addr())
	client, err := mail.NewClient(host, mail.WithPort(port), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(&tls.Config{RootCAs: s.CA(), ServerName: host}),
		mail.WithSMTPAuth(mail.SMTPAuthLogin), mail.WithUsername("robot"), mail.WithPassword("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.DialAndSend(message); err != nil {
		t.Fatal(err)
	}
	items := s.History()
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	got := items[0]
	for _, c := range [][3]string{
		{"from", got.From, "it@example.com"}, {"subject", got.Subject, "Gerät gesperrt – ação necessária"},
		{"text", got.Text, "Olá,\n.\nyour phone ✓"}, {"html", got.HTML, "<p>Olá</p>"}, {"message-id", got.Headers["message-id"], "<d.7@example.com>"},
		{"header from", got.Headers["from"], "Zürich IT <it@example.com>"}, {"user", got.User, "robot"}, {"reason", got.Reason, ""},
	} {
		if c[1] != c[2] {
			t.Errorf("%s = %q, want %q", c[0], c[1], c[2])
		}
	}
	if diff := cmp.Diff([]string{"ana@example.com", "bob@example.com"}, got.Recipients); diff != "" || !got.Secure || got.Status != 250 {
		t.Errorf("%s secure %t status %d", diff, got.Secure, got.Status)
	}
}

func hostPort(t *testing.T, addr string) (string, int) {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return tcp.IP.String(), tcp.Port
}

func TestDecodeOddMessages(t *testing.T) {
	for name, c := range map[string]struct{ body, subject, text string }{
		"no headers":        {"just text\r\n", "", "just text"},
		"latin 1":           {"Subject: =?iso-8859-1?q?ol=E1?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nol\xe1\r\n", "olá", "olá"},
		"unknown charset":   {"Content-Type: text/plain; charset=klingon\r\n\r\nabc\r\n", "", "abc"},
		"broken base64":     {"Content-Transfer-Encoding: base64\r\n\r\n???\r\n", "", "???"},
		"broken type":       {"Content-Type: ;;\r\n\r\nabc\r\n", "", "abc"},
		"missing boundary":  {"Content-Type: multipart/mixed\r\n\r\nabc\r\n", "", ""},
		"nested multiparts": {"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nol=C3=A1\r\n--b--\r\n--a--\r\n", "", "olá"},
	} {
		t.Run(name, func(t *testing.T) {
			item := decode(control.Entry[record]{Record: record{body: []byte(c.body)}})
			if item.Subject != c.subject || item.Text != c.text {
				t.Errorf("subject %q text %q", item.Subject, item.Text)
			}
		})
	}
}

func TestSendMailWithTheStandardLibrary(t *testing.T) {
	s := start(t, Options{ImplicitTLS: true})
	conn, err := tls.Dial("tcp", s.TLSAddr(), &tls.Config{RootCAs: s.CA()})
	if err != nil {
		t.Fatal(err)
	}
	client, err := stdsmtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := client.Extension("STARTTLS"); ok {
		t.Error("STARTTLS is offered inside TLS")
	}
	steps := []error{client.Auth(stdsmtp.PlainAuth("", "u", "p", "127.0.0.1")), client.Mail("a@example.com"), client.Rcpt("b@example.com")}
	body, err := client.Data()
	steps = append(steps, err)
	_, err = io.WriteString(body, "Subject: x\r\n\r\n.y\r\n")
	steps = append(steps, err, body.Close(), client.Quit())
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	if items := s.History(); len(items) != 1 || items[0].Text != ".y" || !items[0].Secure {
		t.Errorf("items %+v", items)
	}
}

// At every stage a rule can answer, hang, close, reset, say nonsense or goodbye; a message that did not reach its end is
// not in the history.
func TestRulesAtEveryStage(t *testing.T) {
	for _, stage := range stages {
		for _, action := range []control.Action{control.Answer, control.Hang, control.Close, control.Lose, control.Reset, control.Garbage, control.GoAway} {
			t.Run(stage+" "+string(action), func(t *testing.T) {
				s := start(t, Options{})
				status := 0
				if action == control.Answer {
					status = 451
				}
				if err := s.Fail(control.Rule{Stage: stage, Action: action, Status: status, Reason: "4.9.9 ruled", Body: "what?\r\n", Times: 1}); err != nil {
					t.Fatal(err)
				}
				changed := s.Changed()
				got := make(chan string, 1)
				go func() { got <- upTo(stage, s) }()
				if action == control.Hang {
					if stage == stageEnd {
						<-changed
					} else {
						waitForRules(t, s)
					}
					if err := s.Stop(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				checkRuled(t, stage, action, <-got)
				checkRecorded(t, stage, action, s.History())
			})
		}
	}
}

// waitForRules waits until the rule was used.
func waitForRules(t *testing.T, s *Server) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); len(s.rules.List()) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the rule was never used")
		}
	}
}

// upTo speaks until the stage was answered, and returns all lines of that answer up to the end of the connection if it
// comes, "EOF" or "RST" for the end.
func upTo(stage string, s *Server) string {
	conn, err := net.Dial("tcp", s.Addr())
	if errors.Is(err, syscall.ECONNRESET) {
		return "RST" // faster than the dialling
	}
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err.Error()
	}
	commands := []struct{ stage, line string }{
		{stageConnect, ""}, {stageEHLO, "EHLO me"}, {stageSTARTTLS, "STARTTLS"}, {stageAuth, "AUTH PLAIN AHUAcA=="}, {stageMail, "MAIL FROM:<a@b.c>"},
		{stageRcpt, "RCPT TO:<x@y.z>"}, {stageData, "DATA"}, {stageEnd, "text\r\n."},
	}
	text := textproto.NewReader(bufio.NewReader(conn))
	for _, c := range commands {
		if c.stage == stageSTARTTLS && stage != stageSTARTTLS {
			continue // the other stages are reached in clear text
		}
		if c.line != "" {
			if _, err := io.WriteString(conn, c.line+"\r\n"); err != nil {
				return "RST"
			}
		}
		if c.stage == stage {
			break
		}
		if _, _, err := text.ReadResponse(0); err != nil {
			return err.Error()
		}
	}
	var lines []string
	for {
		line, err := text.ReadLine()
		switch {
		case errors.Is(err, syscall.ECONNRESET):
			return strings.Join(append(lines, "RST"), "|")
		case err != nil:
			return strings.Join(append(lines, "EOF"), "|")
		}
		lines = append(lines, line)
		if strings.HasPrefix(line, "451 ") {
			return strings.Join(lines, "|")
		}
	}
}

func checkRuled(t *testing.T, stage string, action control.Action, got string) {
	t.Helper()
	ok := false
	switch action {
	case control.Answer:
		ok = got == "451 4.9.9 ruled"
	case control.Hang, control.Close, control.Lose:
		ok = got == "EOF" || got == "RST"
	case control.Reset:
		ok = got == "RST"
	case control.Garbage:
		ok = got == "what?|EOF"
	case control.GoAway:
		ok = strings.HasSuffix(got, "421 4.3.2 closing|EOF") && strings.Count(got, "|") >= 2
	}
	if !ok {
		t.Errorf("read %q", got)
	}
}

func checkRecorded(t *testing.T, stage string, action control.Action, items []Item) {
	t.Helper()
	want := []int{}
	if stage == stageEnd {
		want = map[control.Action][]int{control.Answer: {451}, control.Hang: {0}, control.Close: {}, control.Lose: {250}, control.Reset: {0}, control.Garbage: {0}, control.GoAway: {250}}[action]
	}
	got := []int{}
	for _, item := range items {
		got = append(got, item.Status)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded: %s", diff)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	s := start(t, Options{})
	if err := s.Fail(control.Rule{Stage: stageConnect, Action: control.Hang}); err != nil {
		t.Fatal(err)
	}
	w := dial(t, s)
	w.conn.Close()
	// Stop, in the cleanup, waits for the dialogue: it would not end if the dialogue did not notice. Make sure by
	// waiting for it here, without stopping.
	for deadline := time.Now().Add(20 * time.Second); ; {
		s.mu.Lock()
		open := len(s.conns)
		s.mu.Unlock()
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the dialogue still hangs")
		}
	}
}

func TestRuleMatchesItsStage(t *testing.T) {
	s := start(t, Options{})
	for _, rule := range []control.Rule{
		{Match: "x@y.z", Status: 450, Reason: "4.2.1 busy", Times: 1}, // rcpt, unless said otherwise
		{Match: "a@", Stage: stageMail, Status: 550, Reason: "5.7.1 not you", Times: 1},
		{Match: "client.example", Stage: stageEHLO, Status: 250, Reason: "bare", Times: 1},
		{Match: "x@y.z", Stage: stageEnd, Status: 554, Reason: "5.7.1 no\r\n250 injected", Times: 1},
	} {
		if err := s.Fail(rule); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Fail(control.Rule{Stage: "lunch"}); err == nil || !strings.Contains(err.Error(), "lunch") {
		t.Errorf("an unknown stage: %v", err)
	}
	dial(t, s).play(`
		220 *
		C: EHLO client.example
		250 bare
		C: MAIL FROM:<a@b.c>
		550 5.7.1 not you
		C: MAIL FROM:<a@b.c>
		250 *
		C: RCPT TO:<x@y.z>
		450 4.2.1 busy
		C: RCPT TO:<x@y.z>
		250 *
		C: DATA
		354 *
		C: hi\r\n.
		554 5.7.1 no  250 injected
		C: NOOP
		250 *`)
	if items := s.History(); len(items) != 1 || items[0].Status != 554 || items[0].Reason != "5.7.1 no  250 injected" {
		t.Errorf("items %+v", items)
	}
}

func TestMagicAddresses(t *testing.T) {
	for _, m := range magicAddresses {
		if m.Rule.Stage == stageAuth || m.Rule.Action != "" || m.Rule.DelayMS > 0 {
			continue // users are tested among the dialogues, actions at every stage
		}
		t.Run(m.Value, func(t *testing.T) {
			w := dial(t, start(t, Options{}))
			want := func(stage string) string {
				if stage == m.Rule.Stage {
					return m.Rule.Reason
				}
				return "2*"
			}
			line := func(stage, command string) string {
				if stage == m.Rule.Stage {
					return "C: " + command + "\n" + itoa(m.Rule.Status) + " " + want(stage) + "\n"
				}
				return "C: " + command + "\n" + map[bool]string{true: "354 *", false: "250 *"}[stage == stageData] + "\n"
			}
			script := "220 *\nC: HELO me\n250 *\n"
			if m.Rule.Stage == stageMail {
				w.play(script + line(stageMail, "MAIL FROM:<"+m.Example+">"))
				return
			}
			script += line(stageMail, "MAIL FROM:<a@b.c>") + line(stageRcpt, "RCPT TO:<"+strings.ToUpper(m.Example[:4])+m.Example[4:]+">")
			if m.Rule.Stage == stageEnd {
				script += line(stageData, "DATA") + line(stageEnd, `hi\r\n.`)
			}
			w.play(script)
		})
	}
}

func itoa(n int) string {
	return string(rune('0'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
}

func FuzzDialogue(f *testing.F) {
	s := start(f, Options{MaxSize: 1 << 10, HistorySize: 10})
	f.Add("EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n")
	f.Add("AUTH PLAIN\r\n*\r\n")
	f.Add("EHLO x\r\nAUTH XOAUTH2 " + bearerAuth("u", "t") + "\r\nMAIL FROM:<a@b.c>\r\n")
	f.Fuzz(func(t *testing.T, input string) {
		if strings.Contains(strings.ToLower(input), "sim-") || strings.Contains(strings.ToUpper(input), "STARTTLS") {
			return // they wait
		}
		client, server := net.Pipe()
		go func() {
			_, _ = io.WriteString(client, input)
			_ = client.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		newDialogue(s, server, false).run()
		for _, item := range s.History() {
			if len(item.Recipients) == 0 {
				t.Error("a message without recipients was recorded")
			}
		}
	})
}

func BenchmarkPipelinedMail(b *testing.B) {
	s := start(b, Options{})
	w := dial(b, s)
	w.play("220 *\nC: HELO me\n250 *")
	if err := w.conn.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	skip := func(lines int) {
		for range lines {
			if _, err := w.in.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		_, _ = io.WriteString(w.conn, "MAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nDATA\r\n")
		skip(3)
		_, _ = io.WriteString(w.conn, "Subject: x\r\n\r\nhello\r\n.\r\n")
		skip(1)
	}
}
