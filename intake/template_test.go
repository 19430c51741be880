package intake_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
)

// mine is a template of the type Ad Hoc that says something by e-mail.
func mine(change func(t *template.Template)) template.Template {
	t := template.Template{Name: "Mine", Type: template.AdHoc, Body: template.Body{
		SMTP: template.MailPart{Active: true, Subject: "Hi", Message: "Hello ${user.displayname}"},
	}}
	if change != nil {
		change(&t)
	}
	return t
}

func (h *house) create(t template.Template) intake.TemplateView {
	h.Helper()
	v, err := h.door.CreateTemplate(h.Context(), admin, t)
	h.must(err)
	return v
}

// states writes the channels of a template as the list shows them: in order, + active, and what is missing.
func states(v intake.TemplateView) string {
	var words []string
	for _, s := range v.Channels {
		word := s.Channel.String()
		if s.Active {
			word += "+"
		}
		for _, lack := range s.Missing {
			word += " " + string(lack)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// TestListOrder: what is correctly configured comes first, as SMTP, SMS, Push; then what is not, with what is missing.
func TestListOrder(t *testing.T) {
	h := onSQLite(t)
	own := h.createLater("Later", func(t *template.Template) { t.Push.Message = "p" })
	look := func(step, jailbroken, unenrolled, later string) {
		t.Helper()
		list, err := h.door.Templates(t.Context())
		h.must(err)
		for id, want := range map[string]string{"jailbroken": jailbroken, "device_unenrolled": unenrolled, own.ID: later} {
			i := slices.IndexFunc(list, func(v intake.TemplateView) bool { return v.ID == id })
			if got := states(list[i]); got != want {
				t.Errorf("%s: %s shows %q, want %q", step, id, got, want)
			}
		}
	}
	look("nothing is set up", "smtp+ no_smtp_server, sms no_sms_gateway, push+ no_push_provider", "smtp+ no_smtp_server, sms+ no_sms_gateway",
		"smtp no_smtp_server no_subject, sms no_sms_gateway no_message, push no_push_provider")
	h.webpush()
	look("push", "push+, smtp+ no_smtp_server, sms no_sms_gateway", "smtp+ no_smtp_server, sms+ no_sms_gateway",
		"push, smtp no_smtp_server no_subject, sms no_sms_gateway no_message")
	relay := h.smtp()
	look("SMTP", "smtp+, push+, sms no_sms_gateway", "smtp+, sms+ no_sms_gateway", "push, smtp no_subject, sms no_sms_gateway no_message")
	h.must(h.door.SetCarrierUse(t.Context(), admin, carrier.NoSMSGateway))
	look("carrier gateways", "smtp+, sms, push+", "smtp+, sms+", "push, smtp no_subject, sms no_message")
	h.must(h.door.DeleteServer(t.Context(), admin, relay.ID))
	look("SMTP is gone", "push+, smtp+ no_smtp_server, sms no_sms_gateway", "smtp+ no_smtp_server, sms+ no_sms_gateway",
		"push, smtp no_smtp_server no_subject, sms no_sms_gateway no_message")
}

// createLater makes a template of which nothing is switched on.
func (h *house) createLater(name string, change func(t *template.Template)) intake.TemplateView {
	h.Helper()
	t := template.Template{Name: name, Type: template.AdHoc}
	change(&t)
	return h.create(t)
}

// TestLifeOfATemplate: from the first refusal to its end, on both databases.
func TestLifeOfATemplate(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.Context()
		_, err := h.door.CreateTemplate(ctx, admin, mine(nil))
		if pointers(err) != "/smtp/active" || !strings.Contains(detail(err, "/smtp/active"), "no SMTP server is active") {
			h.Errorf("without a server: %v", err)
		}
		h.smtp()
		v := h.create(mine(func(t *template.Template) {
			t.Variants = map[string]template.Variant{"fr": {Subject: "Salut", Mail: "Bonjour ${FLOOR}"}, "de": {}}
		}))
		if v.Language != "en" || v.Manual != "" || len(v.Variants) != 1 || len(v.Warnings) != 1 || v.Warnings[0].Pointer != "/variants/fr/smtp/message" {
			h.Errorf("%+v", v)
		}
		if _, err := h.door.CreateTemplate(ctx, admin, mine(nil)); !errors.Is(err, store.ErrConflict) {
			h.Errorf("the same name: %v", err)
		}
		changed := v.Template
		changed.Name, changed.Type, changed.SMTP.Subject = "Ours", "", "Changed"
		v, err = h.door.UpdateTemplate(ctx, admin, v.ID, changed)
		h.must(err)
		if v.Name != "Ours" || v.Type != template.AdHoc || v.SMTP.Subject != "Changed" {
			h.Errorf("%+v", v.Template)
		}
		changed.Type = "jailbroken"
		if _, err := h.door.UpdateTemplate(ctx, admin, v.ID, changed); pointers(err) != "/type" {
			h.Errorf("another type: %v", err)
		}
		byName, err := h.door.Template(ctx, "Ours")
		if h.must(err); byName.ID != v.ID {
			h.Error("it is not found by its name")
		}
		copied, err := h.door.DuplicateTemplate(ctx, admin, v.ID, "")
		h.must(err)
		if copied.Name != "Ours (2)" || copied.ID == v.ID || cmp.Diff(v.Body, copied.Body) != "" {
			h.Errorf("the copy is %+v", copied.Template)
		}
		if _, err := h.door.RestoreTemplate(ctx, admin, v.ID); !errors.Is(err, store.ErrConflict) {
			h.Errorf("restoring one of our own: %v", err)
		}
		h.must(h.door.DeleteTemplate(ctx, admin, v.ID))
		if _, err := h.door.Template(ctx, v.ID); !errors.Is(err, store.ErrNotFound) {
			h.Errorf("after its end: %v", err)
		}
	})
}

// TestPredefined: they are edited, switched off, restored, copied, and never deleted.
func TestPredefined(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.Context()
		v, err := h.door.Template(ctx, "jailbroken")
		h.must(err)
		came := v.Template
		if !v.Predefined || v.Changed || v.Name != "Jailbroken or Rooted" || len(v.Languages()) != 2 || v.SMTP.Recipient != "${user.mail}" {
			h.Fatalf("%+v", v.Template)
		}
		edited := came
		edited.SMTP.Subject, edited.Push.Active, edited.Description, edited.Variants = "Look", false, "ours", nil
		v, err = h.door.UpdateTemplate(ctx, admin, v.ID, edited)
		h.must(err)
		if !v.Changed || v.SMTP.Subject != "Look" || v.Push.Active || len(v.Variants) != 0 {
			h.Errorf("edited: %+v", v.Template)
		}
		h.must(h.store.Migrate(ctx)) // the next start leaves it alone
		if v, err = h.door.Template(ctx, "jailbroken"); err != nil || v.SMTP.Subject != "Look" {
			h.Errorf("after the next start: %+v, %v", v.Template, err)
		}
		v, err = h.door.RestoreTemplate(ctx, admin, v.ID)
		h.must(err)
		if v.Changed || v.SMTP.Subject != came.SMTP.Subject || v.Push.Active || v.Description != "ours" || len(v.Variants) != 2 {
			h.Errorf("restored: %+v", v.Template)
		}
		if err := h.door.DeleteTemplate(ctx, admin, "jailbroken"); !errors.Is(err, store.ErrConflict) {
			h.Errorf("deleting it: %v", err)
		}
		copied, err := h.door.DuplicateTemplate(ctx, admin, "jailbroken", "My own")
		h.must(err)
		if copied.Predefined || copied.SMTP.Active || copied.Type != "jailbroken" || copied.SMTP.Message != came.SMTP.Message {
			h.Errorf("copied while nothing is set up: %+v", copied.Template)
		}
		if _, err := h.door.DuplicateTemplate(ctx, admin, string(template.APNSCertExpiration), ""); pointers(err) != "/type" {
			h.Errorf("a second APNS Cert Expiration: %v", err)
		}
	})
}

