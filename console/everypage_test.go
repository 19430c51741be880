package console

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/chromedp"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"heliograph/access"
	"heliograph/console/text"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/internal/browsertest"
	"heliograph/mailbox"
	"heliograph/message"
)

// Every page of the console is visited here, in every language: with things in it, empty, and after each form was sent
// with nothing and with nonsense in it. The pages are those of the table of routes, so a new one is looked at without
// being named; only a wildcard in its path has to be told what it stands for, in examples.

// examples are what wildcards of paths stand for. The first pattern that begins a route's path holds.
func (e *everyPage) examples() []example {
	return []example{
		{"/enter/{secret}", []string{"wrong"}},
		{"/welcome/{secret}", []string{"wrong"}},
		{"/devices/{id}", []string{"a", "b", "c", "none"}},
		{"/users/{id}", []string{"u-a", "u-b", "none"}},
		{"/groups/{id}", append(e.groups, "none")},
		{"/notifications/{id}/deliveries/{delivery}", e.deliveries},
		{"/notifications/{id}/retry/{state}", e.after("/retry/failed", "/retry/unknown", "/retry/sent")},
		{"/notifications/{id}", append(e.after(""), "none")},
		{"/settings/servers/{id}", []string{"s0", "s1", "sms", "none"}},
		{"/settings/push-providers/{id}", []string{"s2", "s3", "webpush", "none"}},
		{"/profile/sessions/{id}", []string{"none"}},
		{"/settings/carrier-gateways/{id}", []string{"g1", "known-2", "known-16", "none"}},
		{"/settings/templates/{id}", append(e.templates, "none")},
		{"/settings/sounds/{id}", append(e.sounds, "none")},
		{"/settings/administrators/{id}", append(e.accounts, "none")},
		{"/settings/api-tokens/{id}", append(e.tokens, "none")},
		{"/mail-push/app-keys/{id}", append(e.appKeys, "none")},
		{"/settings/audit/{id}", []string{"1", "2", "999999"}},
	}
}

// example says what the wildcards of a path stand for: the values, with what stands between them, in place of the first
// wildcard and all up to the last one.
type example struct {
	path   string
	values []string
}

// variants are queries with which a page shows something else.
var variants = map[string][]string{
	"/devices": {"", "?search=nobody", "?platform=ios&compliant=false&jailbroken=true&managed=false&inactive_days_min=3&group=Nurses&os_version_op=lt&os_version=17&property=A:contains:b&all=1",
		"?platform=amiga", "?compliant=maybe", "?inactive_days_min=many", "?sort=name&dir=asc"},
	"/devices/count":                 {"", "?all=1"},
	"/users":                         {"", "?search=nobody", "?group=Nurses", "?sort=name&dir=asc"},
	"/notifications":                 {"", "?state=running", "?state=scheduled", "?state=done", "?state=cancelled"},
	"/notify":                        {"", "?device=a", "?all=1"},
	"/settings/servers/new":          {"?kind=smtp", "?kind=sms", "?kind=none"},
	"/settings/push-providers/new":   {"?kind=apns", "?kind=fcm", "?kind=webpush"},
	"/settings/servers/new/test":     {"?kind=smtp", "?kind=sms"},
	"/settings/carrier-gateways/new": {"", "?carrier=Verizon"},
	"/mail-push":                     {"", "?hours=168"},
	"/mail-push/network":             {"", "?look=1"},
	"/mail-push/diagnosis":           {"", "?code=7KD4", "?code=7KD4PX2M"},
	"/mail-push/brakes/confirm":      {"", "?app=com.example.mail"},
	"/sign-in":                       {"", "?next=/devices"},
}

// unvisited are routes that show nothing, or end the visit.
var unvisited = []string{"POST /sign-out", "POST /language", "POST /theme", "GET /assets/", "/"}

// everyPage is a console with everything in it, and a visitor.
type everyPage struct {
	*house
	full          *fixture
	notifications []string
	deliveries    []string
	templates     []string
	sounds        []string
	accounts      []string
	tokens        []string
	appKeys       []string
	groups        []string
}

