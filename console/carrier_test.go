package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/internal/browsertest"
	"heliograph/store"
)

// fakeCarriers keeps gateways as the door does: a carrier has a domain once, and what comes in is checked.
type fakeCarriers struct {
	list []carrier.Gateway
	seen []carrier.Seen
	use  carrier.Use
	made int
}

func (f *fakeCarriers) Carriers(context.Context) ([]carrier.Gateway, error) {
	return slices.Clone(f.list), nil
}

func (f *fakeCarriers) at(id string) int {
	return slices.IndexFunc(f.list, func(g carrier.Gateway) bool { return g.ID == id })
}

func (f *fakeCarriers) Carrier(_ context.Context, id string) (carrier.Gateway, error) {
	if i := f.at(id); i >= 0 {
		return f.list[i], nil
	}
	return carrier.Gateway{}, store.ErrNotFound
}

func (f *fakeCarriers) CreateCarrier(_ context.Context, _ access.Actor, g carrier.Gateway) (carrier.Gateway, error) {
	g.ID = fmt.Sprint("g", f.made)
	return f.put(g, true)
}

func (f *fakeCarriers) UpdateCarrier(_ context.Context, _ access.Actor, id string, g carrier.Gateway) (carrier.Gateway, error) {
	g.ID = id
	return f.put(g, f.list[f.at(id)].Domain != "")
}

func (f *fakeCarriers) put(g carrier.Gateway, domain bool) (carrier.Gateway, error) {
	g = g.Tidy()
	refused := &intake.Refused{}
	for _, p := range g.Check() {
		refused.Problems = append(refused.Problems, intake.Problem{Pointer: "/" + p.Field, Detail: p.Detail})
	}
	if domain && g.Domain == "" {
		refused.Problems = append(refused.Problems, intake.Problem{Pointer: "/domain", Detail: "is required"})
	}
	if len(refused.Problems) > 0 {
		return g, refused
	}
	for _, other := range f.list {
		if other.ID != g.ID && other.Serves(g.Carrier) && other.Domain == g.Domain {
			return g, fmt.Errorf("taken: %w", store.ErrConflict)
		}
	}
	if i := f.at(g.ID); i >= 0 {
		f.list[i] = g
	} else {
		f.list, f.made = append(f.list, g), f.made+1
	}
	return g, nil
}

func (f *fakeCarriers) DeleteCarrier(_ context.Context, _ access.Actor, id string) error {
	f.list = slices.Delete(f.list, f.at(id), f.at(id)+1)
	return nil
}

func (f *fakeCarriers) DetectCarriers(context.Context, access.Actor) (carrier.Detection, error) {
	return carrier.Detect(f.seen, f.list, testTime), nil
}

func (f *fakeCarriers) CarrierUse(context.Context) (carrier.Use, error) {
	if f.use == "" {
		return carrier.Never, nil
	}
	return f.use, nil
}

func (f *fakeCarriers) SetCarrierUse(_ context.Context, _ access.Actor, use carrier.Use) error {
	if !use.Known() {
		return &intake.Refused{Problems: []intake.Problem{{Pointer: "/carrier_gateway_use", Detail: "must be another"}}}
	}
	f.use = use
	return nil
}

// furnishCarriers is a table as it begins, but for Verizon, and a fleet that names a few carriers.
func furnishCarriers(f *fixture) {
	for i, g := range carrier.Known() {
		if g.Carrier == "Verizon" && g.Domain == "vtext.com" {
			continue
		}
		if g.Domain == "vzwpix.com" {
			g.Carrier = "Fabrikam" // a gateway that ends
		}
		g.ID = fmt.Sprint("known-", i)
		f.carriers.list = append(f.carriers.list, g)
	}
	good := carrier.Gateway{Carrier: "Adatum", Domain: "sms.adatum.example", Country: "+351", Prefix: "sms."}
	if _, err := f.carriers.CreateCarrier(f.Context(), access.Actor{}, good); err != nil {
		f.Fatal(err)
	}
	f.carriers.seen = []carrier.Seen{{Carrier: "Verizon", Devices: 204}, {Carrier: "Contoso", Devices: 31}, {Carrier: "AT&T", Devices: 120}, {Carrier: "Orange", Devices: 12}, {Carrier: "Adatum", Devices: 9}}
}

