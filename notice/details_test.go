package notice

import (
	"slices"
	"testing"

	"heliograph/message"
	"heliograph/template"
)

// A macro whose fields are not named here would come out empty.
func TestEveryMacroNamesItsFields(t *testing.T) {
	for name := range userFields {
		if len(fieldsOf["user"][name]) == 0 {
			t.Errorf("user.%s", name)
		}
	}
	for name := range deviceFields {
		if len(fieldsOf["device"][name]) == 0 {
			t.Errorf("device.%s", name)
		}
	}
}

func TestDetails(t *testing.T) {
	p := plan(t, template.Content{
		Push: &template.PushText{Message: "${user.loginname} ${device.SYSTEM_OEM} ${FLOOR}"},
		SMTP: &template.MailText{Subject: "S", Message: "M", Recipient: "${user.mail};${device.OWNER}"},
	})
	d := p.Details()
	for what, ok := range map[string]bool{
		"domain": slices.Contains(d.User, "domain"), "mail": slices.Contains(d.User, "mail"), "name of who has no address": slices.Contains(d.User, "display_name"),
		"model": slices.Contains(d.Device, "model"), "the device's own property": slices.Contains(d.DeviceProperties, "OWNER"),
		"anybody's property": slices.Contains(d.DeviceProperties, "FLOOR") && slices.Contains(d.UserProperties, "FLOOR"),
	} {
		if !ok {
			t.Errorf("without %s: %+v", what, d)
		}
	}
	if d := plan(t, template.Content{SMS: &template.SMSText{Message: "Hi"}}).Details(); d != nil {
		t.Errorf("a text message looks everywhere: %+v", d)
	}
	if p.Uses(message.SMS) {
		t.Error("it says nothing by text message")
	}
}
