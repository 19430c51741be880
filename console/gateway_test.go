package console

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/channel"
	"heliograph/channel/vonage"
	"heliograph/intake"
	"heliograph/internal/browsertest"
)

func (f *fixture) gateway(i int) *vonage.Settings {
	f.Helper()
	if i >= len(f.servers.list) {
		f.Fatalf("there are %d servers", len(f.servers.list))
	}
	return f.servers.list[i].Settings.(*vonage.Settings)
}

// texts is the form of an SMS gateway that has all that is required. The first of two values counts.
func texts(more ...string) []string {
	return append(more, "name", "Vonage", "key", "abcd1234", "secret", "hush-hush", "https", "true", "country", "+49",
		"rate_per_second", "30", "rate_per_second_us", "1", "signature_method", "md5", "retries", "5", "timeout_seconds", "30")
}

const newGateway = "/settings/servers/new?kind=sms"

func callbackOf(server string) string { return "https://push.example.com/hooks/vonage/of-" + server }

func TestSMSGatewayIsAddedShownAndChanged(t *testing.T) {
	f := signedIn(t, func(o *Options) { o.Callback = callbackOf })
	f.post("/settings/servers/new?kind=smtp", http.StatusOK, office()...)
	page := f.get("/settings/servers", http.StatusOK)
	items := page.find(".drop-menu .menu-item")
	if len(items) < 2 || items[0].words() != "SMTP Server" || items[1].words() != "SMS Gateway" || items[1].attr["href"] != newGateway {
		t.Fatalf("the Add menu has %d entries", len(items))
	}
	page = f.get(newGateway, http.StatusOK)
	f.wantTitle(page, "Add SMS Gateway")
	if countries := page.find("#country option"); len(countries) < 200 || countries[0].words() != "Afghanistan +93" {
		t.Errorf("%d countries, the first %q", len(countries), countries[0].words())
	}
	if got := page.one(t, "#country option[selected]").words(); got != "Afghanistan +93" {
		t.Errorf("the country of a new one is %q", got)
	}
	if got := page.one(t, "#callback").words(); !strings.Contains(got, "as soon as this is saved") {
		t.Errorf("status reports: %q", got)
	}

	page = f.post(newGateway, http.StatusOK, texts("virtual_number", "12025550100", "country", "+44")...)
	if row := page.find("tbody tr")[1].words(); !strings.Contains(row, "SMS Gateway") || !strings.Contains(row, "rest.nexmo.com") || !strings.Contains(row, "Active") {
		t.Errorf("the list shows %q", row)
	}
	if got := f.gateway(1); got.Key != "abcd1234" || got.Secret != "hush-hush" || !got.HTTPS || got.Country != "+44" || got.VirtualNumber != "12025550100" {
		t.Errorf("stored %+v", got)
	}
	page = f.get("/settings/servers/server-1", http.StatusOK)
	if got := page.one(t, "#country option[selected]").words(); got != "United Kingdom +44" {
		t.Errorf("the country is %q", got)
	}
	if got := page.one(t, "#callback").attr["value"]; got != "https://push.example.com/hooks/vonage/of-server-1" {
		t.Errorf("reports come to %q", got)
	}
	if strings.Contains(page.text.String(), "hush") || page.one(t, "#secret").attr["value"] != "" {
		t.Error("the secret is shown")
	}
	f.gateway(1).Country = "+1"
	if got := f.get("/settings/servers/server-1", http.StatusOK).one(t, "#country option[selected]").words(); got != "United States +1" {
		t.Errorf("+1 is known as %q", got)
	}
}

func TestSMSGatewayFormPlacesProblems(t *testing.T) {
	f := signedIn(t)
	for field, c := range map[string]struct{ value, words string }{
		"key":             {"", "Enter the key"},
		"virtual_number":  {"+1 202 555 0100", "digits"},
		"country":         {"+999", "country"},
		"sender":          {"too long a name", "sender"},
		"rate_per_second": {"fast", "whole number"},
		"timeout_seconds": {"601", "between 1 and 600"},
		"endpoint":        {"ftp://sms.example.com", "https://"},
	} {
		page := f.post(newGateway, http.StatusUnprocessableEntity, texts(field, c.value)...)
		if got := page.one(t, "#"+field+"-problem").words(); !strings.Contains(got, c.words) {
			t.Errorf("%s: beside the field stands %q", field, got)
		}
	}
	page := f.post(newGateway, http.StatusUnprocessableEntity, texts("country", "+999")...)
	if got := page.one(t, "#country option[selected]").words(); got != "+999" {
		t.Errorf("what was chosen comes back as %q", got)
	}
}

// HTTPS can be switched off only by somebody who was warned.
func TestHTTPSIsOffOnlyAfterAWarning(t *testing.T) {
	f := signedIn(t)
	page := f.post(newGateway, http.StatusUnprocessableEntity, texts("https", "")...)
	if got := page.one(t, "#https-problem").words(); !strings.Contains(got, "Read the warning") {
		t.Errorf("beside the switch stands %q", got)
	}
	warning := page.one(t, ".risk")
	if _, off := warning.attr["data-off"]; off || !strings.Contains(warning.words(), "readable for anybody") {
		t.Errorf("the warning: off %v, %q", off, warning.words())
	}
	f.servers.report = channel.Report{OK: true}
	page = f.post("/settings/servers/new/test?kind=sms", http.StatusOK, texts("https", "", "to", "+12025550123")...)
	if f.servers.tested != nil || !strings.Contains(page.one(t, ".problem-list").words(), "Read the warning") {
		t.Error("it is tested without a word")
	}
	f.post(newGateway, http.StatusOK, texts("https", "", "accept_https", "true")...)
	if f.gateway(0).HTTPS {
		t.Error("it is on")
	}
	page = f.get("/settings/servers/server-0", http.StatusOK)
	if _, accepted := page.one(t, "[name=accept_https]").attr["checked"]; !accepted {
		t.Error("it has to be confirmed each time")
	}
	if _, off := f.get(newGateway, http.StatusOK).one(t, ".risk").attr["data-off"]; !off {
		t.Error("the warning is there while HTTPS is on")
	}
}

