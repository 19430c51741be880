package notice

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/message"
	"heliograph/template"
)

var ana = &fleet.User{Key: 7, ID: "ana", Username: "ana.souza", Domain: "example.com", DisplayName: "Ana Souza", GivenName: "Ana",
	Surname: "Souza", Mail: "ana@example.com", Mobile: "+5511999990000", Properties: map[string]string{"title": "Dr.", "FLOOR": "3"}}

var phone = &fleet.Device{Key: 9, ID: "d1", Name: "Ana's iPhone", Platform: fleet.IOS, OSVersion: "18.1", Model: "iPhone 16", SerialNumber: "C02",
	IMEI: "35", PhoneNumber: "+5511999990001", Carrier: "Vivo", Ownership: fleet.Corporate, Compliant: false, Jailbroken: true,
	Properties: map[string]string{"ASSET_TAG": "A-1", "FLOOR": "4"}}

var both = fleet.Recipient{Device: phone, User: ana}

func TestValues(t *testing.T) {
	byod := *phone
	byod.Ownership, byod.Compliant, byod.Jailbroken = fleet.BYOD, true, false
	unknown := *phone
	unknown.Ownership = fleet.UnknownOwner
	tests := []struct {
		text string
		who  fleet.Recipient
		want string
	}{
		{"${user.username} ${user.loginname} ${user.domainname}", both, "ana.souza ana.souza@example.com example.com"},
		{"${user.displayname} ${user.givenname} ${user.sn}", both, "Ana Souza Ana Souza"},
		{"${user.mail} ${user.mobile} ${user.title}", both, "ana@example.com +5511999990000 Dr."},
		{"${device.name} ${device.DEVICE_NAME} ${device.serialNumber}", both, "Ana's iPhone Ana's iPhone C02"},
		{"${device.TEL_NUMBER} ${device.SYSTEM_OS_VERSION} ${device.SYSTEM_OEM}", both, "+5511999990001 18.1 iPhone 16"},
		{"${device.IMEI} ${device.CURRENT_CARRIER_NETWORK} ${device.SYSTEM_PLATFORM}", both, "35 Vivo iOS"},
		{"${device.CORPORATE_OWNED} ${device.ROOT_ACCESS} ${device.OUT_OF_COMPLIANCE}", both, "1 1 1"},
		{"${device.CORPORATE_OWNED} ${device.ROOT_ACCESS} ${device.OUT_OF_COMPLIANCE}", fleet.Recipient{Device: &byod}, "0 0 0"},
		{"${device.CORPORATE_OWNED 'nobody knows'}", fleet.Recipient{Device: &unknown}, "nobody knows"},
		{"${device.ASSET_TAG} ${ASSET_TAG} ${custom.ASSET_TAG}", both, "A-1 A-1 A-1"},
		{"${FLOOR}", both, "4"}, // the device's own, before its person's
		{"${FLOOR}", fleet.Recipient{User: ana}, "3"},
		{"${device.name 'none'} ${user.mail 'none'}", fleet.Recipient{}, "none none"},
	}
	for _, test := range tests {
		text, err := macro.Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := text.Render(macro.Env{Values: Values(test.who)}); got != test.want {
			t.Errorf("%s = %q, want %q", test.text, got, test.want)
		}
	}
}

