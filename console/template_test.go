package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/internal/browsertest"
	"heliograph/message"
	"heliograph/template"
)

type anyTemplates = Templates

// fakeTemplates is an installation without a template, for pages that only count them.
type fakeTemplates struct{ anyTemplates }

func (*fakeTemplates) Templates(context.Context) ([]intake.TemplateView, error) { return nil, nil }
func (*fakeTemplates) Sounds(context.Context) ([]template.Sound, error)         { return nil, nil }
func (*fakeTemplates) Organization(context.Context) (o fleet.Organization, err error) {
	return o, nil
}
func (*fakeTemplates) Channels(context.Context) (map[message.Channel]bool, error) { return nil, nil }

// typedTemplate is the form of an Ad Hoc template, changed by name, value, …
func typedTemplate(change ...string) []string {
	form := []string{"type", "ad_hoc", "name", "Maintenance", "language", "en", "push_message", "Tonight, ${user.givenname}",
		"smtp_subject", "Maintenance", "smtp_message", "Dear ${user.displayname}", "smtp_recipient", "${user.mail}"}
	for i := 0; i < len(change); i += 2 {
		if at := slices.Index(form, change[i]); at >= 0 && at%2 == 0 {
			form[at+1] = change[i+1]
			continue
		}
		form = append(form, change[i], change[i+1])
	}
	return form
}

func (h *house) template(name string) template.Template {
	h.Helper()
	v, err := h.door.Template(h.Context(), name)
	h.must(err)
	return v.Template
}

func TestTemplateListSaysWhatIsMissing(t *testing.T) {
	h := newHouse(t)
	row := func() *element {
		t.Helper()
		for _, r := range h.get(templatesPath, http.StatusOK).find("tbody tr") {
			if strings.HasPrefix(r.words(), "Jailbroken or Rooted") {
				return r
			}
		}
		t.Fatal("the list lacks Jailbroken or Rooted")
		return nil
	}
	channels := func() (list []string) {
		for _, one := range row().find(".template-channels .channel-word") {
			list = append(list, one.words())
		}
		return list
	}
	if lack := row().one(t, ".template-channels").words(); !strings.Contains(lack, "No SMTP server is active") || !strings.Contains(lack, "No push provider is set up") {
		t.Errorf("nothing is set up, and it says %q", lack)
	}
	if got := channels(); !slices.Equal(got, []string{"E-mail", "SMS", "Push"}) {
		t.Errorf("channels stand as %q", got)
	}
	h.servers() // SMTP and push, no SMS
	if got := channels(); !slices.Equal(got, []string{"E-mail", "Push", "SMS"}) {
		t.Errorf("what is configured does not stand first: %q", got)
	}
	if n := len(h.get(templatesPath, http.StatusOK).find("tbody tr")); n != len(template.Types())-1 {
		t.Errorf("%d templates are there at first, want one of each type but Ad Hoc", n)
	}
}

// TestTemplateLife adds a template, changes it, copies it and deletes it.
func TestTemplateLife(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	types := h.get(templatesPath+"/new", http.StatusOK)
	if n := len(types.find("a.link-card")); n != len(template.Types())-1 { // APNS Cert Expiration cannot be added
		t.Errorf("%d types are offered", n)
	}
	form := h.get(templatesPath+"/new?type=jailbroken", http.StatusOK)
	if got := form.one(t, "#smtp_recipient").attr["value"]; got != "${user.mail}" {
		t.Errorf("Recipient is filled in with %q", got)
	}
	if form := h.get(templatesPath+"/new?type=ad_hoc", http.StatusOK); form.one(t, "#smtp_recipient").attr["value"] != "" {
		t.Error("an Ad Hoc template has a recipient")
	}
	page := h.post(templatesPath+"/new", http.StatusOK, typedTemplate("push", "on", "smtp", "on")...)
	page.one(t, ".alert-success")
	one := h.template("Maintenance")
	if !one.Push.Active || !one.SMTP.Active || one.SMS.Active || one.SMTP.Message != "Dear ${user.displayname}" {
		t.Errorf("stored %+v", one.Body)
	}

	path := templatePath(one.ID)
	h.post(path, http.StatusOK, typedTemplate("push", "on", "name", "Repairs", "push_message", "Tomorrow", "variant", "fr", "in_fr_push", "Demain")...)
	if one = h.template("Repairs"); one.Push.Message != "Tomorrow" || one.SMTP.Active || one.Variants["fr"].Push != "Demain" {
		t.Errorf("changed to %+v", one.Body)
	}
	copied := h.post(path+"/duplicate", http.StatusOK)
	if got := copied.one(t, "#name").attr["value"]; got != "Repairs (2)" {
		t.Errorf("the copy is called %q", got)
	}
	h.post(path+"/delete", http.StatusOK).one(t, ".alert-success")
	h.get(path, http.StatusNotFound)
}

func TestTemplateFormComesBackWithWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	h.servers()
	for _, c := range []struct {
		name, field, want string
		change            []string
	}{
		{"no name", "name", "Name is required", []string{"name", " "}},
		{"nothing to say", "push_message", "required while the channel is active", []string{"push", "on", "push_message", ""}},
		{"no subject", "smtp_subject", "required while the channel is active", []string{"smtp", "on", "smtp_subject", ""}},
		{"a channel that is not set up", "sms", "cannot be activated", []string{"sms", "on", "sms_message", "x"}},
		{"a macro that does not end", "smtp_message", "${", []string{"smtp_message", "Dear ${user.mail"}},
		{"an unknown function", "push_message", "uper", []string{"push_message", "${user.mail|uper}"}},
		{"a recipient that is none", "smtp_recipient", "no mail address", []string{"smtp_recipient", "ana"}},
		{"a macro in another language", "in_fr_push", "${", []string{"variant", "fr", "in_fr_push", "Bonjour ${user.mail"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := h.post(templatesPath+"/new", http.StatusUnprocessableEntity, typedTemplate(c.change...)...)
			if got := page.one(t, "#"+c.field+"-problem").words(); !strings.Contains(got, c.want) {
				t.Errorf("beside %s it says %q", c.field, got)
			}
			if page.one(t, "#smtp_subject").attr["value"] != "Maintenance" && c.field != "smtp_subject" {
				t.Error("what was typed is lost")
			}
		})
	}
	h.post(templatesPath+"/new", http.StatusOK, typedTemplate()...)
	page := h.post(templatesPath+"/new", http.StatusConflict, typedTemplate()...)
	if got := page.one(t, "#name-problem").words(); got != "Another template has this name." {
		t.Errorf("of a name that is taken it says %q", got)
	}
	h.post(templatesPath+"/new", http.StatusUnprocessableEntity, typedTemplate("type", "apns_cert_expiration", "name", "Second")...)
	h.post(templatesPath+"/new", http.StatusBadRequest, typedTemplate("type", "none")...)
}

// TestPredefinedTemplate: it can be changed and restored, and neither its type nor itself goes.
func TestPredefinedTemplate(t *testing.T) {
	h := newHouse(t)
	h.servers()
	path := templatePath("jailbroken")
	form := h.get(path, http.StatusOK)
	if len(form.find("button[popovertarget=delete-jailbroken]")) > 0 {
		t.Error("it can be deleted")
	}
	before := h.template("jailbroken")
	page := h.post(path, http.StatusOK, "type", "jailbroken", "name", before.Name, "language", before.Language, "smtp", "on", "smtp_subject", "Give it back", "smtp_recipient", "boss@example.com")
	if got := page.words(); !strings.Contains(got, "not recommended") {
		t.Error("nobody is warned that Recipient was changed")
	}
	if after := h.template("jailbroken"); after.SMTP.Subject != "Give it back" || after.Push.Message != "" || !after.Changed {
		t.Errorf("stored %+v", after.Body)
	}
	h.post(path+"/restore", http.StatusOK).one(t, ".alert-success")
	if after := h.template("jailbroken"); after.SMTP.Subject != before.SMTP.Subject || after.SMTP.Recipient != before.SMTP.Recipient || !after.SMTP.Active {
		t.Errorf("restored to %+v", after.Body)
	}
	h.post(path+"/delete", http.StatusOK).one(t, ".alert-danger")
	h.template("jailbroken")
}

// TestManualSendingIsShown: by type, and by macros in both spellings.
func TestManualSendingIsShown(t *testing.T) {
	h := newHouse(t)
	h.servers()
	hint := func(form ...string) string {
		t.Helper()
		return h.post(templatesPath+"/new/again", http.StatusOK, typedTemplate(form...)...).one(t, "#manual").words()
	}
	for want, form := range map[string][]string{
		"Manual sending supported":             nil,
		"Manual sending not supported: a text": {"push_message", "${outofcompliance.reason(whitelist_blacklist_apps_name)}"},
		"not supported: a text":                {"smtp_subject", "${outofcompliance.reason(smg_block)}"},
		"supported: the system sends":          {"type", "device_unenrolled"},
	} {
		if got := hint(form...); !strings.Contains(got, want) {
			t.Errorf("%v: it says %q", form, got)
		}
	}
}