// rowOf is the line of a gateway in the table.
func (f *fixture) rowOf(page *element, words ...string) *element {
	f.Helper()
	for _, row := range page.find("tbody tr") {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(row.words(), w) }) {
			return row
		}
	}
	f.Fatalf("no line holds %q", words)
	return nil
}

func TestCarrierTable(t *testing.T) {
	f := signedIn(t)
	page := f.get(carriersPath, http.StatusOK)
	page.one(t, ".nothing")
	furnishCarriers(f)
	page = f.get(carriersPath, http.StatusOK)
	f.wantTitle(page, "Carrier SMS Gateway")
	for _, c := range []struct {
		line       []string
		pill, word string
	}{
		{[]string{"AT&T", "txt.att.net", "+1", "since 17 Jun 2025"}, "pill-bad", "Closed"},
		{[]string{"Fabrikam", "vzwpix.com", "on 31 Mar 2027"}, "pill-warn", "Ending"},
		{[]string{"T-Mobile", "tmomail.net", "lose messages"}, "pill-warn", "Doubtful"},
		{[]string{"Sprint", "retired"}, "pill-still", "No domain"},
		{[]string{"Adatum", "sms.adatum.example", "+351", "sms."}, "pill-good", "Usable"},
	} {
		if pill := f.rowOf(page, c.line...).one(t, ".pill"); !pill.has("."+c.pill) || pill.words() != c.word {
			t.Errorf("%s shows %s %q", c.line[0], pill.attr["class"], pill.words())
		}
	}
	row := f.rowOf(page, "AT&T", "txt.att.net")
	id := strings.TrimPrefix(row.one(t, ".table-name").attr["href"], carriersPath+"/")
	if form := row.one(t, ".ask form"); form.attr["action"] != carrierPath(id)+"/delete" || !strings.Contains(row.one(t, ".ask").words(), "txt.att.net") {
		t.Errorf("the question goes to %s: %s", form.attr["action"], row.one(t, ".ask").words())
	}
	before := len(f.carriers.list)
	page = f.post(carrierPath(id)+"/delete", http.StatusOK)
	if got := page.one(t, ".flash").words(); got != "The gateway of AT&T was deleted." || len(f.carriers.list) != before-1 || f.carriers.at(id) >= 0 {
		t.Errorf("it says %q, and %d of %d are left", got, len(f.carriers.list), before)
	}
	f.post(carrierPath(id)+"/delete", http.StatusNotFound)
	f.get(carrierPath(id), http.StatusNotFound)
}

