package console

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/internal/browsertest"
	"heliograph/jobs"
	"heliograph/message"
	"heliograph/seal"
	"heliograph/store"
)

// manageFamilies are the keys that the pages of devices and notifications put together.
func manageFamilies() map[string][]string {
	return map[string][]string{
		"tree":          {"platform", "ownership", "status", "contact", "group"},
		"token":         spelled([]fleet.TokenState{fleet.TokenLive, fleet.TokenDead, fleet.TokenSuspended}),
		"device.token":  spelled([]fleet.TokenState{fleet.TokenDead, fleet.TokenSuspended}),
		"provider":      spelled(fleet.PushProviders),
		"environment":   spelled([]fleet.Environment{fleet.Production, fleet.Sandbox}),
		"why":           spelled(message.Reasons),
		"outcome":       spelled(message.States),
		"notifications": {"all", "running", "scheduled", "done", "cancelled"},
		"macros":        {"user", "device", "organization"},
		"notify":        {"push", "push.lead", "push.off", "smtp", "smtp.lead", "smtp.off", "sms", "sms.lead", "sms.off"},
		"place": {"to", "at", "template", "channels", "push", "push_message", "push_sound", "push_badge", "smtp", "smtp_subject", "smtp_message",
			"smtp_sender", "smtp_recipient", "sms", "sms_message", "sms_recipient"},
	}
}

// house is the console on a real store, with everything between the door and the providers. The providers are fakes.
type house struct {
	*fixture
	store *store.Store
	door  *intake.Door
	peers *peers
}

var everything = access.Everything

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{peers: &peers{answers: map[string]message.Outcome{}}}
	providers := []channel.Provider{h.peers.provider("smtp", message.SMTP), h.peers.provider("apns", message.Push), h.peers.provider("sms", message.SMS)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	h.store, err = store.Open(ctx, filepath.Join(t.TempDir(), "test.db"), store.Options{Providers: providers})
	must(err)
	t.Cleanup(h.store.Close)
	must(h.store.Migrate(ctx))
	must(jobs.Migrate(ctx, h.store))
	must(h.store.UseKeys(ctx, seal.New()))
	engine := jobs.New(h.store, jobs.Options{Work: true})
	c := courier.New(h.store, engine, courier.Options{Providers: providers, Tick: 20 * time.Millisecond, Random: func() float64 { return 0.5 }})
	jobs.Work(engine, nil, c.Expand)
	jobs.Work(engine, nil, c.Dispatch)
	jobs.Work(engine, nil, c.Retry)
	jobs.Work(engine, nil, c.Probe)
	jobs.Work(engine, nil, c.Cancel)
	jobs.Work(engine, nil, c.GiveUp)
	jobs.Work(engine, nil, c.Again)
	must(engine.Open())
	h.store.UseJobs(engine)
	h.door = intake.New(h.store, intake.Options{Providers: providers, NotFound: store.ErrNotFound})
	must(engine.Start(context.WithoutCancel(ctx)))
	must(c.Start(ctx))
	t.Cleanup(func() {
		c.Drain()
		stop, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := engine.Stop(stop); err != nil {
			t.Errorf("stopping: %v", err)
		}
		c.Close()
	})
	h.fixture = signedIn(t, func(o *Options) {
		o.Fleet, o.Sent, o.Sender, o.Servers, o.Providers, o.Now = h.store, h.store, h.door, h.door, providers, time.Now
		o.Templates, o.Devices, o.Keeper = h.door, h.store, h.door
	})
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// servers sets up one server for mail, one for push, and one of each other kind that is named.
func (h *house) servers(more ...string) {
	h.Helper()
	for _, kind := range append([]string{"smtp", "apns"}, more...) {
		_, err := h.door.CreateServer(h.Context(), access.Actor{Name: "test", Role: access.Administrator, Scope: everything}, intake.ServerInput{Kind: kind, Name: kind})
		h.must(err)
	}
}

// device puts a device, and the person who carries it.
func (h *house) device(id string, change ...func(*fleet.Device)) {
	h.Helper()
	_, err := h.store.PutUser(h.Context(), everything, fleet.User{ID: fleet.UserID("u-" + id), DisplayName: "Person " + id, GivenName: "Given " + id, Mail: id + "@example.com"})
	h.must(err)
	d := fleet.NewDevice(fleet.DeviceID(id))
	d.PhoneNumber = "+33612345678"
	d.Name, d.Platform, d.OSVersion, d.User = "Phone "+id, fleet.IOS, "17.4", fleet.UserID("u-"+id)
	d.Push = &fleet.PushToken{Provider: fleet.APNs, Token: fmt.Sprintf("%x", id), App: "com.example.app", Environment: fleet.Production}
	for _, c := range change {
		c(&d)
	}
	_, err = h.store.PutDevice(h.Context(), everything, d)
	h.must(err)
}

// peers are fake servers: they accept everything unless an answer was set for an address.
type peers struct {
	mu      sync.Mutex
	got     []message.Message
	answers map[string]message.Outcome
	wait    chan struct{} // not nil: nothing is answered before it is closed
}

func (p *peers) provider(kind string, c message.Channel) channel.Provider {
	return channel.Provider{
		Kind: kind, Title: kind, Channel: c, Batch: 500, Workers: 2,
		Default: func() channel.Settings { return &peerSettings{peers: p, kind: kind} },
	}
}

func (p *peers) answer(address string, o message.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[address] = o
}

func (p *peers) received() []message.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

func (p *peers) Close() {}

func (p *peers) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	return channel.Each(ctx, batch, 4, func(_ context.Context, m message.Message) message.Outcome {
		if p.wait != nil {
			<-p.wait
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, m)
		if o, ok := p.answers[m.Address]; ok {
			return o
		}
		return message.Accept("id-" + m.ID.String())
	})
}

