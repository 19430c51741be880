package intake_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heliograph/intake"
)

// TestStoredSecretsStayWhereTheyAre: who changes to whom a secret goes has to give it again; all else may change without.
func TestStoredSecretsStayWhereTheyAre(t *testing.T) {
	const (
		mail = `{"host": "mail.example.com", "security": "tls", "authentication": true, "username": "u", "from_email": "a@example.com"%s}`
		text = `{"key": "abcd1234", "country": "+49", "https": true, "sender": "Help", "rate_per_second": 30, "rate_per_second_us": 1, "retries": 5, "timeout_seconds": 30%s}`
	)
	cases := []struct {
		name, kind, settings string // settings hold %s for what comes besides
		secret               string // what comes besides when it is made
		then                 string // what comes besides when it is changed
		change               [2]string
		refused              string // where; "" = taken
	}{
		{"nothing changes", "smtp", mail, `, "password": "p"`, ``, [2]string{}, ""},
		{"another host", "smtp", mail, `, "password": "p"`, ``, [2]string{"mail.example.com", "mail.attacker.example"}, "/password"},
		{"the same host in capitals", "smtp", mail, `, "password": "p"`, ``, [2]string{"mail.example.com", "MAIL.example.com"}, ""},
		{"another host and the password", "smtp", mail, `, "password": "p"`, `, "password": "p"`, [2]string{"mail.example.com", "mail2.example.com"}, ""},
		{"another person", "smtp", mail, `, "password": "p"`, ``, [2]string{`"u"`, `"v"`}, ""},
		{"another token address", "smtp", mail, `, "oauth": {"token_url": "https://login.example.com/t", "client_id": "c", "client_secret": "s", "scope": "x"}`,
			`, "oauth": {"token_url": "https://attacker.example/t", "client_id": "c", "scope": "x"}`, [2]string{}, "/oauth/client_secret"},
		{"another gateway", "sms", text, `, "secret": "s"`, `, "endpoint": "https://attacker.example"`, [2]string{}, "/secret"},
		{"another sender", "sms", text, `, "secret": "s"`, ``, [2]string{"Help", "Desk"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := onSQLite(t)
			made, err := h.door.CreateServer(h.Context(), admin, serverInput(t, c.kind, fmt.Sprintf(c.settings, c.secret)))
			if err != nil {
				t.Fatal(err)
			}
			in := serverInput(t, c.kind, strings.Replace(fmt.Sprintf(c.settings, c.then), c.change[0], c.change[1], 1))
			_, tested := h.door.TestServer(h.Context(), admin, made.ID, &in, "")
			_, changed := h.door.UpdateServer(h.Context(), admin, made.ID, in)
			if at := pointer(changed); at != c.refused {
				t.Errorf("the change is refused at %q (%v), want %q", at, changed, c.refused)
			}
			if at := pointer(tested); c.refused != "" && at != c.refused {
				t.Errorf("the test is refused at %q (%v), want %q", at, tested, c.refused)
			}
		})
	}
}

func serverInput(t *testing.T, kind, settings string) intake.ServerInput {
	t.Helper()
	in := intake.ServerInput{Kind: kind, Name: "A server"}
	if err := json.Unmarshal([]byte(settings), &in.Settings); err != nil {
		t.Fatal(err)
	}
	return in
}

// pointer is where the first problem is; "" = none.
func pointer(err error) string {
	var refused *intake.Refused
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.Problems[0].Pointer
}