func TestCarrierIsAddedAndChanged(t *testing.T) {
	f := signedIn(t)
	page := f.get(carriersPath+"/new", http.StatusOK)
	f.wantTitle(page, "Add a carrier gateway")
	if options := page.find("#country option"); len(options) < 200 || options[1].words() != "Afghanistan +93" || len(page.find("#country option[selected]")) != 0 {
		t.Errorf("%d countries", len(options))
	}
	page = f.post(carriersPath+"/new", http.StatusOK, "carrier", " Contoso ", "domain", "SMS.contoso.example", "country", "+1", "prefix", "sms.", "ends_on", "2026-06-30", "doubtful", "true", "note", "a\r\nb")
	if got := page.one(t, ".flash").words(); got != "The gateway of Contoso was added." {
		t.Errorf("it says %q", got)
	}
	want := carrier.Gateway{
		ID: "g0", Carrier: "Contoso", Domain: "sms.contoso.example", Country: "+1", Prefix: "sms.", EndsOn: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC), Doubtful: true, Note: "a\nb",
	}
	if f.carriers.list[0] != want {
		t.Errorf("stored %+v", f.carriers.list[0])
	}
	page = f.get(carrierPath("g0"), http.StatusOK)
	f.wantTitle(page, "Contoso")
	if got := page.one(t, "#country option[selected]").words(); got != "United States +1" {
		t.Errorf("the country is %q", got)
	}
	if got := page.one(t, ".alert-warning").words(); !strings.Contains(got, "30 Jun 2026") {
		t.Errorf("it warns: %q", got)
	}
	form := []string{}
	for _, input := range page.find("form.card [name]") {
		switch {
		case input.name == "select":
			form = append(form, "country", input.one(t, "option[selected]").attr["value"])
		case input.name == "textarea":
			form = append(form, "note", input.text.String())
		case input.attr["name"] != "prefix":
			form = append(form, input.attr["name"], input.attr["value"])
		}
	}
	f.post(carrierPath("g0"), http.StatusOK, append(form, "prefix", "")...)
	want.Prefix = ""
	if f.carriers.list[0] != want {
		t.Errorf("what the form shows came back as %+v", f.carriers.list[0])
	}
}

func TestCarrierFormPlacesProblems(t *testing.T) {
	f := signedIn(t)
	f.post(carriersPath+"/new", http.StatusOK, "carrier", "Contoso", "domain", "sms.contoso.example", "country", "+1")
	for _, c := range []struct {
		name, field, value, words string
		status                    int
	}{
		{"no carrier", "carrier", "", "Carrier is required.", 422},
		{"no domain", "domain", "", "Gateway SMTP domain is required.", 422},
		{"a URL", "domain", "https://x.example", "not the name of a host", 422},
		{"no country", "country", "", "Country code is required.", 422},
		{"an at sign", "prefix", "a@b", "cannot begin a mail address", 422},
		{"no date", "ends_on", "soon", "Enter a date", 422},
		{"the same again", "carrier", "CONTOSO", "has a gateway of this domain", 409},
	} {
		form := map[string]string{"carrier": "Fabrikam", "domain": "sms.contoso.example", "country": "+351", "prefix": "kept"}
		form[c.field] = c.value
		var pairs []string
		for name, value := range form {
			pairs = append(pairs, name, value)
		}
		page := f.post(carriersPath+"/new", c.status, pairs...)
		at := c.field
		if c.status == http.StatusConflict {
			at = "domain"
		}
		if got := page.one(t, "#"+at+"-problem").words(); !strings.Contains(got, c.words) {
			t.Errorf("%s: %q stands beside %s", c.name, got, at)
		}
		if link := page.one(t, ".problem-list a"); link.attr["href"] != "#"+at || page.one(t, "#"+at).attr["aria-invalid"] != "true" {
			t.Errorf("%s: the summary leads to %s", c.name, link.attr["href"])
		}
		if got := page.one(t, "#prefix").attr["value"]; got != form["prefix"] {
			t.Errorf("%s: what was typed came back as %q", c.name, got)
		}
	}
	if len(f.carriers.list) != 1 {
		t.Errorf("%d gateways are stored", len(f.carriers.list))
	}
}

// A carrier that is known by name alone can be kept, and completed.
func TestCarrierWithoutDomain(t *testing.T) {
	f := signedIn(t)
	f.carriers.list = []carrier.Gateway{{ID: "g0", Carrier: "NONE"}, {ID: "g1", Carrier: "Orange", Country: "+33"}}
	f.post(carrierPath("g0"), http.StatusOK, "carrier", "NONE", "note", "nothing")
	f.post(carrierPath("g1"), http.StatusOK, "carrier", "Orange", "country", "+33", "domain", "sms.orange.example")
	if f.carriers.list[0].Note != "nothing" || f.carriers.list[1].Domain != "sms.orange.example" {
		t.Errorf("stored %+v", f.carriers.list)
	}
	page := f.post(carrierPath("g1"), http.StatusUnprocessableEntity, "carrier", "Orange", "country", "+33", "domain", "")
	page.one(t, "#domain-problem")
}