// newEveryPage furnishes a console that speaks one language.
func newEveryPage(t *testing.T, c *text.Catalogue) *everyPage {
	e := &everyPage{house: newHouse(t)}
	e.furnishFleet()
	e.furnishSent()
	e.furnishSettings()
	return e.in(c)
}

// in is the same things in a console of another language.
func (e *everyPage) in(c *text.Catalogue) *everyPage {
	other := *e
	other.full = e.console(c)
	furnish(other.full)
	furnishNetwork(other.full)
	furnishExpiry(other.full)
	other.full.addServer("sms", "sms", map[string]any{"key": "k"}).ID = "sms"
	other.full.addServer("webpush", "webpush", map[string]any{"app": "https://app.example.com"}).ID = "webpush"
	other.foreign()
	return &other
}

// newEmptyPage is a console in one language with nothing in it.
func newEmptyPage(t *testing.T, c *text.Catalogue) *everyPage {
	e := &everyPage{house: newHouse(t)}
	e.full = e.console(c)
	return e
}

// console is one over the house, with fakes for what the house has not.
func (e *everyPage) console(c *text.Catalogue) *fixture {
	return newFixture(e.T, func(o *Options) {
		o.Keeper = e.door
		o.Accounts, o.Fleet, o.Sent, o.Sender, o.Registry = e.store, e.store, e.store, e.door, e.store
		o.Templates, o.Administration, o.MailPush, o.Languages = e.door, e.door, e.door, []*text.Catalogue{c}
		o.Link = func(secret string) string { return "https://heliograph.example.com/welcome/" + secret }
	})
}

// foreign gives everything that people named names that are neither in English nor in another language of the console.
func (e *everyPage) foreign() {
	for i := range e.full.servers.list {
		e.full.servers.list[i].Name, e.full.servers.list[i].Description = fmt.Sprint("сервер ", i), "описание"
	}
	for i := range e.full.figures.recent {
		e.full.figures.recent[i].Content.SMTP.Subject = "тема"
	}
	for i := range e.full.network.list {
		for j := range e.full.network.list[i].Needed {
			e.full.network.list[i].Needed[j].Name = "сервер"
		}
	}
}

func (e *everyPage) furnishFleet() {
	for i, id := range []string{"a", "b", "c"} {
		e.device(id, func(d *fleet.Device) {
			d.Name, d.Groups, d.Ownership = "телефон", []string{"группа"}, fleet.Ownerships[i]
			d.Properties = map[string]string{"A": "значение"}
			d.Compliant, d.Jailbroken, d.Managed = i == 0, i == 1, i != 2
		})
		_, err := e.store.PutUser(e.Context(), everything, fleet.User{ID: fleet.UserID("u-" + id), DisplayName: "человек", GivenName: "имя", Mail: id + "@example.com"})
		e.must(err)
	}
	list, _, err := e.store.ListGroups(e.Context(), everything, newest)
	e.must(err)
	for _, g := range list {
		e.groups = append(e.groups, string(g.ID))
	}
	e.device("d", func(d *fleet.Device) { d.Name, d.Push, d.User, d.Platform = "телефон", nil, "", fleet.Windows })
	_, err = e.store.PutUser(e.Context(), everything, fleet.User{ID: "u-d", DisplayName: "человек", Mail: "d@example.com"})
	e.must(err)
}

// furnishSent sends something that arrives, fails and is skipped, and something that waits.
func (e *everyPage) furnishSent() {
	e.servers()
	gone := message.Failure{Scope: message.RecipientFinal, Reason: message.MailboxUnknown, Detail: "The mail server does not know this address: “550 5.1.1 нет”.", Answer: "550 5.1.1 нет"}
	e.peers.answer("a@example.com", message.Fail(gone))
	done := e.send("smtp_subject", "тема", "smtp_message", "текст ${user.mobile} ${device.name}", "push_message", "текст")
	e.done(done)
	list, _, err := e.store.ListDeliveries(e.Context(), everything, done, deliveriesPart{}.filter(), newest)
	e.must(err)
	for _, d := range list {
		e.deliveries = append(e.deliveries, string(done)+"/deliveries/"+d.ID.String())
	}
	later := e.send("when", whenLater, "at", time.Now().UTC().Add(48*time.Hour).Format(localTime), "smtp_subject", "тема", "smtp_message", "текст", "push_message", "текст")
	e.notifications = []string{string(done), string(later)}
}