func plan(t *testing.T, c template.Content) *Plan {
	t.Helper()
	p, err := NewPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAbout(t *testing.T) {
	tests := []struct {
		subject, text, recipient string
		about                    About
		perDevice, toPerson      bool
	}{
		{"Hello", "Text", "", Nothing, false, true},
		{"Hello", "Dear ${user.sn}", "", Person, false, true},
		{"About ${device.name}", "Text", "", Device, true, true},
		{"Hello", "Your ${COLOR}", "", Device, true, true},
		{"Hello", "${firstnotnull(user.mobile, device.TEL_NUMBER)}", "", Device, true, true},
		{"Hello", "Text", "${device.OWNER}", Nothing, true, false},
		{"Hello", "Text", "ops@example.com", Nothing, false, false},
	}
	for _, test := range tests {
		p := plan(t, template.Content{SMTP: &template.MailText{Subject: test.subject, Message: test.text, Recipient: test.recipient}})
		if got := p.About(message.SMTP); got != test.about {
			t.Errorf("%+v is about %v", test, got)
		}
		if p.PerDevice(message.SMTP) != test.perDevice || p.ToPerson(message.SMTP) != test.toPerson {
			t.Errorf("%+v: per device %v, to person %v", test, p.PerDevice(message.SMTP), p.ToPerson(message.SMTP))
		}
	}
}

type routes struct{ push, mail string }

func (r routes) Push(fleet.TokenRoute) string { return r.push }
func (r routes) Mail() string                 { return r.mail }

func (r routes) SMS(_ fleet.Recipient, written string) Hop {
	if !fleet.ValidNumber(written) {
		return Hop{Address: written, Reason: message.NumberInvalid, Detail: "not a number"}
	}
	return Hop{Server: "sms", Address: written}
}

func TestPushFindsItsServerOrSaysWhyNot(t *testing.T) {
	token := func(s fleet.TokenState) *fleet.TokenRoute {
		return &fleet.TokenRoute{Provider: fleet.APNs, App: "com.example", Environment: fleet.Production, State: s}
	}
	windows := &fleet.Device{Key: 1, Platform: fleet.Windows}
	tests := []struct {
		name   string
		who    fleet.Recipient
		server string
		state  message.State
		reason message.Reason
	}{
		{"live token", fleet.Recipient{Device: phone, Token: token(fleet.TokenLive)}, "apns", message.Queued, ""},
		{"no token", fleet.Recipient{Device: phone}, "apns", message.Skipped, message.NoAddress},
		{"platform without push", fleet.Recipient{Device: windows}, "apns", message.Skipped, message.Unsupported},
		{"dead token", fleet.Recipient{Device: phone, Token: token(fleet.TokenDead)}, "apns", message.Skipped, message.TokenDead},
		{"suspended token", fleet.Recipient{Device: phone, Token: token(fleet.TokenSuspended)}, "apns", message.Skipped, message.TokenDead},
		{"no provider for the app", fleet.Recipient{Device: phone, Token: token(fleet.TokenLive)}, "", message.Skipped, message.Unsupported},
	}
	p := plan(t, template.Content{Push: &template.PushText{Message: "Hi"}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := p.Push([]fleet.Recipient{test.who}, routes{push: test.server})[0]
			if d.State != test.state || d.Reason != test.reason || d.Device != test.who.Device.Key {
				t.Errorf("%+v", d)
			}
			if d.State == message.Skipped && d.Detail == "" {
				t.Error("skipped without a word")
			}
		})
	}
}

func TestMailAddresses(t *testing.T) {
	nobody := fleet.Recipient{User: &fleet.User{Key: 1, ID: "x", DisplayName: "Xenia"}}
	tests := []struct {
		recipient string
		who       fleet.Recipient
		want      []string // address, or reason: detail
	}{
		{"", both, []string{"ana@example.com"}},
		{"${user.mail}; boss@example.com", both, []string{"ana@example.com", "boss@example.com"}},
		{"${user.mail};ANA@example.com; ;", both, []string{"ana@example.com"}},
		{"Boss <boss@example.com>", both, []string{"boss@example.com"}},
		{"not an address", both, []string{"no_address: The recipient is not a mail address"}},
		{"a@b.c\r\nBcc: x@y.z", both, []string{"no_address: The recipient is not a mail address"}},
		{"", nobody, []string{"no_address: Xenia has no mail address"}},
		{"", fleet.Recipient{Device: phone}, []string{"no_address: Nobody carries the device"}},
	}
	for _, test := range tests {
		p := plan(t, template.Content{SMTP: &template.MailText{Subject: "S", Message: "Dear ${user.sn}", Recipient: test.recipient}})
		var got []string
		for _, d := range p.Written(message.SMTP, []fleet.Recipient{test.who}, routes{mail: "smtp"}) {
			if d.State == message.Skipped {
				got = append(got, string(d.Reason)+": "+d.Detail)
				continue
			}
			got = append(got, d.Address)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.recipient, diff)
		}
	}
}