func TestDetectCarriers(t *testing.T) {
	f := signedIn(t)
	page := f.get(carriersPath, http.StatusOK)
	if link := page.one(t, "a.without-script[href]"); link.attr["href"] != page.one(t, "button[popovertarget=detect][hx-get]").attr["hx-get"] {
		t.Errorf("without script it leads to %s", link.attr["href"])
	}
	page = f.get(carriersPath+"/detect", http.StatusOK)
	f.wantTitle(page, "Detect")
	if got := page.one(t, ".found-none strong").words(); got != "There are no new carriers." {
		t.Errorf("it says %q", got)
	}
	furnishCarriers(f)
	page = f.get(carriersPath+"/detect", http.StatusOK)
	lines := page.find("#detect-new li")
	if len(lines) != 2 || !strings.HasPrefix(lines[0].words(), "Verizon 204 devices · vtext.com") || !strings.Contains(lines[0].words(), "Ending") ||
		!strings.HasPrefix(lines[1].words(), "Contoso 31 devices · its domain is not known") {
		t.Errorf("new are %q", page.one(t, "#detect-new").words())
	}
	if got := page.one(t, "#detect-unserved").words(); got != "AT&T 120 devices Closed Edit Orange 12 devices No domain Edit" {
		t.Errorf("unserved are %q", got)
	}

	form := f.get(lines[0].one(t, "a").attr["href"], http.StatusOK)
	if form.one(t, "#carrier").attr["value"] != "Verizon" || form.one(t, "#domain").attr["value"] != "vtext.com" || form.one(t, "#country option[selected]").attr["value"] != "+1" {
		t.Error("what is known of Verizon is not filled in")
	}
	form.one(t, ".alert-warning")
	form = f.get(lines[1].one(t, "a").attr["href"], http.StatusOK)
	if form.one(t, "#carrier").attr["value"] != "Contoso" || form.one(t, "#domain").attr["value"] != "" {
		t.Error("Contoso is not filled in, or too much is")
	}
	for _, name := range []string{"Verizon", "Contoso"} {
		f.post(carriersPath+"/new", http.StatusOK, "carrier", name, "domain", "sms.example", "country", "+1")
	}
	f.get(carriersPath+"/detect", http.StatusOK).one(t, ".found-none")

	r, _ := http.NewRequest(http.MethodGet, f.url+carriersPath+"/detect", nil)
	r.Header.Set("HX-Request", "true")
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if part := f.page(response, http.StatusOK); len(part.find("html")) != 0 || len(part.find(".found-none")) != 1 {
		t.Error("the dialog does not get a part of a page")
	}
}

func TestCarrierUse(t *testing.T) {
	f := signedIn(t)
	chosen := func(page *element) string { return page.one(t, ".carrier-use input[checked]").attr["value"] }
	tile := func() string {
		return f.get("/settings", http.StatusOK).one(t, "a[href="+carriersPath+"]").one(t, ".link-card-state").words()
	}
	page := f.get(carriersPath, http.StatusOK)
	if chosen(page) != "never" || len(page.find(".alert-warning")) != 0 || tile() != "Not used" {
		t.Errorf("it begins with %s, %q", chosen(page), tile())
	}
	page = f.post(carriersPath+"/use", http.StatusOK, "use", "preferred")
	if chosen(page) != "preferred" || f.carriers.use != carrier.Preferred || tile() != "Preferred to the SMS gateway" {
		t.Errorf("then it is %s, %q", chosen(page), tile())
	}
	if link := page.one(t, ".alert-warning a").attr["href"]; link != "/settings/servers" {
		t.Errorf("without a mail server it leads to %s", link)
	}
	page = f.post(carriersPath+"/use", http.StatusOK, "use", "always")
	page.one(t, ".flash.alert-danger")
	if f.carriers.use != carrier.Preferred {
		t.Errorf("a word that is none set it to %s", f.carriers.use)
	}
	furnishServers(f)
	if n := len(f.get(carriersPath, http.StatusOK).find(".alert-warning")); n != 0 {
		t.Errorf("%d warnings with a mail server", n)
	}
}