// furnishSettings makes people and tokens, and finds the templates that are there from the beginning.
func (e *everyPage) furnishSettings() {
	ctx, admin := e.Context(), access.Actor{Name: "админ", Role: access.Administrator, Scope: everything}
	for _, role := range access.Roles {
		a, _, err := e.door.CreateAccount(ctx, admin, intake.AccountInput{Name: "имя-" + string(role), Role: role})
		e.must(err)
		e.accounts = append(e.accounts, a.ID)
	}
	_, token, err := e.door.CreateToken(ctx, admin, intake.TokenInput{Name: "имя", Role: access.Auditor})
	e.must(err)
	e.tokens = []string{token.ID}
	_, key, err := e.door.CreateAppKey(ctx, admin, mailbox.NewAppKey{Name: "ключ"})
	e.must(err)
	e.appKeys = []string{key.ID}
	sound, err := e.door.CreateSound(ctx, admin, "звук.caf")
	e.must(err)
	e.sounds = []string{sound.ID}
	list, err := e.door.Templates(ctx)
	e.must(err)
	for _, one := range list {
		if len(e.templates) < 4 {
			e.templates = append(e.templates, one.ID)
		}
	}
}

// after is each notification with what follows it in a path.
func (e *everyPage) after(tails ...string) (list []string) {
	for _, id := range e.notifications {
		for _, tail := range tails {
			list = append(list, id+tail)
		}
	}
	return list
}

var wildcard = regexp.MustCompile(`\{[^$}]+\}`)

// paths are addresses that a route answers.
func (e *everyPage) paths(pattern string) (list []string) {
	pattern = strings.TrimSuffix(pattern, "{$}")
	if !wildcard.MatchString(pattern) {
		return addQueries(pattern)
	}
	for _, one := range e.examples() {
		rest, is := strings.CutPrefix(pattern, one.path)
		if !is || wildcard.MatchString(rest) {
			continue
		}
		before, _, _ := strings.Cut(one.path, "{")
		for _, value := range one.values {
			list = append(list, addQueries(before+value+rest)...)
		}
		return list
	}
	e.Errorf("examples do not say what the wildcards of %s stand for", pattern)
	return nil
}

func addQueries(path string) (list []string) {
	queries := variants[path]
	if queries == nil {
		queries = []string{""}
	}
	for _, query := range queries {
		list = append(list, path+query)
	}
	return list
}

// visitPages gives look every page: first those that nobody has to sign in for, then all. It gives the forms that stand
// on them.
func (e *everyPage) visitPages(look func(address string, page *element)) (forms map[string]url.Values) {
	e.Helper()
	forms = map[string]url.Values{}
	gets := func() {
		for _, path := range e.of(http.MethodGet) {
			page := e.ask(http.MethodGet, path, nil)
			if page == nil {
				continue
			}
			look(path, page)
			for _, form := range page.find("form") {
				gather(forms, form)
			}
		}
	}
	gets()
	e.full.get("/enter/let-me-in", http.StatusOK)
	gets()
	return forms
}

// visit gives look every page, and then what forms answer: sent empty, with nonsense, and as they are.
func (e *everyPage) visit(look func(address string, page *element)) {
	e.Helper()
	forms := e.visitPages(look)
	for _, path := range e.of(http.MethodPost) {
		for _, values := range []url.Values{{}, nonsense(forms[path]), meant(forms[path])} {
			if page := e.ask(http.MethodPost, path, values); page != nil {
				look("POST "+path, page)
			} else {
				look("after POST "+path, e.ask(http.MethodGet, languagePath, nil)) // what it said
			}
		}
	}
	for _, path := range []string{"/nowhere", "/settings/nowhere"} {
		look(path, e.ask(http.MethodGet, path, nil))
	}
}