// TestSendWithTemplate: what a request comes to, on the channels of the template and in its texts or others.
func TestSendWithTemplate(t *testing.T) {
	onBoth(t, func(h *house) {
		h.smtp()
		h.webpush()
		h.person("ana", "fr")
		h.must(h.org(fleet.Organization{Name: "Contoso", Language: "pt", TimeZone: "Europe/Lisbon"}))
		everybody := fleet.Audience{All: true}
		text := func(s string) *string { return &s }
		for _, c := range []struct {
			name string
			r    intake.Request
			want string // channels, or where it is refused
		}{
			{"by id", intake.Request{Audience: everybody, Template: "jailbroken"}, "push smtp"},
			{"by name", intake.Request{Audience: everybody, Template: "Jailbroken or Rooted"}, "push smtp"},
			{"one channel", intake.Request{Audience: everybody, Template: "jailbroken", Channels: []message.Channel{message.SMTP}}, "smtp"},
			{"not set up", intake.Request{Audience: everybody, Template: "jailbroken", Channels: []message.Channel{message.SMS}}, "/channels"},
			{"no channel of the type", intake.Request{Audience: everybody, Template: "ios_download_link", Channels: []message.Channel{message.SMTP, message.Push}}, "/channels/1"},
			{"of a type for occasions", intake.Request{Audience: everybody, Template: "enrollment_pin"}, "/template"},
			{"with macros for occasions", intake.Request{Audience: everybody, Template: "blocked_by_mail_gateway"}, "/template"},
			{"such macros in another text", intake.Request{Audience: everybody, Template: "jailbroken", Overrides: template.Overrides{Push: &template.PushOverride{Message: text("${outofcompliance.reason(smg_block)}")}}}, "/overrides/push/message"},
			{"ad hoc with such macros", intake.Request{Audience: everybody, Content: template.Content{Push: &template.PushText{Message: "${outofcompliance.reason('smg_block')}"}}}, "/ad_hoc/push/message"},
			{"unknown", intake.Request{Audience: everybody, Template: "nope"}, "/template"},
			{"another text for a channel that is not used", intake.Request{Audience: everybody, Template: "jailbroken", Overrides: template.Overrides{SMS: &template.SMSOverride{Message: text("x")}}}, "/overrides/sms"},
			{"a bad other text", intake.Request{Audience: everybody, Template: "jailbroken", Overrides: template.Overrides{SMTP: &template.MailOverride{Subject: text("${")}}}, "/overrides/smtp/subject"},
			{"no audience", intake.Request{Template: "jailbroken"}, "/audience"},
			{"no audience, and addresses in other texts", intake.Request{Template: "jailbroken", Channels: []message.Channel{message.SMTP}, Overrides: template.Overrides{SMTP: &template.MailOverride{Recipient: text("ops@example.com")}}}, "smtp"},
			{"no audience, ad hoc", intake.Request{Content: template.Content{SMTP: &template.MailText{Subject: "s", Message: "m", Recipient: "ops@example.com"}}}, "/audience"},
		} {
			n, _, err := h.door.Send(h.Context(), admin, c.r, nil)
			got := pointers(err)
			if err == nil {
				got = used(n.Content)
			}
			if got != c.want {
				h.Errorf("%s: %q, want %q (%v)", c.name, got, c.want, err)
			}
		}
		n := h.sent()[len(h.sent())-1]
		if n.Template != "Jailbroken or Rooted" || n.TemplateID != "jailbroken" || n.Content.Language != "pt" || n.Content.TimeZone != "Europe/Lisbon" ||
			!slices.Equal(sortedKeys(n.Content.Variants), []string{"en", "fr"}) || n.Content.Facts["organization.name"] != "Contoso" {
			h.Errorf("the first one: %+v", n)
		}
	})
}