// TestFixedAddresses: an address that depends on nobody gets a text that is the same for everybody once, and any other
// text along with each message.
func TestFixedAddresses(t *testing.T) {
	for _, c := range []struct {
		text, recipient string
		each            int // messages to the person
		fixed, alone    []string
		literal         bool
	}{
		{"Hi", "", 1, nil, nil, false},
		{"Hi", "${user.mail}; ops@example.com", 1, []string{"ops@example.com"}, []string{"ops@example.com"}, false},
		{"Hi ${user.sn}", "${user.mail}; ops@example.com", 2, nil, []string{"ops@example.com"}, false},
		{"Hi", "ops@example.com;b@example.com", 0, []string{"ops@example.com", "b@example.com"}, []string{"ops@example.com", "b@example.com"}, true},
		{"Hi", "${organization.administrators}", 0, []string{"a@x.example", "b@x.example"}, []string{"a@x.example", "b@x.example"}, true},
		{"Hi", " ; ", 1, nil, nil, false},
	} {
		p := plan(t, template.Content{
			SMTP:  &template.MailText{Subject: "S", Message: c.text, Recipient: c.recipient},
			Facts: map[string]string{Administrators: "a@x.example; b@x.example", AdministratorNumbers: "+351910000001"},
		})
		if got := p.Written(message.SMTP, []fleet.Recipient{both}, routes{mail: "smtp"}); len(got) != c.each {
			t.Errorf("%q to %q: %d messages", c.text, c.recipient, len(got))
		}
		fixed, alone := p.Fixed(message.SMTP, true), p.Fixed(message.SMTP, false)
		if !cmp.Equal(fixed, c.fixed) || !cmp.Equal(alone, c.alone) || p.Literal() != c.literal {
			t.Errorf("%q to %q: fixed %q, without an audience %q, literal %v", c.text, c.recipient, fixed, alone, p.Literal())
		}
	}
	sms := plan(t, template.Content{
		SMS:   &template.SMSText{Message: "Hi", Recipient: "${organization.administrators}"},
		Facts: map[string]string{Administrators: "a@x.example", AdministratorNumbers: "+351910000001"},
	})
	if got := sms.Fixed(message.SMS, false); !cmp.Equal(got, []string{"+351910000001"}) {
		t.Errorf("text messages to %q", got)
	}
	if push := plan(t, template.Content{Push: &template.PushText{Message: "Hi"}}); push.Literal() {
		t.Error("a push goes to a device")
	}
}

// TestLanguages: each person is written to in their language, with its names of months, and one mail speaks one language.
func TestLanguages(t *testing.T) {
	lisbon := template.Content{
		SMTP: &template.MailText{Subject: "Until ${action.deadline|date('dd MMMM HH:mm')}", Message: "Hello from ${organization.name}"},
		Push: &template.PushText{Message: "Hello"}, Language: "en", TimeZone: "Europe/Lisbon",
		Variants: map[string]template.Variant{
			"fr": {Subject: "Avant le ${action.deadline|date('dd MMMM HH:mm')}", Mail: "Bonjour de ${organization.name} ${user.sn}", Push: "Bonjour"},
			"pt": {Subject: "Até ${action.deadline|date('dd MMMM HH:mm')}"},
		},
		Facts: map[string]string{"organization.name": "Contoso", "action.deadline": "2026-08-01T21:00:00Z"},
	}
	p := plan(t, lisbon)
	for _, c := range []struct{ speaks, language, subject, text, push, missing string }{
		{"", "", "Until 01 August 22:00", "Hello from Contoso", "Hello", ""},
		{"de", "", "Until 01 August 22:00", "Hello from Contoso", "Hello", ""},
		{"en-GB", "", "Until 01 August 22:00", "Hello from Contoso", "Hello", ""},
		{"fr-CA", "fr", "Avant le 01 août 22:00", "Bonjour de Contoso ", "Bonjour", "user.sn"},
		{"pt-BR", "pt", "Até 01 agosto 22:00", "", "Hello", ""},
	} {
		who := fleet.Recipient{Device: phone, User: &fleet.User{Key: 1, Mail: "x@example.com", Language: c.speaks}}
		d := p.Written(message.SMTP, []fleet.Recipient{who}, routes{mail: "smtp"})[0]
		m := p.Message("n", d, Place{Language: language.Japanese})
		if d.Language != c.language || m.Subject != c.subject || m.Text != c.text || strings.Join(p.Missing(d), " ") != c.missing {
			t.Errorf("%q: in %q %q %q, missing %q", c.speaks, d.Language, m.Subject, m.Text, p.Missing(d))
		}
		if m := p.Message("n", p.Push([]fleet.Recipient{who}, routes{})[0], Place{}); m.Text != c.push {
			t.Errorf("%q: pushed %q", c.speaks, m.Text)
		}
		shown, _ := p.Preview(Values(who), c.speaks, Place{})
		if shown.SMTP.Subject != c.subject || shown.Push.Message != c.push || shown.SMTP.Recipient != "x@example.com" {
			t.Errorf("%q: preview %+v", c.speaks, shown.SMTP)
		}
	}
	lisbon.SMTP.Subject, lisbon.Variants = "Hi", map[string]template.Variant{"fr": {Subject: "Salut", Mail: "Bonjour"}}
	p = plan(t, lisbon)
	d := p.Written(message.SMTP, []fleet.Recipient{{User: &fleet.User{Key: 1, Mail: "x@example.com", Language: "fr"}}}, routes{mail: "smtp"})[0]
	if m := p.Message("n", d, Place{}); !d.Shared || m.Shared != "n.fr" {
		t.Errorf("shared as %q", m.Shared)
	}
	if want := p.Details(); !slices.Contains(want.User, "language") {
		t.Errorf("the language is not asked for: %v", want.User)
	}
}