// brokenCarriers fails.
type brokenCarriers struct{ *fakeCarriers }

func (brokenCarriers) DetectCarriers(context.Context, access.Actor) (carrier.Detection, error) {
	return carrier.Detection{}, errors.New("the database is gone")
}

func TestDetectThatFails(t *testing.T) {
	f := signedIn(t, func(o *Options) { o.Carriers = brokenCarriers{&fakeCarriers{}} })
	f.wantTitle(f.get(carriersPath+"/detect", http.StatusInternalServerError), "Something broke on our side")
}

// TestDetectInABrowser adds the carrier of an enrolled device that has no gateway yet, asks once more, and deletes it
// again: a browser, the console and a database.
func TestDetectInABrowser(t *testing.T) {
	h := newHouse(t)
	h.device("a", func(d *fleet.Device) { d.Carrier = "Contoso Mobile" })
	f := signedIn(t, func(o *Options) { o.Carriers, o.Servers = h.door, h.door })
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	type css = chromedp.CSS
	const detect css = "button[popovertarget=detect][hx-get]"
	h.must(browsertest.View(ctx, 1280, 1000, false))
	h.must(chromedp.Do(ctx,
		browsertest.Visit(f.url+"/enter/let-me-in?next="+carriersPath),
		chromedp.Click(detect), chromedp.WaitVisible(css("#detect-new")),
		chromedp.Click(css("#detect-new a.btn")), chromedp.WaitVisible(css("#domain")),
		chromedp.SendKeys(css("#domain"), "not a domain\r"), chromedp.WaitVisible(css("#domain-problem")),
		chromedp.SetValue(css("#domain"), "sms.contoso.example"), chromedp.SetValue(css("#country"), "+351"),
		chromedp.Click(css(".form-foot button[type=submit]")), chromedp.WaitVisible(css(".flash")),
		chromedp.Click(detect), chromedp.WaitVisible(css(".found-none")),
		chromedp.Click(css("#detect [popovertargetaction=hide]")),
	))
	has := func() (carrier.Gateway, bool) {
		list, err := h.door.Carriers(h.Context())
		h.must(err)
		i := slices.IndexFunc(list, func(g carrier.Gateway) bool { return g.Carrier == "Contoso Mobile" })
		if i < 0 {
			return carrier.Gateway{}, false
		}
		return list[i], true
	}
	added, there := has()
	if !there || added.Domain != "sms.contoso.example" || added.Country != "+351" {
		t.Fatalf("stored %+v", added)
	}
	h.must(chromedp.Do(ctx,
		chromedp.Click(css("button[popovertarget=delete-"+added.ID+"]")),
		chromedp.Click(css("#delete-"+added.ID+" button[type=submit]")),
		chromedp.WaitNotPresent(css("a[href$='"+added.ID+"']")),
	))
	if _, there := has(); there {
		t.Error("it is still there")
	}
	wantQuiet(ctx, t, messages)
}

func TestCarrierNamesAreEscaped(t *testing.T) {
	f := signedIn(t)
	name := `AT&T <b>"x"</b>?#`
	page := f.get(carriersPath+"/new?carrier="+url.QueryEscape(name), http.StatusOK)
	if got := page.one(t, "#carrier").attr["value"]; got != name {
		t.Errorf("it came back as %q", got)
	}
	f.carriers.seen = []carrier.Seen{{Carrier: name, Devices: 1}}
	link := f.get(carriersPath+"/detect", http.StatusOK).one(t, "#detect-new a").attr["href"]
	if got := f.get(link, http.StatusOK).one(t, "#carrier").attr["value"]; got != name {
		t.Errorf("by the link it is %q", got)
	}
}