func (h *house) org(o fleet.Organization) error {
	_, err := h.door.SetOrganization(h.Context(), admin, o)
	return err
}

func sortedKeys[V any](m map[string]V) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func used(c template.Content) string {
	var words []string
	if c.Push != nil {
		words = append(words, "push")
	}
	if c.SMTP != nil {
		words = append(words, "smtp")
	}
	if c.SMS != nil {
		words = append(words, "sms")
	}
	return strings.Join(words, " ")
}

// TestSnapshot: what a notification says stays as it was when it was asked for, and a template in use is kept.
func TestSnapshot(t *testing.T) {
	onBoth(t, func(h *house) {
		h.smtp()
		h.person("ana", "")
		v := h.create(mine(nil))
		n, _, err := h.door.Send(h.Context(), admin, intake.Request{Audience: fleet.Audience{All: true}, Template: v.ID, SendAt: start.Add(time.Hour)}, nil)
		h.must(err)
		changed := v.Template
		changed.SMTP.Subject = "Changed"
		_, err = h.door.UpdateTemplate(h.Context(), admin, v.ID, changed)
		h.must(err)
		kept, err := h.store.Notification(h.Context(), access.Everything, n.ID)
		if h.must(err); kept.Content.SMTP.Subject != "Hi" || kept.Template != "Mine" {
			h.Errorf("%+v", kept.Content.SMTP)
		}
		err = h.door.DeleteTemplate(h.Context(), admin, v.ID)
		if !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), string(n.ID)) {
			h.Errorf("deleting what is in use: %v", err)
		}
		if v, err = h.door.Template(h.Context(), v.ID); err != nil || len(v.Uses) != 1 || v.Uses[0].ID != string(n.ID) {
			h.Errorf("used by %+v, %v", v.Uses, err)
		}
		h.must(h.door.Cancel(h.Context(), admin, n.ID))
		h.must(h.door.DeleteTemplate(h.Context(), admin, v.ID))
	})
}

