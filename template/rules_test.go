package template

import (
	"strings"
	"testing"

	"heliograph/macro"
)

// sound is a template that breaks no rule where everything is set up.
func sound(change func(t *Template)) Template {
	t := Template{Name: "Mine", Type: "jailbroken", Body: Body{
		Language: "en",
		Push:     PushPart{Active: true, Message: "Hi"},
		SMTP:     MailPart{Active: true, Recipient: DefaultMailRecipient, Subject: "Hi", Message: "Hello"},
		SMS:      SMSPart{Active: true, Recipient: DefaultNumberRecipient, Message: "Hi"},
	}}
	change(&t)
	return t
}

var everythingReady = map[Channel]bool{Push: true, SMTP: true, SMS: true}

func places(list []Problem) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.Pointer
	}
	return strings.Join(words, " ")
}

func TestRules(t *testing.T) {
	long := strings.Repeat("x", 1001)
	active := sound(func(*Template) {})
	single, _ := FindType(APNSCertExpiration)
	body, _ := single.Default()
	predefined := Template{ID: string(single.Key), Name: single.Name, Type: single.Key, Predefined: true, Body: body}
	for _, c := range []struct {
		name            string
		t               Template
		s               Situation
		wrong, doubtful string
	}{
		{"sound", active, Situation{Ready: everythingReady}, "", ""},
		{"nothing said, nothing active", Template{Name: "x", Type: AdHoc}, Situation{}, "", ""},
		{"no name", sound(func(t *Template) { t.Name = " " }), Situation{Ready: everythingReady}, "/name", ""},
		{"long", sound(func(t *Template) { t.Name, t.Description = long, long }), Situation{Ready: everythingReady}, "/name /description", ""},
		{"unknown type", sound(func(t *Template) { t.Type = "party" }), Situation{Ready: everythingReady}, "/type", ""},
		{"another type", active, Situation{Ready: everythingReady, Before: &Template{Type: AdHoc, Body: active.Body}}, "/type", ""},
		{"a second APNS Cert Expiration", Template{Name: "x", Type: APNSCertExpiration}, Situation{}, "/type", ""},
		{"the one APNS Cert Expiration", predefined, Situation{Before: &predefined}, "", ""},
		{"nothing set up", active, Situation{}, "/push/active /smtp/active /sms/active", ""},
		{"not set up any more", active, Situation{Before: &active}, "", ""},
		{"switched on while not set up", active, Situation{Before: ptrTo(sound(func(t *Template) { t.SMS.Active = false })), Ready: map[Channel]bool{Push: true}}, "/sms/active", ""},
		{"required texts", sound(func(t *Template) { t.Push.Message, t.SMTP.Subject, t.SMTP.Message, t.SMS.Message = "", "", "", " " }),
			Situation{Ready: everythingReady}, "/push/message /smtp/subject /sms/message", ""},
		{"texts that are not required while off", sound(func(t *Template) { t.Push = PushPart{}; t.SMS = SMSPart{} }), Situation{Ready: everythingReady}, "", ""},
		{"push where the type has none", sound(func(t *Template) { t.Type = "device_unenrolled" }), Situation{Ready: everythingReady}, "/push", ""},
		{"push of another language where the type has none", sound(func(t *Template) {
			t.Type, t.Push, t.Variants = "device_unenrolled", PushPart{}, map[string]Variant{"fr": {Push: "Salut"}}
		}), Situation{Ready: everythingReady}, "/push", ""},
		{"a sound of the list", sound(func(t *Template) { t.Push.Sound = "Casino.wav" }), Situation{Ready: everythingReady, Sounds: []string{"Casino.wav"}}, "", ""},
		{"the default sound", sound(func(t *Template) { t.Push.Sound = DefaultSound }), Situation{Ready: everythingReady}, "", ""},
		{"a sound of no list", sound(func(t *Template) { t.Push.Sound = "Casino.wav" }), Situation{Ready: everythingReady}, "/push/sound", ""},
		{"languages", sound(func(t *Template) { t.Language, t.Variants = "x!", map[string]Variant{"?": {SMS: "a"}} }), Situation{Ready: everythingReady}, "/language /variants/?", ""},
		{"the same language twice", sound(func(t *Template) { t.Variants = map[string]Variant{"EN": {SMS: "a"}} }), Situation{Ready: everythingReady}, "/variants/EN", ""},
		{"half a mail", sound(func(t *Template) { t.Variants = map[string]Variant{"fr": {Subject: "a"}, "pt": {Mail: "b"}} }),
			Situation{Ready: everythingReady}, "/variants/fr/smtp/message /variants/pt/smtp/subject", ""},
		{"a mail that is all subject", sound(func(t *Template) { t.SMTP.Message, t.Variants = "", map[string]Variant{"fr": {Subject: "a"}} }), Situation{Ready: everythingReady}, "", ""},
		{"macros", sound(func(t *Template) {
			t.SMTP.Subject, t.SMS.Message, t.Variants = "${", "${user.mail|uper}", map[string]Variant{"fr": {Push: "${nope.x}"}}
		}), Situation{Ready: everythingReady}, "/smtp/subject /sms/message /variants/fr/push/message", ""},
		{"unknown property", sound(func(t *Template) { t.SMTP.Subject = "${FLOOR}" }), Situation{Ready: everythingReady}, "", "/smtp/subject"},
		{"known property", sound(func(t *Template) { t.SMTP.Subject = "${FLOOR}" }), Situation{Ready: everythingReady, Known: func(macro.Slot) bool { return true }}, "", ""},
		{"changed recipient", sound(func(t *Template) { t.SMTP.Recipient, t.SMS.Recipient = "boss@example.com", "+33 6 12 34 56 78" }), Situation{Ready: everythingReady}, "", "/smtp/recipient /sms/recipient"},
		{"added recipient", sound(func(t *Template) { t.SMTP.Recipient = "${ user.mail } ; Boss <boss@example.com>;" }), Situation{Ready: everythingReady}, "", ""},
		{"bad recipients", sound(func(t *Template) { t.SMTP.Recipient, t.SMS.Recipient = "${user.mail}; boss", "${user.mobile}; home" }),
			Situation{Ready: everythingReady}, "/smtp/recipient /sms/recipient", "/sms/recipient"},
		{"typed recipients of Ad Hoc", sound(func(t *Template) { t.Type, t.SMTP.Recipient = AdHoc, "boss@example.com" }), Situation{Ready: everythingReady}, "", ""},
		{"a sender of two lines", sound(func(t *Template) { t.SMTP.Sender = "a\nb" }), Situation{Ready: everythingReady}, "/smtp/sender", ""},
		{"too long", sound(func(t *Template) { t.SMTP.Subject, t.SMTP.Sender = long, long }), Situation{Ready: everythingReady}, "/smtp/subject /smtp/sender", ""},
	} {
		wrong, doubtful := c.t.Check(c.s)
		if places(wrong) != c.wrong || places(doubtful) != c.doubtful {
			t.Errorf("%s: wrong at %q, doubtful at %q\n%v\n%v", c.name, places(wrong), places(doubtful), wrong, doubtful)
		}
	}
}