func TestTemplatePreview(t *testing.T) {
	h := newHouse(t)
	h.servers("sms")
	h.device("a")
	part := h.post(templatesPath+"/new/preview", http.StatusOK, typedTemplate("preview_device", "a", "variant", "fr", "in_fr_push", "Ce soir, ${user.givenname}", "preview_language", "fr")...)
	if got := part.one(t, ".bubble").words(); !strings.Contains(got, "Ce soir, Given a") {
		t.Errorf("in French the phone shows %q", got)
	}
	if got := part.one(t, ".letter").words(); !strings.Contains(got, "Dear Person a") {
		t.Errorf("the mail reads %q", got)
	}
	part = h.post(templatesPath+"/new/preview", http.StatusOK, typedTemplate("push_message", "${user.mail")...)
	if got := part.words(); !strings.Contains(got, "Message") || len(part.find(".bubble")) > 0 {
		t.Errorf("of a text with a fault it says %q", got)
	}
	size := h.post(templatesPath+"/new/size", http.StatusOK, typedTemplate("sms_message", "Hello ${user.givenname}", "preview_device", "a")...)
	if got := size.words(); !strings.Contains(got, "13 characters · 1 SMS") {
		t.Errorf("the text takes %q", got)
	}
	page := h.post(templatesPath+"/new/again", http.StatusOK, typedTemplate("add", "1", "add_language", "de")...)
	page.one(t, "#in_de_subject")
	page = h.post(templatesPath+"/new/again", http.StatusOK, typedTemplate("variant", "de", "in_de_sms", "Hallo", "remove", "de")...)
	if len(page.find("#in_de_subject")) > 0 {
		t.Error("the language is still there")
	}
}

// TestSetUpDetour: who sets up a server for a half-written template comes back to it as it was.
func TestSetUpDetour(t *testing.T) {
	h := newHouse(t)
	form := h.get(templatesPath+"/new?type=ad_hoc", http.StatusOK)
	if len(form.find("#set-up button[name=set_up]")) != 2 {
		t.Error("nobody is asked to set up SMTP and SMS")
	}
	if _, off := form.one(t, "#smtp").attr["disabled"]; !off {
		t.Error("e-mail can be activated")
	}
	page := h.post(templatesPath+"/new/draft", http.StatusOK, typedTemplate("set_up", "smtp", "variant", "fr", "in_fr_subject", "Entretien")...)
	h.wantTitle(page, "Add SMTP Server")
	back := page.one(t, ".alert-info a").attr["href"]
	page = h.post("/settings/servers/new?kind=smtp", http.StatusOK, "name", "mail")
	if page.one(t, "#name").attr["value"] != "Maintenance" || page.one(t, "#in_fr_subject").attr["value"] != "Entretien" {
		t.Error("the template came back otherwise than it was left")
	}
	if _, off := page.one(t, "#smtp").attr["disabled"]; off {
		t.Error("e-mail still cannot be activated")
	}
	if again := h.get(back, http.StatusOK); again.one(t, "#name").attr["value"] != "" {
		t.Error("the draft is used twice")
	}
	if list := h.get("/settings/servers", http.StatusOK); len(list.find(".alert-info")) > 0 {
		t.Error("it still says that a template waits")
	}
}

func TestTemplateIsTried(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a")
	page := h.post(templatesPath+"/new/test", http.StatusOK, typedTemplate("test_channel", "smtp", "test_to_smtp", "me@example.com", "preview_device", "a")...)
	page.one(t, ".alert-success")
	got := h.peers.received()
	if len(got) != 1 || got[0].Address != "me@example.com" || got[0].Text != "Dear Person a" {
		t.Errorf("sent %+v", got)
	}
	for want, form := range map[string][]string{
		"Enter":                {"test_channel", "smtp"},
		"Choose a channel":     {},
		"no active server":     {"test_channel", "sms", "test_to_sms", "+351912345678", "sms_message", "x"},
		"not the id":           {"test_channel", "push", "test_to_push", "not an id"},
		"says nothing":         {"test_channel", "smtp", "test_to_smtp", "me@example.com", "smtp_subject", "", "smtp_message", ""},
		"with a live push tok": {"test_channel", "push", "test_to_push", "nobody"},
	} {
		page := h.post(templatesPath+"/new/test", http.StatusOK, typedTemplate(form...)...)
		if got := page.one(t, ".alert-danger").words(); !strings.Contains(got, want) {
			t.Errorf("%v: it says %q", form, got)
		}
	}
}

