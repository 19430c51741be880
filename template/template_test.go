package template

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestForPerson(t *testing.T) {
	for _, c := range []struct {
		have []string
		who  string
		want string
	}{
		{[]string{"en", "fr"}, "", ""}, {[]string{"en", "fr"}, "de", ""}, {[]string{"en", "fr"}, "fr", "fr"},
		{[]string{"en", "fr"}, "FR-ca", "fr"}, {[]string{"pt-BR", "pt"}, "pt", "pt"}, {[]string{"pt-BR", "pt"}, "pt-br", "pt-BR"},
		{[]string{"pt-BR"}, "pt-PT", "pt-BR"}, {[]string{"fr_CA"}, "fr", "fr_CA"}, {nil, "fr", ""},
	} {
		if got := ForPerson(c.have, c.who); got != c.want {
			t.Errorf("%v for %q: %q, want %q", c.have, c.who, got, c.want)
		}
	}
}

// three is a template in three languages, of which one leaves something out.
var three = Template{Type: "jailbroken", Body: Body{
	Language: "en", Push: PushPart{Message: "p", Sound: DefaultSound}, SMTP: MailPart{Subject: "s", Message: "m", Sender: "x"}, SMS: SMSPart{Message: "t"},
	Variants: map[string]Variant{"fr": {Push: "P", Subject: "S", Mail: "M", SMS: "T"}, "pt": {SMS: "t-pt"}},
}}

func TestContent(t *testing.T) {
	for _, c := range []struct {
		name     string
		channels []Channel
		language string
		want     Content
	}{
		{"its own language", []Channel{Push, SMTP, SMS}, "en-GB", Content{
			Push: &PushText{Message: "p"}, SMTP: &MailText{Subject: "s", Message: "m", Sender: "x", Recipient: DefaultMailRecipient},
			SMS: &SMSText{Message: "t", Recipient: DefaultNumberRecipient}, Language: "en", Variants: three.Variants,
		}},
		{"one channel", []Channel{SMTP}, "", Content{
			SMTP: &MailText{Subject: "s", Message: "m", Sender: "x", Recipient: DefaultMailRecipient}, Language: "en",
			Variants: map[string]Variant{"fr": {Subject: "S", Mail: "M"}},
		}},
		{"the organisation's language first", []Channel{Push, SMS}, "fr-CH", Content{
			Push: &PushText{Message: "P"}, SMS: &SMSText{Message: "T", Recipient: DefaultNumberRecipient}, Language: "fr",
			Variants: map[string]Variant{"en": {Push: "p", SMS: "t"}, "pt": {Push: "p", SMS: "t-pt"}},
		}},
		{"a language that leaves something out", []Channel{SMTP, SMS}, "pt", Content{
			SMTP: &MailText{Subject: "s", Message: "m", Sender: "x", Recipient: DefaultMailRecipient},
			SMS:  &SMSText{Message: "t-pt", Recipient: DefaultNumberRecipient}, Language: "pt",
			Variants: map[string]Variant{"en": {Subject: "s", Mail: "m", SMS: "t"}, "fr": {Subject: "S", Mail: "M", SMS: "T"}},
		}},
		{"a language that it does not have", []Channel{Push}, "de", Content{Push: &PushText{Message: "p"}, Language: "en", Variants: map[string]Variant{"fr": {Push: "P"}}}},
		{"nothing", nil, "en", Content{Language: "en"}},
	} {
		if diff := cmp.Diff(c.want, three.Content(c.channels, c.language)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if three.Language != "en" || len(three.Variants) != 2 {
		t.Error("the template was changed")
	}
}

// TestOrderOfLanguagesSaysTheSame: whichever language stands first, each person reads what they would have read.
func TestOrderOfLanguagesSaysTheSame(t *testing.T) {
	texts := rapid.SampledFrom([]string{"", "a", "b"})
	rapid.Check(t, func(t *rapid.T) {
		b := Body{Language: "en", SMTP: MailPart{Subject: "s", Message: "m"}, SMS: SMSPart{Message: "t"}, Variants: map[string]Variant{}}
		for _, tag := range []string{"fr", "pt"} {
			v := Variant{Subject: texts.Draw(t, "subject"), SMS: texts.Draw(t, "sms")}
			if v.Mail = ""; v.Subject != "" {
				v.Mail = "mail " + tag
			}
			b.Variants[tag] = v
		}
		first := rapid.SampledFrom([]string{"en", "fr", "pt", "de"}).Draw(t, "first")
		turned := b.In(first)
		for _, who := range []string{"en", "fr", "pt"} {
			if got, want := read(turned, who), read(b, who); got != want {
				t.Fatalf("%s reads %v instead of %v after %s was put first in %+v", who, got, want, first, b)
			}
		}
	})
}

// read is what somebody reads: subject, mail and text message.
func read(b Body, tag string) [3]string {
	v := b.Variants[tag]
	out := [3]string{b.SMTP.Subject, b.SMTP.Message, either(v.SMS, b.SMS.Message)}
	if v.Subject != "" {
		out[0], out[1] = v.Subject, v.Mail
	}
	return out
}

func TestOverride(t *testing.T) {
	text := func(s string) *string { return &s }
	minus, content := 1, three.Content([]Channel{Push, SMTP}, "en")
	for _, c := range []struct {
		name string
		o    Overrides
		want Content
	}{
		{"nothing", Overrides{}, content},
		{"a subject, for everybody", Overrides{SMTP: &MailOverride{Subject: text("!")}}, Content{
			Push: content.Push, SMTP: &MailText{Subject: "!", Message: "m", Sender: "x", Recipient: DefaultMailRecipient}, Language: "en",
			Variants: map[string]Variant{"fr": {Push: "P", Subject: "!", Mail: "M"}},
		}},
		{"a whole mail", Overrides{SMTP: &MailOverride{Subject: text("!"), Message: text("?"), Sender: text(""), Recipient: text("a@b.c")}}, Content{
			Push: content.Push, SMTP: &MailText{Subject: "!", Message: "?", Recipient: "a@b.c"}, Language: "en",
			Variants: map[string]Variant{"fr": {Push: "P"}},
		}},
		{"a push, and a channel that is not used", Overrides{Push: &PushOverride{Message: text("!"), Sound: text("Casino"), Badge: &minus}, SMS: &SMSOverride{Message: text("x")}}, Content{
			Push: &PushText{Message: "!", Sound: "Casino", Badge: &minus}, SMTP: content.SMTP, Language: "en",
			Variants: map[string]Variant{"fr": {Subject: "S", Mail: "M"}},
		}},
	} {
		if diff := cmp.Diff(c.want, content.Override(c.o)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if !(Overrides{SMTP: &MailOverride{Sender: text("")}}).Names("/smtp/sender") || (Overrides{SMTP: &MailOverride{}}).Names("/smtp/subject") {
		t.Error("what is overridden")
	}
}

func TestCopyName(t *testing.T) {
	taken := map[string]bool{"Mine (2)": true}
	if got := CopyName("Mine", func(s string) bool { return taken[s] }); got != "Mine (3)" {
		t.Error(got)
	}
	long := make([]rune, maxTemplateName)
	for i := range long {
		long[i] = 'ä'
	}
	if got := []rune(CopyName(string(long), func(string) bool { return false })); len(got) != maxTemplateName {
		t.Errorf("%d characters", len(got))
	}
}