// of lists the paths of a method's routes; those that delete come last.
func (e *everyPage) of(method string) (list []string) {
	for _, route := range e.full.routes {
		verb, pattern, _ := strings.Cut(route.Pattern, " ")
		if verb == method && !slices.Contains(unvisited, route.Pattern) {
			list = append(list, e.paths(pattern)...)
		}
	}
	slices.SortStableFunc(list, func(a, b string) int {
		return strings.Count(a, "delete") - strings.Count(b, "delete")
	})
	return list
}

// gather notes the fields of a form, with what stands in them, by the addresses to which its buttons send it.
func gather(forms map[string]url.Values, form *element) {
	targets := []string{form.attr["action"]}
	for _, button := range append(form.find("button[formaction]"), form.find("button[hx-post]")...) {
		targets = append(targets, button.attr["formaction"], button.attr["hx-post"])
	}
	for _, path := range targets {
		path, _, _ = strings.Cut(path, "#")
		if forms[path] == nil {
			forms[path] = url.Values{}
		}
		for _, field := range append(form.find("input[name]"), form.find("button[name]")...) {
			_, checked := field.attr["checked"]
			if kind := field.attr["type"]; kind != "checkbox" && kind != "radio" || checked {
				forms[path].Set(field.attr["name"], field.attr["value"])
			}
		}
		for _, field := range form.find("textarea[name]") {
			forms[path].Set(field.attr["name"], field.text.String())
		}
		for _, field := range form.find("select[name]") {
			forms[path].Set(field.attr["name"], "")
			for _, option := range append(field.find("option[value]"), field.find("option[selected]")...) {
				forms[path].Set(field.attr["name"], option.attr["value"])
			}
		}
	}
}

// nonsense fills fields with what none of them takes.
func nonsense(form url.Values) url.Values {
	values := url.Values{}
	for name := range form {
		values.Set(name, "${нет.${} ;")
	}
	for name, value := range map[string]string{"push": "on", "smtp": "on", "sms": "on", "to": "filter", "when": "later"} {
		if values.Has(name) {
			values.Set(name, value)
		}
	}
	return values
}

// meant is a form as it stands, with something where it wants to be filled in.
func meant(form url.Values) url.Values {
	values := url.Values{}
	for name, given := range form {
		values[name] = given
	}
	for name, value := range map[string]string{"name": "имя", "host": "mail.example.com", "from_email": "it@example.com", "smtp_subject": "тема", "push_message": "текст"} {
		if values.Has(name) && values.Get(name) == "" {
			values.Set(name, value)
		}
	}
	if values.Has("to") && values.Get("to") == "" {
		values.Set("to", "ada@example.com")
	}
	return values
}

// ask is what a path answers, when that is a page. It follows no redirects.
func (e *everyPage) ask(method, path string, form url.Values) *element {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), method, e.full.url+path, strings.NewReader(form.Encode()))
	e.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := *e.full.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	e.must(err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusInternalServerError {
		e.Errorf("%s %s broke", method, path)
	}
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") || response.StatusCode/100 == 3 {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	e.must(err)
	return parse(e.T, string(body))
}

// pseudo is a language in which every text of the catalogue stands in brackets, so that whatever stands outside them did
// not come from it.
func pseudo() *text.Catalogue {
	texts, sentences := map[string]string{}, map[string]string{}
	for _, key := range text.English.Keys() {
		texts[key] = "⟦" + text.English.Template(key) + "⟧"
	}
	for _, pattern := range text.French.Sentences() {
		sentences[pattern] = "⟦" + pattern + "⟧"
	}
	return text.New(language.MustParse("en-XA"), "⟦Pseudo⟧", texts).Saying(sentences)
}

// shown calls with everything on a page that people read and that is not data by its nature.
func shown(e *element, page string, with func(words string)) {
	for _, child := range e.children {
		if isData(child, page) {
			continue
		}
		for _, name := range []string{"title", "aria-label", "placeholder", "alt", "data-label", "data-copied", "label"} {
			if child.name != "input" || name != "label" {
				with(child.attr[name])
			}
		}
		if child.name == "input" && (child.attr["type"] == "submit" || child.attr["type"] == "button") {
			with(child.attr["value"])
		}
		shown(child, page, with)
	}
	with(e.own.String())
}