func TestOrganization(t *testing.T) {
	h := newHouse(t)
	page := h.post(organizationPath, http.StatusUnprocessableEntity, "name", "Hospital", "mail", "nobody", "time_zone", "Mars/Olympus", "language", "en", "trouble_minutes", "soon")
	for _, field := range []string{"mail", "time_zone", "trouble_minutes"} {
		page.one(t, "#"+field+"-problem")
	}
	if page.one(t, "#name").attr["value"] != "Hospital" || page.one(t, "#trouble_minutes").attr["value"] != "soon" {
		t.Error("what was typed is lost")
	}
	h.post(organizationPath, http.StatusOK, "name", "Hospital", "mail", "desk@example.com", "time_zone", "Europe/Lisbon", "language", "pt", "trouble_minutes", "5").one(t, ".alert-success")
	o, err := h.door.Organization(h.Context())
	h.must(err)
	if o.Name != "Hospital" || o.Speaks() != "pt" || o.TimeZone != "Europe/Lisbon" || o.TroubleMinutes != 5 {
		t.Errorf("stored %+v", o)
	}
	if got := h.get(organizationPath, http.StatusOK).one(t, "#language option[selected]").attr["value"]; got != "pt" {
		t.Errorf("it shows %q", got)
	}
}

func TestSounds(t *testing.T) {
	h := newHouse(t)
	h.servers()
	page := h.post(soundsPath, http.StatusOK, "name", "chime.caf")
	page.one(t, ".alert-success")
	h.post(soundsPath, http.StatusConflict, "name", "chime.caf").one(t, "#name-problem")
	h.post(soundsPath, http.StatusUnprocessableEntity, "name", "../etc/passwd").one(t, "#name-problem")
	list, err := h.door.Sounds(h.Context())
	h.must(err)
	id := list[1].ID
	h.post(soundPath(id), http.StatusUnprocessableEntity, "name", "default").one(t, "#name-"+id+"-problem")
	h.post(soundPath(id), http.StatusOK, "name", "bell.caf")
	h.post(templatesPath+"/new", http.StatusOK, typedTemplate("push_sound", "bell.caf")...)
	h.post(soundPath(id)+"/delete", http.StatusOK).one(t, ".alert-danger")
	h.must(h.door.DeleteTemplate(h.Context(), access.Actor{Name: "test", Role: access.Administrator, Scope: everything}, h.template("Maintenance").ID))
	h.post(soundPath(id)+"/delete", http.StatusOK).one(t, ".alert-success")
	h.post(soundPath("default")+"/delete", http.StatusOK).one(t, ".alert-danger")
}

// TestTemplateInABrowser: the dialog opens, Later closes it, the preview follows what is typed, the picker inserts.
func TestTemplateInABrowser(t *testing.T) {
	h := newHouse(t)
	h.device("a")
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	type css = chromedp.CSS
	says := func(text string) chromedp.Action[chromedp.Void] {
		return chromedp.WaitVisible(chromedp.Search("//*[@id='preview']//*[contains(text(), '" + text + "')]"))
	}
	h.must(browsertest.View(ctx, 1280, 1000, false))
	h.must(chromedp.Do(ctx,
		browsertest.Visit(h.url+"/enter/let-me-in?next="+url.QueryEscape(templatesPath+"/new?type=ad_hoc")),
		chromedp.WaitVisible(css("#set-up")),
		chromedp.Click(css("#set-up [popovertargetaction=hide]")), chromedp.WaitNotVisible(css("#set-up")),
		chromedp.SendKeys(css("#name"), "Typed"),
		chromedp.SendKeys(css("#push_message"), "Hello "),
		chromedp.Click(chromedp.Search("//button[@class='macro'][code[.='${user.givenname}']]")),
		says("Hello Given a"),
		chromedp.Click(css("#languages button[name=add]")), chromedp.WaitVisible(css("details.variant[open]")),
		chromedp.Click(css(".compose-foot button[type=submit]")), chromedp.WaitVisible(css(".flash")),
	))
	if one := h.template("Typed"); one.Push.Message != "Hello ${user.givenname}" {
		t.Errorf("stored %q", one.Push.Message)
	}
	wantQuiet(ctx, t, messages)
}