// TestLimitedRoles may not reach addresses that they wrote themselves, and may send a template that holds some.
func TestLimitedRoles(t *testing.T) {
	h := onSQLite(t)
	h.smtp()
	_, err := h.store.PutGroup(t.Context(), access.Everything, fleet.Group{ID: "sales", Name: "Sales"})
	h.must(err)
	g, err := h.store.Group(t.Context(), access.Everything, "sales")
	h.must(err)
	_, err = h.store.PutUser(t.Context(), access.Everything, fleet.User{ID: "ana", Mail: "ana@example.com", Groups: []string{"Sales"}})
	h.must(err)
	limited := access.Actor{Name: "op", Role: access.Operator, Scope: access.Limited(g.Key)}
	v := h.create(mine(func(t *template.Template) { t.SMTP.Recipient = "${user.mail}; desk@example.com" }))
	to, everybody := "x@example.com", fleet.Audience{Groups: []string{"Sales"}}
	for _, c := range []struct {
		r    intake.Request
		want string
	}{
		{intake.Request{Audience: everybody, Template: v.ID}, ""},
		{intake.Request{Audience: everybody, Template: v.ID, Overrides: template.Overrides{SMTP: &template.MailOverride{Recipient: &to}}}, "/overrides/smtp/recipient"},
		{intake.Request{Audience: everybody, Content: template.Content{SMTP: &template.MailText{Subject: "s", Message: "m", Recipient: to}}}, "/ad_hoc/smtp/recipient"},
		{intake.Request{Audience: everybody, Content: template.Content{SMTP: &template.MailText{Subject: "s", Message: "m"}}}, ""},
	} {
		if _, err := h.door.Summary(t.Context(), limited, c.r); pointers(err) != c.want {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
}

func TestPreviewTemplate(t *testing.T) {
	h := onSQLite(t)
	h.person("ana", "fr")
	h.must(h.org(fleet.Organization{Helpdesk: "Desk"}))
	list, err := h.door.PreviewTemplate(t.Context(), admin, template.Template{Type: "block_pending", Body: template.Body{
		Language: "en", SMTP: template.MailPart{Subject: "Until ${action.deadline|date('MMMM')}"}, SMS: template.SMSPart{Message: "${user.displayname} ${user.sn} ${organization.helpdesk}"},
		Variants: map[string]template.Variant{"pt": {Subject: "Até ${action.deadline|date('MMMM')}"}},
	}}, "phone-ana", "")
	h.must(err)
	if len(list) != 2 || list[0].Language != "en" || list[1].Language != "pt" || used(list[0].Content) != "smtp sms" {
		t.Fatalf("%+v", list)
	}
	en, pt := list[0], list[1]
	if en.Content.SMTP.Subject != "Until November" || pt.Content.SMTP.Subject != "Até novembro" || en.Content.SMTP.Recipient != "ana@example.com" ||
		en.Content.SMS.Message != "ana  Desk" || en.Content.SMS.Recipient != "+351910000001" || en.SMS.Parts != 1 {
		t.Errorf("%+v %+v %+v", en.Content.SMTP, en.Content.SMS, pt.Content.SMTP)
	}
	if !slices.Equal(en.Missing, []string{"user.sn"}) || !slices.Equal(en.Samples, []string{"action.deadline"}) {
		t.Errorf("missing %v, made up %v", en.Missing, en.Samples)
	}
	if _, err := h.door.PreviewTemplate(t.Context(), admin, template.Template{Type: template.AdHoc, Body: template.Body{Push: template.PushPart{Message: "${"}}}, "", ""); pointers(err) != "/push/message" {
		t.Errorf("a bad macro: %v", err)
	}
	if _, err := h.door.PreviewTemplate(t.Context(), admin, mine(nil), "nope", ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a device that is not there: %v", err)
	}
}

func TestTestTemplateRefusals(t *testing.T) {
	h := onSQLite(t)
	all := template.Template{Type: template.AdHoc, Body: template.Body{Language: "en", Push: template.PushPart{Message: "p"}, SMTP: template.MailPart{Subject: "s"}}}
	for _, c := range []struct {
		name string
		test intake.TemplateTest
		want string
	}{
		{"no server", intake.TemplateTest{Channel: message.SMTP, To: "a@b.example"}, "/channel"},
		{"a channel that says nothing", intake.TemplateTest{Channel: message.SMS, To: "+351910000001"}, "/channel"},
		{"no device", intake.TemplateTest{Channel: message.Push, To: "no device!"}, "/to"},
		{"another language", intake.TemplateTest{Channel: message.SMTP, To: "a@b.example", Language: "fr"}, "/language"},
	} {
		if _, err := h.door.TestTemplate(t.Context(), admin, all, c.test); pointers(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	h.smtp()
	if _, err := h.door.TestTemplate(t.Context(), admin, all, intake.TemplateTest{Channel: message.SMTP, To: "nobody"}); pointers(err) != "/to" {
		t.Errorf("no address: %v", err)
	}
}

func TestSounds(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.Context()
		casino, err := h.door.CreateSound(ctx, admin, " Casino.wav ")
		h.must(err)
		_, again := h.door.CreateSound(ctx, admin, "Casino.wav")
		_, bad := h.door.CreateSound(ctx, admin, "a/b")
		_, builtIn := h.door.RenameSound(ctx, admin, "default", "x")
		if !errors.Is(again, store.ErrConflict) || pointers(bad) != "/name" || pointers(builtIn) != "/name" || h.door.DeleteSound(ctx, admin, "default") == nil {
			h.Errorf("%v, %v, %v", again, bad, builtIn)
		}
		v := h.createLater("Loud", func(t *template.Template) { t.Push.Sound = "Casino.wav" })
		_, err = h.door.RenameSound(ctx, admin, casino.ID, "Alert")
		h.must(err)
		list, err := h.door.Sounds(ctx)
		h.must(err)
		if len(list) != 2 || list[0].Name != "Default" || !list[0].BuiltIn || list[1].Name != "Alert" {
			h.Errorf("%+v", list)
		}
		if v, err = h.door.Template(ctx, v.ID); err != nil || v.Push.Sound != "Alert" {
			h.Errorf("the template has %q, %v", v.Push.Sound, err)
		}
		if err := h.door.DeleteSound(ctx, admin, casino.ID); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "Loud") {
			h.Errorf("deleting what is in use: %v", err)
		}
		h.must(h.door.DeleteTemplate(ctx, admin, v.ID))
		h.must(h.door.DeleteSound(ctx, admin, casino.ID))
		if _, err := h.door.Sound(ctx, casino.ID); !errors.Is(err, store.ErrNotFound) {
			h.Errorf("after its end: %v", err)
		}
	})
}

func TestOrganization(t *testing.T) {
	h := onSQLite(t)
	o, err := h.door.Organization(t.Context())
	if h.must(err); o != (fleet.Organization{}) || o.Speaks() != "en" || o.TroubleAfter() != 15*time.Minute || o.Location() != time.UTC {
		t.Errorf("at first: %+v", o)
	}
	err = h.org(fleet.Organization{Mail: "x", TimeZone: "Nowhere/City", Language: "?", TroubleMinutes: -1})
	if pointers(err) != "/mail /time_zone /language /trouble_minutes" {
		t.Errorf("%v", err)
	}
	want := fleet.Organization{Name: "Contoso", Helpdesk: "Desk", Mail: "d@example.com", Phone: "12", TimeZone: "Europe/Paris", Language: "fr", TroubleMinutes: 5}
	h.must(h.org(want))
	if o, err = h.door.Organization(t.Context()); err != nil || o != want || o.Location().String() != "Europe/Paris" {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestRenderKnowsTheOrganization: its name, its time zone and its language.
func TestRenderKnowsTheOrganization(t *testing.T) {
	h := onSQLite(t)
	h.alertee("ana", "ana@example.com", "", "")
	h.person("ana", "pt")
	text := "${organization.name 'us'} ${organization.administrators} ${LAST|date('dd MMMM HH:mm')}"
	_, err := h.store.PutUser(t.Context(), access.Everything, fleet.User{ID: "ana", Mail: "ana@example.com", Language: "pt", Properties: map[string]string{"LAST": "2026-08-01T21:00:00Z"}})
	h.must(err)
	for _, c := range []struct {
		o    fleet.Organization
		want string
	}{
		{fleet.Organization{}, "us ana@example.com 01 August 21:00"},
		{fleet.Organization{Name: "Contoso", Language: "fr", TimeZone: "Europe/Paris"}, "Contoso ana@example.com 01 août 23:00"},
	} {
		h.must(h.org(c.o))
		r, err := h.door.Render(t.Context(), admin, text, "", "ana")
		if h.must(err); r.Text != c.want {
			t.Errorf("%q, want %q", r.Text, c.want)
		}
	}
	shown, _, err := h.door.PreviewContent(t.Context(), admin, template.Content{
		Push: &template.PushText{Message: text}, Variants: map[string]template.Variant{"pt": {Push: "Olá, ${organization.name}"}}}, "phone-ana")
	if h.must(err); shown.Push.Message != "Olá, Contoso" {
		t.Errorf("%q", shown.Push.Message)
	}
}