// isData reports whether an element shows what people or machines wrote, or a language in its own words.
func isData(e *element, page string) bool {
	switch e.name {
	case "script", "style", "code", "pre", "textarea", "datalist", "svg":
		return true
	case "option":
		return strings.HasPrefix(e.attr["value"], "+") // a calling code: names of countries are not ours
	case "html":
		return false
	}
	lang, has := e.attr["lang"]
	written := !e.has(".text-secondary") && (e.has(".letter-subject") || e.name == "p" && e.parent.has(".bubble"))
	return has && lang != page || e.has(".mono") || e.has(".letter-text") || written
}

// names are words that are the same in every language, and those of the test's data.
var sameEverywhere = strings.Fields(`
	iOS iPadOS macOS Android Windows UTC GMT TCP SMTP SMS TLS HTTPS HTTP STARTTLS SSL EHLO DNS App Apple Google Firebase Vonage APNs FCM MIT 0BSD BSD Apache-2.0
	Tabler Icons htmx uPlot Prometheus PostgreSQL Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
	Push Services ESMTP AUTH PLAIN LOGIN demo Demo D A b Root CA Example Lab Old a c apns smtp test true false EMEA APAC Americas
	u-a u-b u-c u-d имя-administrator имя-operator имя-support имя-auditor
`)

var brackets = regexp.MustCompile(`⟦[^⟦⟧]*⟧`)

// leftover is what of a text did not come from the catalogue: words in Latin letters outside of the brackets, but names,
// numbers, addresses and such.
func leftover(words string, names []string) string {
	for inner := ""; inner != words; {
		inner, words = words, brackets.ReplaceAllString(words, " ")
	}
	for _, name := range names {
		words = strings.ReplaceAll(words, name, " ")
	}
	var left []string
	for _, word := range strings.Fields(words) {
		word = strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		latin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
		if latin && !strings.ContainsAny(word, "0123456789./@:_\\") && !slices.Contains(sameEverywhere, word) {
			left = append(left, word)
		}
	}
	return strings.Join(left, " ")
}

func TestLeftover(t *testing.T) {
	for words, want := range map[string]string{
		"⟦One ⟦two⟧ three⟧ 4": "", "⟦One⟧: two": "two", "mail.example.com 10:25 iOS": "", "AT&T ⟦x⟧": "", "": "", "Текст": "", "a-word": "a-word", "(why)": "why",
	} {
		if got := leftover(words, []string{"AT&T"}); got != want {
			t.Errorf("%q leaves %q, want %q", words, got, want)
		}
	}
}

// Nothing on any page stands there without having come from the catalogue.
func TestEveryWordComesFromTheCatalogue(t *testing.T) {
	for name, e := range map[string]*everyPage{"full": newEveryPage(t, pseudo()), "empty": newEmptyPage(t, pseudo())} {
		visit := e.visit
		if name == "empty" { // its forms are the same
			visit = func(look func(string, *element)) { e.visitPages(look) }
		}
		var names []string
		for _, g := range e.full.carriers.list {
			names = append(names, g.Carrier)
		}
		for _, seen := range e.full.carriers.seen {
			names = append(names, seen.Carrier)
		}
		for _, tag := range []string{"ar", "pt-BR", "zh", "cs", "da", "nl", "en", "fi", "fr", "de", "el", "he", "hi", "hu", "id", "it", "ja", "ko", "nb", "pl", "pt", "ro", "ru", "es", "sv", "th", "tr", "uk", "vi"} {
			names = append(names, display.English.Tags().Name(language.MustParse(tag))) // names of languages follow the language, but not the brackets
		}
		slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
		seen, pages := map[string]string{}, 0
		visit(func(address string, page *element) {
			pages++
			shown(page, "en-XA", func(words string) {
				if left := leftover(words, names); left != "" && seen[left] == "" {
					seen[left] = fmt.Sprintf("%s: %q stands outside of the catalogue, in %q", address, left, strings.Join(strings.Fields(words), " "))
				}
			})
		})
		for _, left := range slices.Sorted(maps.Keys(seen)) {
			t.Error(name, seen[left])
		}
		t.Logf("%s: %d pages", name, pages)
	}
}

// english are words that tell English from French and Portuguese.
var english = strings.Fields("the of and is are with not this that from was were been have has must will be your you it its to by or an")