func ptrTo[T any](v T) *T { return &v }

// TestManualSending: by type, and by what the texts ask for, however it is spelled and wherever it stands.
func TestManualSending(t *testing.T) {
	for _, c := range []struct {
		name string
		t    Template
		want Refusal
	}{
		{"ad hoc", Template{Type: AdHoc}, ""},
		{"by type", Template{Type: "enrollment_pin"}, RefusedByType},
		{"unknown type", Template{Type: "party"}, RefusedByType},
		{"all reasons", Template{Type: "out_of_compliance", Body: Body{SMS: SMSPart{Message: "${outofcompliance.reason()}"}}}, ""},
		{"another reason", Template{Type: "out_of_compliance", Body: Body{SMS: SMSPart{Message: "${outofcompliance.reason(weather)}"}}}, ""},
		{"gateway", Template{Type: AdHoc, Body: Body{SMS: SMSPart{Message: "x ${outofcompliance.reason(smg_block)}"}}}, RefusedByMacro},
		{"blanks and quotes", Template{Type: AdHoc, Body: Body{Push: PushPart{Message: "${ outofcompliance . reason ( 'smg_block' ) | upper }"}}}, RefusedByMacro},
		{"new spelling", Template{Type: AdHoc, Body: Body{SMTP: MailPart{Subject: "${outofcompliance.reason(allowlist_blocklist_apps_name)}"}}}, RefusedByMacro},
		{"old spelling", Template{Type: AdHoc, Body: Body{SMTP: MailPart{Message: "${outofcompliance.reason(whitelist_blacklist_apps_name) 'none'}"}}}, RefusedByMacro},
		{"as an argument", Template{Type: AdHoc, Body: Body{SMTP: MailPart{Message: "${firstnotnull(user.sn, outofcompliance.reason(smg_block))}"}}}, RefusedByMacro},
		{"in another language", Template{Type: AdHoc, Body: Body{Variants: map[string]Variant{"fr": {Mail: "${outofcompliance.reason(smg_block)}"}}}}, RefusedByMacro},
		{"not as a macro", Template{Type: AdHoc, Body: Body{SMS: SMSPart{Message: "$${outofcompliance.reason(smg_block)}"}}}, ""},
		{"in an address", Template{Type: AdHoc, Body: Body{SMTP: MailPart{Sender: "${outofcompliance.reason(smg_block)}"}}}, ""},
	} {
		if got := c.t.ManualSending(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCheckSound(t *testing.T) {
	for name, ok := range map[string]bool{"Casino.wav": true, "Alert Tone": true, "": false, "a/b": false, `a\b`: false, "default": false, strings.Repeat("x", 101): false} {
		if got := len(CheckSound(name)) == 0; got != ok {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestTypes: the table is whole, and its keys are words that stay.
func TestTypes(t *testing.T) {
	seen := map[TypeKey]bool{}
	for _, kind := range Types() {
		if seen[kind.Key] || kind.Name == "" || len(kind.Channels) == 0 || recipients[kind.To] == nil {
			t.Errorf("%+v", kind)
		}
		seen[kind.Key] = true
		for _, c := range []Channel{SMTP, SMS} {
			if got := kind.Recipient(c); (got == "") != (kind.To == Typed) {
				t.Errorf("%s: recipient %q", kind.Key, got)
			}
		}
		for _, fact := range kind.Facts {
			if _, err := macro.Parse("${" + fact + "}"); err != nil && fact != "device.*" {
				t.Errorf("%s: %v", kind.Key, err)
			}
		}
	}
	for _, m := range macro.Table() {
		if _, ok := Sample(m.Slot()); !ok && (m.Namespace == "enrollment" || m.Namespace == "action" || m.Namespace == "credential" || m.Namespace == "server") {
			t.Errorf("%s has no made-up value for previews", m.Slot())
		}
	}
}
