package notice

import (
	"testing"

	"golang.org/x/text/language"

	"heliograph/fleet"
	"heliograph/message"
	"heliograph/template"
)

// five is a text with five macros, in two languages.
var five = template.Content{
	Push: &template.PushText{Message: "Hello ${user.givenname 'you'}, your ${device.SYSTEM_OEM} ${device.name|upper} has ${device.SYSTEM_OS_VERSION}: ask ${organization.helpdesk}"},
	Variants: map[string]template.Variant{
		"fr": {Push: "Bonjour ${user.givenname}, votre ${device.SYSTEM_OEM} ${device.name|upper} a ${device.SYSTEM_OS_VERSION} : voir ${organization.helpdesk}"},
	},
	Language: "en", TimeZone: "Europe/Paris", Facts: map[string]string{"organization.helpdesk": "Service Desk"},
}

func composed(t testing.TB) (*Plan, message.Delivery) {
	t.Helper()
	p, err := NewPlan(five)
	if err != nil {
		t.Fatal(err)
	}
	who := fleet.Recipient{Device: phone, User: ana}
	return p, p.Push([]fleet.Recipient{who}, routes{push: "apns"})[0]
}

// TestMessageAllocations: a message costs little more than its text.
func TestMessageAllocations(t *testing.T) {
	p, d := composed(t)
	if n := testing.AllocsPerRun(1000, func() { p.Message("n", d, Place{Language: language.English}) }); n > 3 {
		t.Errorf("%v allocations for each message, at most 3 are allowed", n)
	}
}

func BenchmarkMessage(b *testing.B) {
	p, d := composed(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Message("n", d, Place{Language: language.English})
	}
}