// allowed are those of them that another language has too.
var allowed = map[string][]string{"fr": {"or", "an"}, "pt": {}}

// The console has no English left in another language. The brackets show that all comes from the catalogue, and its own
// tests that it is translated; this is what somebody sees who looks at the pages.
func TestNoEnglishIsLeft(t *testing.T) {
	e := newEveryPage(t, text.French)
	for _, c := range []*text.Catalogue{text.French, text.Portuguese} {
		tag := c.Tag.String()
		e = e.in(c)
		visit := e.visit
		if c != text.French { // what forms say is translated as French is: the catalogue's tests see to that
			visit = func(look func(string, *element)) { e.visitPages(look) }
		}
		seen := map[string]bool{}
		visit(func(address string, page *element) {
			for _, html := range page.find("html") {
				if html.attr["lang"] != tag {
					t.Fatalf("%s is in %q", address, html.attr["lang"])
				}
			}
			shown(page, tag, func(words string) {
				for _, word := range strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return !unicode.IsLetter(r) && r != '’' && r != '-' }) {
					if slices.Contains(english, word) && !slices.Contains(allowed[tag], word) && !seen[words] {
						seen[words] = true
						t.Errorf("%s: %s: English is left: %q", c.Name, address, strings.Join(strings.Fields(words), " "))
					}
				}
			})
		})
	}
}

// phone is the narrowest screen that pages must fit, in CSS pixels.
const phoneWidth, phoneHeight = 390, 844

func TestNothingOverflowsOnAPhone(t *testing.T) {
	e := newEveryPage(t, text.English)
	ctx := browsertest.New(t)
	for _, c := range text.All {
		e = e.in(c)
		if err := browsertest.View(ctx, phoneWidth, phoneHeight, false); err != nil {
			t.Fatal(err)
		}
		e.wantNarrow(ctx, c.Name, "/sign-in")
		if err := chromedp.Do(ctx, browsertest.Visit(e.full.url+"/enter/let-me-in")); err != nil {
			t.Fatal(err)
		}
		e.full.get("/enter/let-me-in", http.StatusOK)
		for _, path := range e.wholePages() {
			e.wantNarrow(ctx, c.Name, path)
		}
	}
}

// wholePages are one address for each page, not for parts of pages.
func (e *everyPage) wholePages() (list []string) {
	for _, route := range e.full.routes {
		verb, pattern, _ := strings.Cut(route.Pattern, " ")
		if verb != http.MethodGet || slices.Contains(unvisited, route.Pattern) {
			continue
		}
		paths := e.paths(pattern)
		if page := e.ask(http.MethodGet, paths[0], nil); page != nil && len(page.find("html")) > 0 {
			list = append(list, paths[0])
		}
	}
	return list
}

// wantNarrow fails when a page is wider than the screen, and says what makes it so.
func (e *everyPage) wantNarrow(ctx context.Context, language, path string) {
	e.Helper()
	const wide = `(() => {
		const most = document.documentElement.clientWidth;
		if (document.scrollingElement.scrollWidth <= most) return "";
		const all = Array.from(document.querySelectorAll("body *")).filter(e => e.getBoundingClientRect().right > most + 1);
		return document.scrollingElement.scrollWidth + " px: " + all.slice(0, 3).map(e => e.tagName + "." + e.className).join(", ");
	})()`
	if err := chromedp.Do(ctx, browsertest.Visit(e.full.url+path)); err != nil {
		e.Fatalf("%s: %v", path, err)
	}
	over, err := chromedp.Run(ctx, chromedp.Evaluate[string](wide))
	if err != nil {
		e.Fatalf("%s: %v", path, err)
	}
	if over != "" {
		e.Errorf("%s: %s is wider than a phone: %s", language, path, over)
	}
	if dir := os.Getenv(browsertest.ScreenshotsEnv); dir != "" {
		name := strings.NewReplacer("/", "-", "?", "-", "=", "-", "&", "-").Replace("phone-" + language + path)
		if err := browsertest.Screenshot(ctx, filepath.Join(dir, "languages", name+".png"), phoneWidth, 1600, false); err != nil {
			e.Fatal(err)
		}
	}
}