type peerSettings struct {
	peers *peers
	kind  string
}

func (s *peerSettings) Check() []channel.Problem                 { return nil }
func (s *peerSettings) Retries() int                             { return 1 }
func (s *peerSettings) Open(channel.Env) (channel.Sender, error) { return s.peers, nil }
func (s *peerSettings) Test(_ context.Context, _ channel.Env, m message.Message) channel.Report {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	s.peers.got = append(s.peers.got, m)
	return channel.Report{OK: true}
}

func (s *peerSettings) Route() channel.Route {
	if s.kind == "apns" {
		return channel.Route{App: "com.example.app", Environment: "production"}
	}
	return channel.Route{}
}

// names are the devices of a page's table, in order.
func names(page *element) (list []string) {
	for _, link := range page.find("table.devices a.table-name") {
		list = append(list, link.words())
	}
	return list
}

func TestDevicesEmptySaysWhatToDo(t *testing.T) {
	page := newHouse(t).get("/devices", http.StatusOK)
	if link := page.one(t, ".nothing a.btn-primary"); link.attr["href"] != "/api/docs" {
		t.Errorf("the empty page leads to %q", link.attr["href"])
	}
	if len(page.find("table")) > 0 {
		t.Error("there is a table without devices")
	}
}

func TestDevicesFilter(t *testing.T) {
	h := newHouse(t)
	h.device("a")
	h.device("b", func(d *fleet.Device) { d.Platform, d.OSVersion, d.Compliant = fleet.Android, "14", false })
	h.device("c", func(d *fleet.Device) { d.Platform, d.OSVersion, d.Jailbroken = fleet.Android, "13", true })
	h.device("d", func(d *fleet.Device) {
		d.Ownership, d.Groups, d.LastSeen = fleet.Corporate, []string{"Nurses"}, time.Now()
	})
	for query, want := range map[string][]string{
		"":                                {"Phone d", "Phone c", "Phone b", "Phone a"},
		"?platform=android":               {"Phone c", "Phone b"},
		"?platform=android&os_version=13": {"Phone c"},
		"?compliant=false":                {"Phone b"},
		"?jailbroken=true":                {"Phone c"},
		"?ownership=corporate":            {"Phone d"},
		"?group=Nurses":                   {"Phone d"},
		"?inactive_days_min=7":            {"Phone c", "Phone b", "Phone a"},
		"?search=person+b":                {"Phone b"},
		"?sort=name&dir=asc":              {"Phone a", "Phone b", "Phone c", "Phone d"},
		"?search=nobody":                  nil,
	} {
		if diff := cmp.Diff(want, names(h.get("/devices"+query, http.StatusOK))); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	for _, query := range []string{"?platform=amiga", "?inactive_days_min=-1", "?property=A:like:b", "?compliant=maybe", "?inactive_days_min=3O"} {
		h.get("/devices"+query, http.StatusBadRequest)
	}
	if chips := h.get("/devices?platform=android&compliant=false", http.StatusOK).find(".chip"); len(chips) != 2 || chips[1].words() != "Not compliant" {
		t.Errorf("%d chips", len(chips))
	}
}

// Every leaf of the tree leads to as many devices as it says.
func TestTreeLeadsToWhatItCounts(t *testing.T) {
	h := newHouse(t)
	h.device("a")
	h.device("b", func(d *fleet.Device) { d.Platform, d.OSVersion, d.Compliant = fleet.Android, "14", false })
	h.device("c", func(d *fleet.Device) { d.OSVersion, d.Groups, d.LastSeen = "", []string{"A & B"}, time.Now() })
	leaves := h.get("/devices", http.StatusOK).find("a.leaf-link")
	if len(leaves) < 10 {
		t.Fatalf("%d leaves", len(leaves))
	}
	for _, l := range leaves {
		shown := h.get(l.attr["href"], http.StatusOK)
		if got := fmt.Sprint(len(names(shown))); got != l.one(t, ".leaf-n").words() {
			t.Errorf("%s leads to %s devices", l.words(), got)
		}
		lit := shown.find("a.leaf-link[aria-current=true]")
		if len(lit) != 1 || lit[0].one(t, ".leaf-label").words() != l.one(t, ".leaf-label").words() {
			t.Errorf("%s: %d leaves are lit", l.words(), len(lit))
			continue
		}
		if back := lit[0].attr["href"]; len(names(h.get(back, http.StatusOK))) < len(names(shown)) {
			t.Errorf("%s cannot be taken back by %s", l.words(), back)
		}
	}
}

// Without script: ticks are kept by the buttons of the form, over pages, until they are cleared.
func TestSelectionSurvivesPaging(t *testing.T) {
	h := newHouse(t)
	for i := range devicesOnPage + 5 {
		h.device(fmt.Sprintf("d%03d", i))
	}
	page := h.get("/devices?sort=name&dir=asc", http.StatusOK)
	form := page.one(t, "form[data-selection]")
	page = h.post("/devices/selection", http.StatusOK, append(hidden(form), "device", "d001", "device", "d004", "go", "next")...)
	if got := names(page); len(got) != 5 || got[0] != "Phone d050" {
		t.Fatalf("the next page shows %v", got)
	}
	form = page.one(t, "form[data-selection]")
	page = h.post("/devices/selection", http.StatusOK, append(hidden(form), "device", "d052", "go", "first")...)
	var ticked []string
	for _, tick := range page.find("input[name=device][checked]") {
		ticked = append(ticked, tick.attr["value"])
	}
	if diff := cmp.Diff([]string{"d001", "d004"}, ticked); diff != "" {
		t.Error(diff)
	}
	if words := page.one(t, ".selection-words").words(); words != "3 selected" {
		t.Errorf("the bar says %q", words)
	}
	form = page.one(t, "form[data-selection]")
	page = h.post("/devices/selection", http.StatusOK, append(hidden(form), "device", "d004", "go", "notify")...)
	if got := page.one(t, "input[name=devices]").attr["value"]; got != "d052 d004" {
		t.Errorf("Notify is about %q", got)
	}
	h.post("/devices/selection", http.StatusOK, "query", "", "go", "clear")
	if n := len(h.get("/devices", http.StatusOK).find("input[name=device][checked]")); n != 0 {
		t.Errorf("%d are ticked after clearing", n)
	}
}

// hidden are a form's hidden inputs, as name, value …
func hidden(form *element) (list []string) {
	for _, input := range form.find("input[type=hidden]") {
		list = append(list, input.attr["name"], input.attr["value"])
	}
	return list
}

func TestSelectAllThatMatch(t *testing.T) {
	h := newHouse(t)
	for i := range devicesOnPage + 5 {
		h.device(fmt.Sprintf("d%03d", i))
	}
	h.device("other", func(d *fleet.Device) { d.Platform = fleet.Android })
	page := h.get("/devices?platform=ios", http.StatusOK)
	link := page.one(t, ".selection-links a")
	if link.words() != "Select all 55" {
		t.Errorf("the link says %q", link.words())
	}
	page = h.get(link.attr["href"], http.StatusOK)
	if n := len(page.find("input[name=device][checked]")); n != devicesOnPage {
		t.Errorf("%d are ticked", n)
	}
	form := page.one(t, "form[data-selection]")
	all := hidden(form)
	for _, tick := range page.find("input[name=device]") {
		all = append(all, "device", tick.attr["value"])
	}
	page = h.post("/devices/selection", http.StatusOK, append(all, "go", "next")...)
	if n := len(page.find("input[name=device][checked]")); n != 5 {
		t.Errorf("%d are ticked on the next page", n)
	}
	page = h.post("/devices/selection", http.StatusOK, append(all, "go", "notify")...)
	if len(page.find("#to-filter[checked]")) != 1 {
		t.Error("Notify is not about the filter")
	}
	if words := page.one(t, ".reach-first").words(); words != "55 devices" {
		t.Errorf("Notify counts %q", words)
	}
	// One is taken out again: what is left of this page is picked.
	page = h.post("/devices/selection", http.StatusOK, append(hidden(form), "device", "d007")...)
	if words := page.one(t, ".selection-words").words(); words != "1 selected" {
		t.Errorf("the bar says %q", words)
	}
}

// By script only the bar comes back.
func TestSelectionByScript(t *testing.T) {
	h := newHouse(t)
	h.device("a")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/devices/selection",
		strings.NewReader(url.Values{"query": {""}, "shown": {"a"}, "device": {"a"}, "matching": {"1"}}.Encode()))
	h.must(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("HX-Request", "true")
	response, err := h.client.Do(request)
	h.must(err)
	page := h.page(response, http.StatusOK)
	if len(page.find("html")) > 0 || page.one(t, "#selection button.btn-primary").words() != "Notify 1 device" {
		t.Errorf("the answer is %q", page.words())
	}
}

func TestSelectionIsBounded(t *testing.T) {
	var many []fleet.DeviceID
	for i := range mostPicked {
		many = append(many, fleet.DeviceID(fmt.Sprint("d", i)))
	}
	after, full := merge(many, nil, []fleet.DeviceID{"one", "more"}, false)
	if len(after) != mostPicked || !full {
		t.Errorf("%d picked, full %v", len(after), full)
	}
	if got := deviceIDs("a b/c <script> d"); !slices.Equal(got, []fleet.DeviceID{"a", "d"}) {
		t.Errorf("ids %q", got)
	}
}

func TestDevicesCSV(t *testing.T) {
	h := newHouse(t)
	h.device("plain")
	h.device("evil", func(d *fleet.Device) {
		d.Name, d.Model, d.PhoneNumber = `=HYPERLINK("http://x","y")`, "\tTab", "+33612345678"
	})
	response, err := h.client.Get(h.url + "/devices.csv?search=evil")
	h.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	h.must(err)
	if got := response.Header.Get("Content-Disposition"); got != `attachment; filename="devices.csv"` {
		t.Errorf("Content-Disposition %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	h.must(err)
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	row := map[string]string{}
	for i, name := range rows[0] {
		row[name] = rows[1][i]
	}
	for name, want := range map[string]string{
		"id": "evil", "name": `'=HYPERLINK("http://x","y")`, "model": "'\tTab", "phone_number": "'+33612345678", "push.state": "live", "user": "u-evil",
	} {
		if row[name] != want {
			t.Errorf("%s is %q, want %q", name, row[name], want)
		}
	}
}

func TestPlainCell(t *testing.T) {
	for text, want := range map[string]string{"": "", "a=b": "a=b", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "é": "é"} {
		if got := plainCell(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

const script = `<script>alert("x")</script>`

func TestDevicePage(t *testing.T) {
	h := newHouse(t)
	h.servers()
	h.device("a", func(d *fleet.Device) {
		d.Name, d.Groups, d.Properties = script, []string{script}, map[string]string{"SITE": script}
	})
	h.peers.answer(fmt.Sprintf("%x", "a"), message.Fail(message.Failure{Reason: message.TokenDead, Scope: message.RecipientFinal, Detail: "The app is gone.", Answer: "410 Unregistered"}))
	h.done(h.send("to", toDevices, "devices", "a"))
	page := h.get("/devices/a", http.StatusOK)
	if title := page.one(t, "h1").words(); title != script {
		t.Errorf("the title is %q", title)
	}
	for _, want := range []string{script, "Person a", "a@example.com", "Dead", "The app is gone.", "SITE", "Push token no longer valid"} {
		if !strings.Contains(page.words(), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, s := range page.find("script") {
		if s.words() != "" {
			t.Errorf("a script says %q", s.words())
		}
	}
	if link := page.one(t, ".page-lead a.btn-primary"); link.attr["href"] != "/notify?device=a" {
		t.Errorf("Notify leads to %q", link.attr["href"])
	}
	states := page.find("table .pill")
	if len(states) != 2 {
		t.Fatalf("%d messages", len(states))
	}
	h.get("/devices/nobody", http.StatusNotFound)
	h.get("/devices/%3Cscript%3E", http.StatusNotFound)
	if got := names(h.get("/devices", http.StatusOK)); !slices.Equal(got, []string{script}) {
		t.Errorf("the table shows %q", got)
	}
}

// The pages work in a real browser: scripts run under the policy, ticks are kept at once, macros are put where the cursor
// is, the preview follows what is typed, and the page of a notification moves without being loaded again.
func TestScreenshotsManage(t *testing.T) {
	ctx := browsertest.New(t)
	h := newHouse(t)
	h.servers()
	for i := range 12 {
		h.device(fmt.Sprintf("d%02d", i), func(d *fleet.Device) {
			d.Compliant, d.Jailbroken, d.Groups = i%4 != 0, i == 5, []string{"Nurses"}
			d.Properties = map[string]string{"SITE": "Paris"}
		})
	}
	h.peers.answer("d03@example.com", message.Fail(message.Failure{
		Reason: message.MailboxUnknown, Scope: message.RecipientFinal, Detail: "The server knows no such mailbox.", Answer: "550 5.1.1 No such user",
	}))
	id := h.send()
	h.done(id)
	failed := h.get(notificationPath(id)+"?state=failed", http.StatusOK).one(t, "#deliveries a.table-name").attr["href"]
	messages := chromedp.Console(ctx)
	for _, s := range []shot{
		{name: "devices", path: "/devices?sort=name&dir=asc", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS("input[name=device][value=d01]:not(:checked), .selection-on .selection-words")),
			chromedp.WaitVisible(chromedp.CSS(".selection-on")),
		}},
		{name: "devices-filter", path: "/devices?platform=ios&compliant=false"},
		{name: "device", path: "/devices/d03"},
		{name: "notify", path: "/notify?group=Nurses", steps: []chromedp.Action[chromedp.Void]{
			chromedp.SendKeys(chromedp.CSS("#push_message"), "Hello "),
			chromedp.Click(chromedp.CSS("[data-macro='${user.givenname}'] button")),
			chromedp.SendKeys(chromedp.CSS("#smtp_subject"), "News"),
			chromedp.WaitVisible(chromedp.CSS("#preview .bubble p")),
		}},
		{name: "notify-refused", path: "/notify", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS(".compose-foot button")),
			chromedp.WaitVisible(chromedp.CSS(".problem-list")),
		}},
		{name: "notifications", path: "/notifications"},
		{name: "notification", path: notificationPath(id)},
		{name: "notification-retry", path: notificationPath(id), steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS("#do-retry-failed")),
			chromedp.WaitVisible(chromedp.CSS("#retry-failed")),
		}},
		{name: "delivery", path: failed},
	} {
		s.on = h.fixture
		s.take(ctx, t)
	}
	wantQuiet(ctx, t, messages)
}

func TestBrowserFollowsANotification(t *testing.T) {
	ctx := browsertest.New(t)
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.peers.wait = make(chan struct{})
	id := h.send()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	h.must(chromedp.Do(ctx,
		browsertest.Visit(h.url+"/enter/let-me-in?next="+url.QueryEscape(notificationPath(id))),
		chromedp.WaitVisible(chromedp.CSS("#do-cancel")),
	))
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`window.stayed = true`)); err != nil {
		t.Fatal(err)
	}
	close(h.peers.wait)
	h.must(chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS("#progress:not([hx-get]) .pill-good"))))
	stayed, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.stayed === true`))
	h.must(err)
	if !stayed {
		t.Error("the page was loaded again")
	}
}

// What is typed into the search of a list that moves is not taken away.
func TestBrowserKeepsASearchThatIsTyped(t *testing.T) {
	ctx := browsertest.New(t)
	h := newHouse(t)
	h.servers()
	h.device("a")
	h.peers.wait = make(chan struct{})
	defer close(h.peers.wait)
	id := h.send()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	h.must(chromedp.Do(ctx,
		browsertest.Visit(h.url+"/enter/let-me-in?next="+url.QueryEscape(notificationPath(id))),
		chromedp.SendKeys(chromedp.CSS("#seek"), "Phone"),
	))
	asked, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`
		document.activeElement.blur();
		var list = document.querySelector("#deliveries"), before = new CustomEvent("htmx:beforeRequest", {bubbles: true, cancelable: true});
		list.dispatchEvent(before)`))
	h.must(err)
	if asked {
		t.Error("the list is fetched again over what was typed")
	}
	asked, err = chromedp.Run(ctx, chromedp.Evaluate[bool](`
		document.querySelector("#seek").value = "";
		list.dispatchEvent(new CustomEvent("htmx:beforeRequest", {bubbles: true, cancelable: true}))`))
	h.must(err)
	if !asked {
		t.Error("the list is never fetched again")
	}
}

// A figure that takes long does not hold a page up, and ends.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, known, err := within(t.Context(), func(context.Context) (int, error) { return 3, nil })
		if n != 3 || !known || err != nil {
			t.Errorf("a quick one: %d %v %v", n, known, err)
		}
		begun := time.Now()
		_, known, err = within(t.Context(), func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if known || err != nil || time.Since(begun) != patience {
			t.Errorf("a slow one after %s: %v %v", time.Since(begun), known, err)
		}
		wrong := errors.New("broken")
		if _, known, err = within(t.Context(), func(context.Context) (int, error) { return 0, wrong }); known || !errors.Is(err, wrong) {
			t.Errorf("a broken one: %v %v", known, err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, known, err = within(gone, func(ctx context.Context) (int, error) { return 0, ctx.Err() }); known || !errors.Is(err, context.Canceled) {
			t.Errorf("for nobody: %v %v", known, err)
		}
	})
}

func TestBrowserPutsMacrosAtTheCursor(t *testing.T) {
	ctx := browsertest.New(t)
	h := newHouse(t)
	h.servers()
	h.device("a")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	h.must(chromedp.Do(ctx,
		browsertest.Visit(h.url+"/enter/let-me-in?next=/notify"),
		chromedp.SendKeys(chromedp.CSS("#push_message"), "Hello !"),
	))
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`document.querySelector("#push_message").setSelectionRange(6, 6)`)); err != nil {
		t.Fatal(err)
	}
	h.must(chromedp.Do(ctx,
		chromedp.SendKeys(chromedp.CSS("[data-macro-search]"), "first name"),
		chromedp.Click(chromedp.CSS("[data-macro]:not([hidden]) button")),
	))
	typed, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("#push_message").value`))
	h.must(err)
	if typed != "Hello ${user.givenname}!" {
		t.Errorf("the field holds %q", typed)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(document.querySelector("#preview .bubble > p") || {}).textContent || ""`))
		h.must(err)
		if shown == "Hello Given a!" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the preview says %q", shown)
		}
		time.Sleep(20 * time.Millisecond) // polls a real browser
	}
}
