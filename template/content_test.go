package template

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	minus := -1
	tests := []struct {
		name string
		c    Content
		want []string // pointers
	}{
		{"whole", Content{Push: &PushText{Message: "x"}, SMTP: &MailText{Subject: "s", Message: "m"}, SMS: &SMSText{Message: "x"}}, nil},
		{"no channel", Content{}, []string{""}},
		{"empty texts", Content{Push: &PushText{}, SMTP: &MailText{}, SMS: &SMSText{}}, []string{"/push/message", "/smtp/subject", "/smtp/message", "/sms/message"}},
		{"negative badge", Content{Push: &PushText{Message: "x", Badge: &minus}}, []string{"/push/badge"}},
		{"too long", Content{SMTP: &MailText{Subject: strings.Repeat("ä", 999), Message: "m"}}, []string{"/smtp/subject"}},
		{"as long as can be", Content{SMTP: &MailText{Subject: strings.Repeat("ä", 998), Message: "m"}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range test.c.Check() {
				got = append(got, p.Pointer)
			}
			if strings.Join(got, " ") != strings.Join(test.want, " ") || len(got) != len(test.want) {
				t.Errorf("wrong at %q, want %q", got, test.want)
			}
		})
	}
}

func TestRecipientDefaults(t *testing.T) {
	if to := (MailText{}).To(); to != "${user.mail}" {
		t.Errorf("To = %q", to)
	}
	if to := (MailText{Recipient: "ops@example.com"}).To(); to != "ops@example.com" {
		t.Errorf("To = %q", to)
	}
}