func TestSMSGatewayIsTested(t *testing.T) {
	f := signedIn(t)
	f.servers.report = channel.Report{Steps: []channel.Step{{Name: "number", OK: true, Detail: "+12025550123"}, {Name: "authenticate"}}, Detail: "Vonage refused the key and secret."}
	page := f.post("/settings/servers/new/test?kind=sms", http.StatusOK, texts("to", " (202) 555-0123 ")...)
	if f.servers.to != "(202) 555-0123" || len(f.servers.list) != 0 {
		t.Errorf("sent to %q, %d servers stored", f.servers.to, len(f.servers.list))
	}
	if got := page.find(".steps-list li"); len(got) != 2 || got[0].one(t, ".step-name").words() != "Read the number" {
		t.Errorf("%d steps", len(got))
	}
	f.servers.refuse = &intake.Refused{Problems: []intake.Problem{{Pointer: "/to", Detail: "is not a telephone number: write it with its country"}}}
	page = f.post("/settings/servers/new/test?kind=sms", http.StatusOK, texts("to", "nobody")...)
	if got := page.one(t, ".problem-list").words(); !strings.Contains(got, "Mobile number is not a telephone number") {
		t.Errorf("it says %q", got)
	}
}

// TestSMSGatewayInABrowser adds a gateway, tests it, makes another active and deletes it, as a person would.
func TestSMSGatewayInABrowser(t *testing.T) {
	f := signedIn(t)
	f.servers.report = channel.Report{OK: true, Steps: []channel.Step{{Name: "number", OK: true}}}
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, shotTime)
		defer cancel()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatal(err)
		}
	}
	type css = chromedp.CSS
	if err := browsertest.View(ctx, 1280, 1000, false); err != nil {
		t.Fatal(err)
	}
	add := func(name string) {
		t.Helper()
		do(browsertest.Visit(f.url+"/enter/let-me-in?next=/settings/servers"),
			chromedp.Click(css(".nothing a[href$='kind=sms'], .drop summary")))
		if len(f.servers.list) > 0 {
			do(chromedp.Click(css(".drop-menu a[href$='kind=sms']")))
		}
		do(chromedp.WaitVisible(css("#secret")),
			chromedp.SendKeys(css("#name"), name), chromedp.SendKeys(css("#key"), "abcd1234"), chromedp.SendKeys(css("#secret"), "hush-hush"))
	}

	add("First")
	do(chromedp.Click(css("#https")), chromedp.WaitVisible(css(".risk")), // the warning comes at once,
		chromedp.Click(css("#https")), chromedp.WaitNotVisible(css(".risk")), // and goes
		chromedp.Click(css(".form-foot button[popovertarget=test]")), chromedp.WaitVisible(css("#to")),
		chromedp.SendKeys(css("#to"), "+1 202 555 0123\r"), chromedp.WaitVisible(css("#test-result .steps-list")),
		chromedp.Click(css("#test button[popovertargetaction=hide]")),
		chromedp.Click(css(".form-foot button.btn-primary")), chromedp.WaitVisible(css(".flash")))
	if f.servers.to != "+1 202 555 0123" || f.gateway(0).Secret != "hush-hush" || f.gateway(0).Country != "+93" || !f.gateway(0).HTTPS {
		t.Errorf("tested with %q, stored %+v", f.servers.to, f.gateway(0))
	}
	add("Second")
	do(chromedp.Click(css(".form-foot button.btn-primary")), chromedp.WaitVisible(css("button[popovertarget=activate-server-1]")),
		chromedp.Click(css("button[popovertarget=activate-server-1]")),
		chromedp.Click(css("#activate-server-1 button[type=submit]")), chromedp.WaitVisible(css("button[popovertarget=activate-server-0]")))
	if f.servers.list[0].Active || !f.servers.list[1].Active {
		t.Error("the second is not the active one")
	}
	do(chromedp.Click(css("button[popovertarget=delete-server-1]")),
		chromedp.Click(css("#delete-server-1 button[type=submit]")), chromedp.WaitNotPresent(css("a[href$='server-1']")))
	if len(f.servers.list) != 1 {
		t.Errorf("%d servers are left", len(f.servers.list))
	}
	wantQuiet(ctx, t, messages)
}

// TestTextIsMeasuredWhileItIsWritten: the count follows the keys.
func TestTextIsMeasuredWhileItIsWritten(t *testing.T) {
	h := newHouse(t)
	h.servers("sms")
	h.device("a")
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	size := func(want string) chromedp.Action[chromedp.Void] {
		return chromedp.WaitVisible(chromedp.Search("//*[@id='sms-size']/p[contains(., '" + want + "')]"))
	}
	h.must(browsertest.View(ctx, 1280, 1000, false))
	h.must(chromedp.Do(ctx,
		browsertest.Visit(h.url+"/enter/let-me-in?next=/notify"),
		chromedp.Click(chromedp.CSS("#sms")), chromedp.WaitVisible(chromedp.CSS("#sms_message")), size("0 characters"),
		chromedp.SendKeys(chromedp.CSS("#sms_message"), "Hello"), size("5 characters · 1 SMS · 155 more fit"),
		chromedp.SendKeys(chromedp.CSS("#sms_message"), " ✓"), size("7 characters · 1 SMS · 63 more fit"),
	))
	wantQuiet(ctx, t, messages)
}