func TestMessage(t *testing.T) {
	badge := 3
	p := plan(t, template.Content{
		Push: &template.PushText{Message: "Hi ${user.givenname}", Sound: "bell", Badge: &badge},
		SMTP: &template.MailText{Subject: "For ${device.name}", Message: "Line 1\nLine 2 ${user.nothing}", Sender: "${user.displayname}"},
	})
	lines := *phone
	lines.Name = "Evil\r\nBcc: everyone@example.com"
	where := Place{Location: time.UTC, Language: language.English}
	push := p.Push([]fleet.Recipient{{Device: phone, User: ana, Token: &fleet.TokenRoute{State: fleet.TokenLive}}}, routes{push: "s"})[0]
	if m := p.Message("n1", push, where); m.Text != "Hi Ana" || m.Sound != "bell" || *m.Badge != 3 || m.Shared != "" {
		t.Errorf("push: %+v", m)
	}
	mail := p.Written(message.SMTP, []fleet.Recipient{{Device: &lines, User: ana}}, routes{mail: "s"})[0]
	m := p.Message("n1", mail, where)
	if strings.ContainsAny(m.Subject+m.Sender, "\r\n") {
		t.Errorf("a value broke out of its header: %q", m.Subject)
	}
	if m.Text != "Line 1\nLine 2 " || m.Sender != "Ana Souza" {
		t.Errorf("mail: %+v", m)
	}
	if diff := cmp.Diff([]string{"user.nothing"}, p.Missing(mail)); diff != "" {
		t.Error(diff)
	}
	shared := plan(t, template.Content{SMTP: &template.MailText{Subject: "S", Message: "M"}})
	d := shared.Written(message.SMTP, []fleet.Recipient{both}, routes{mail: "s"})[0]
	if m := shared.Message("n1", d, where); m.Shared != "n1.en" || d.Values != nil {
		t.Errorf("shared: %+v, values %v", m, d.Values)
	}
}

func TestCheckNamesThePlace(t *testing.T) {
	negative := -1
	c := template.Content{
		Push: &template.PushText{Message: "${device.nam", Badge: &negative},
		SMTP: &template.MailText{Subject: "${foo.bar}", Message: "${device.SHOE_SIZE}", Sender: strings.Repeat("x", 400)},
	}
	wrong, doubtful := Check(c, nil)
	places := map[string]bool{}
	for _, p := range wrong {
		places[p.Pointer] = true
	}
	for _, want := range []string{"/push/message", "/push/badge", "/smtp/subject", "/smtp/sender"} {
		if !places[want] {
			t.Errorf("nothing wrong at %s: %v", want, wrong)
		}
	}
	if len(doubtful) != 1 || doubtful[0].Pointer != "/smtp/message" {
		t.Errorf("doubtful: %v", doubtful)
	}
	if wrong, _ := Check(template.Content{}, nil); len(wrong) != 1 {
		t.Errorf("a content without a channel: %v", wrong)
	}
}

func TestSMSGoesToTheDeviceElseToItsPerson(t *testing.T) {
	tablet := *phone
	tablet.PhoneNumber = ""
	tests := []struct {
		recipient string
		who       fleet.Recipient
		want      string
	}{
		{"", both, "+5511999990001"},
		{"", fleet.Recipient{Device: &tablet, User: ana}, "+5511999990000"},
		{"", fleet.Recipient{User: ana}, "+5511999990000"},
		{"${user.mobile}", both, "+5511999990000"},
		{"12", both, "number_invalid"},
		{"", fleet.Recipient{User: &fleet.User{DisplayName: "Xenia"}}, "no_address"},
	}
	for _, test := range tests {
		p := plan(t, template.Content{SMS: &template.SMSText{Message: "Hi ${user.sn}", Recipient: test.recipient}})
		d := p.Written(message.SMS, []fleet.Recipient{test.who}, routes{})[0]
		got := d.Address
		if d.State == message.Skipped {
			got = string(d.Reason)
		}
		if got != test.want {
			t.Errorf("%q to %+v: %q, want %q", test.recipient, test.who.User, got, test.want)
		}
	}
}
