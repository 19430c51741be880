package console

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/intake"
	"heliograph/internal/browsertest"
	"heliograph/mailbox"
	"heliograph/store"
)

// fakeMail decides about mail push as the door does, and knows what it is told of health and devices.
type fakeMail struct {
	settings mailbox.Settings
	place    mailbox.Place
	keys     []mailbox.AppKey
	health   mailbox.Health
	devices  map[string]mailbox.Diagnosis // by support code
	apps     map[mailbox.Platform][]string
	released map[string]bool // by app: dead
	looked   int
}

func newFakeMail() *fakeMail {
	return &fakeMail{settings: mailbox.DefaultSettings(), health: mailbox.Health{At: testTime}, devices: map[string]mailbox.Diagnosis{}, released: map[string]bool{}}
}

func (f *fakeMail) MailSettings(context.Context) (mailbox.Settings, error) { return f.settings, nil }

func (f *fakeMail) SetMailSettings(ctx context.Context, _ access.Actor, s mailbox.Settings) (mailbox.Settings, error) {
	put, err := mailbox.NewConfig(&memory{}, nil).Put(ctx, s)
	if err == nil {
		f.settings = put
	}
	return put, err
}

// memory keeps no setting.
type memory struct{}

func (memory) Setting(context.Context, string) (string, error)                   { return "", nil }
func (memory) PutSetting(context.Context, string, string, ...access.Entry) error { return nil }

func (f *fakeMail) MailPlace(context.Context) (mailbox.Place, error) {
	return f.settings.Place(func() string { return f.place.Registration }, func() string { return f.place.Listener }), nil
}

func (f *fakeMail) MailApps(context.Context) (map[mailbox.Platform][]string, error) {
	return f.apps, nil
}

func (f *fakeMail) AppKeys(context.Context) ([]mailbox.AppKey, error) {
	return slices.Clone(f.keys), nil
}

func (f *fakeMail) AppKey(_ context.Context, id string) (mailbox.AppKey, error) {
	if i := f.at(id); i >= 0 {
		return f.keys[i], nil
	}
	return mailbox.AppKey{}, store.ErrNotFound
}

func (f *fakeMail) at(id string) int {
	return slices.IndexFunc(f.keys, func(k mailbox.AppKey) bool { return k.ID == id })
}

func (f *fakeMail) CreateAppKey(_ context.Context, _ access.Actor, n mailbox.NewAppKey) (string, mailbox.AppKey, error) {
	k, err := n.Check()
	if err != nil {
		return "", k, err
	}
	k.ID, k.CreatedAt = "k"+n.Name, testTime
	f.keys = append(f.keys, k)
	return mailbox.AppKeyPrefix + "secret-of-" + n.Name, k, nil
}

func (f *fakeMail) RevokeAppKey(ctx context.Context, _ access.Actor, id string) (mailbox.AppKey, error) {
	k, err := f.AppKey(ctx, id)
	if err == nil {
		f.keys[f.at(id)].RevokedAt = testTime
	}
	return k, err
}

func (f *fakeMail) MailConfiguration(ctx context.Context, apps map[mailbox.Platform]string, key string) ([]mailbox.Value, []mailbox.Document, error) {
	place, err := f.MailPlace(ctx)
	values := mailbox.Configuration(f.settings, place, key)
	return values, mailbox.Documents(values, apps), err
}

func (f *fakeMail) MailNetwork(ctx context.Context) (intake.MailNetwork, error) {
	place, err := f.MailPlace(ctx)
	n := intake.MailNetwork{Place: place, Proxy: mailbox.ExchangeProxy(place.Listener), Rules: []intake.MailRule{intake.AllowRegistration, intake.BackgroundServices}}
	n.EWS = channel.Peer{Host: f.settings.EWSHost, Port: 443}
	if f.settings.EWSHost != "" {
		n.Rules = append(n.Rules, intake.TrafficPolicyForEWS)
	}
	for purpose, origin := range map[channel.Purpose]string{channel.ForRegistration: place.Registration, channel.ForMailbox: place.Listener} {
		for _, peer := range channel.PeersAt(purpose, origin) {
			n.List = append(n.List, intake.Requirement{Peer: peer, Inbound: true})
			if purpose == channel.ForRegistration {
				n.Registration = peer
			}
		}
	}
	return n, err
}

func (f *fakeMail) MailNetworkNow(ctx context.Context) (intake.MailNetwork, error) {
	f.looked++
	n, err := f.MailNetwork(ctx)
	for i := range n.List {
		n.List[i].Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.44")}
	}
	n.At = testTime
	return n, err
}

func (f *fakeMail) Diagnosis(_ context.Context, typed string) (mailbox.Diagnosis, error) {
	code, _ := mailbox.ParseSupportCode(typed)
	if d, has := f.devices[code]; has {
		return d, nil
	}
	return mailbox.Diagnosis{}, mailbox.ErrUnknown
}

// MailHealth cuts off what is older than was asked for, as the store does.
func (f *fakeMail) MailHealth(_ context.Context, hours int) (mailbox.Health, error) {
	h := f.health
	h.Hours = slices.DeleteFunc(slices.Clone(h.Hours), func(one mailbox.HealthHour) bool {
		return one.Hour.Before(testTime.Truncate(time.Hour).Add(-time.Duration(hours-1) * time.Hour))
	})
	return h, nil
}

func (f *fakeMail) ReleaseBrake(_ context.Context, _ access.Actor, app string, dead bool) (int64, error) {
	i := slices.IndexFunc(f.health.Brakes, func(b mailbox.Brake) bool { return b.App == app })
	if i < 0 {
		return 0, mailbox.ErrNoBrake
	}
	held := f.health.Brakes[i].Held
	f.health.Brakes, f.released[app] = slices.Delete(f.health.Brakes, i, i+1), dead
	return held, nil
}

// figureOf is the figure of a word of the API.
func figureOf(t *testing.T, word string) mailbox.Figure {
	t.Helper()
	for f := mailbox.Figure(1); f.String() != ""; f++ {
		if f.String() == word {
			return f
		}
	}
	t.Fatalf("there is no figure %q", word)
	return 0
}

// signedInMail is a visitor of a console with mail push.
func signedInMail(t *testing.T, change ...func(*Options)) (*fixture, *fakeMail) {
	mail := newFakeMail()
	return signedIn(t, append([]func(*Options){func(o *Options) { o.MailPush = mail }}, change...)...), mail
}

const mailApp = "com.example.mail"

// furnishMail is a day with everything in it that can happen.
func furnishMail(t *testing.T, f *fakeMail) {
	t.Helper()
	f.place = mailbox.Place{Registration: "https://register.emea.example.com", Listener: "https://listener.emea.example.com"}
	f.apps = map[mailbox.Platform][]string{mailbox.IOS: {mailApp}}
	h := &f.health
	h.ListeningSince, h.HeardAt = testTime.Add(-time.Hour), testTime.Add(-time.Second)
	h.Registrations = []mailbox.RegistrationCount{{Platform: mailbox.IOS, App: mailApp, State: mailbox.Live, N: 1204}, {Platform: mailbox.IOS, App: mailApp, State: mailbox.TokenRejected, N: 3}}
	for i := range 30 {
		hour := testTime.Truncate(time.Hour).Add(time.Duration(i-29) * time.Hour)
		for word, n := range map[string]int64{"event": 10, "heartbeat": 40, "accepted": 9, "pending": 1} {
			h.Hours = append(h.Hours, mailbox.HealthHour{Hour: hour, What: figureOf(t, word), N: n})
		}
	}
	h.Reasons = []mailbox.HealthReason{{What: figureOf(t, "pending"), Reason: "throttled", N: 20}, {What: figureOf(t, "pending"), Reason: "budget", N: 4}}
	for bound, n := range map[int]int64{5: 70, 25: 25, 1000: 5} {
		h.Latency = append(h.Latency, mailbox.HealthBucket{Leg: mailbox.Carriage, Bound: bound, N: n})
	}
	h.Pending, h.PendingSince = 2, testTime.Add(-3*time.Minute)
	h.Servers = []mailbox.HealthServer{{Name: "0f8a7277", Lost: 812, Recovered: 340, Alarm: testTime.Add(-7 * time.Minute)}, {Name: "77aa0012", Lost: 3, Recovered: 3}}
	h.Brakes = []mailbox.Brake{{App: mailApp, Since: testTime.Add(-time.Hour), Deaths: 61, Registrations: 1200, Held: 60}}
}

func TestMailOverview(t *testing.T) {
	ends := testTime.Add(5 * 24 * time.Hour)
	f, mail := signedInMail(t, func(o *Options) {
		o.Certificates = func() []Certificate {
			return []Certificate{
				{Listener: "mailbox", Name: "listener.emea.example.com", Ends: ends}, {Listener: "console", Name: "console.example.com", Ends: ends},
				{Listener: "registration", Name: "register.example.com", Ends: ends, Automatic: true},
				{Listener: "mailbox", Name: "new.example.com", Automatic: true},
				{Listener: "mailbox", Name: "old.example.com", Ends: ends, Automatic: true, FailingSince: testTime.Add(-3 * time.Hour), Reason: "dns: no such name"},
			}
		}
	})
	furnishMail(t, mail)
	page := f.get(mailPath, http.StatusOK)
	f.wantTitle(page, "Mail push")
	for selector, words := range map[string][]string{
		".stats":             {"1,204", "3 with refused tokens", "240", "216", "the oldest 3 minutes ago"},
		".alert-danger":      {"0f8a7277", "for 7 minutes", "28 a second"},
		".brake":             {mailApp, "61 of 1,200 registrations died", "60 registrations wait"},
		".columns":           {"under 5 ms 70", "under 1 s 5"},
		".shares":            {"half under 5 ms", "95% under 25 ms", "99% under 1 s"},
		"#mail-rest .counts": {"Too many messages at once 20", "the device had its share for now 4"},
	} {
		shown := ""
		for _, e := range page.find(selector) {
			shown += e.words() + " "
		}
		for _, w := range words {
			if !strings.Contains(shown, w) {
				t.Errorf("%s shows %q, and not %q", selector, shown, w)
			}
		}
	}
	f.rowOf(page, "0f8a7277", "812", "340", "Alarm for 7 minutes")
	f.rowOf(page, "77aa0012", "No alarm")
	f.rowOf(page, "listener.emea.example.com", "TLS of the listener", "expires in 5 days")
	f.rowOf(page, "register.example.com", "TLS of the registration service", "expires in 5 days", "Renewed by itself (ACME)")
	f.rowOf(page, "new.example.com", "none yet", "Renewed by itself")
	f.rowOf(page, "old.example.com", "expires in 5 days", "failing for 3 hours", "dns: no such name")
	if strings.Contains(page.text.String(), "console.example.com") {
		t.Error("the console's certificate is no part of mail push")
	}
	if len(page.find(".setup")) > 0 {
		t.Error("the checklist is there after the first event")
	}
	if data := page.one(t, "#mail-data").attr["data-plot"]; !strings.Contains(data, `"lines":true`) || strings.Count(data, "[") != 7-1 {
		t.Errorf("the plot is of %s", data)
	}
	week := f.get(mailPath+"?hours=168", http.StatusOK)
	if stats := week.one(t, ".stats").words(); !strings.Contains(stats, "300") || !strings.Contains(stats, "last 7 days") {
		t.Errorf("a week shows %q", stats)
	}
	live := f.get(mailPath+"/live?hours=168", http.StatusOK)
	live.one(t, "#mail-top")
	if got := live.one(t, "#mail-rest").attr["hx-swap-oob"]; got != "true" {
		t.Error("the rest of the page does not find its place")
	}
}

func TestMailOverviewSaysWhatToDoFirst(t *testing.T) {
	f, mail := signedInMail(t)
	steps := func() (done int) { return len(f.get(mailPath, http.StatusOK).find(".setup-done")) }
	page := f.get(mailPath, http.StatusOK)
	if got := len(page.find(".setup-steps li")); got != 5 || steps() != 0 {
		t.Fatalf("%d steps", got)
	}
	if !strings.Contains(page.one(t, ".alert-danger").words(), "Nobody listens") {
		t.Error("nobody listens, and the page does not say so")
	}
	mail.apps = map[mailbox.Platform][]string{mailbox.IOS: {mailApp}}
	mail.place = mailbox.Place{Registration: "http://127.0.0.1:8081", Listener: "http://[::1]:8082"}
	if steps() != 1 {
		t.Error("addresses of this machine alone count as done")
	}
	mail.settings.RegistrationURL, mail.settings.ListenerURL = "https://register.example.com", "https://listener.example.com"
	mail.keys = []mailbox.AppKey{{ID: "k", Name: "K", CreatedAt: testTime}}
	mail.health.Registrations = []mailbox.RegistrationCount{{App: mailApp, State: mailbox.Live, N: 1}}
	if steps() != 4 {
		t.Errorf("%d steps are done, want 4", steps())
	}
	mail.health.Hours = []mailbox.HealthHour{{Hour: testTime.Add(-20 * 24 * time.Hour), What: figureOf(t, "event"), N: 1}}
	if got := f.get(mailPath, http.StatusOK).find(".setup"); len(got) > 0 {
		t.Error("the checklist comes back when nothing happened for a day")
	}
}

func TestBrakeIsReleased(t *testing.T) {
	for answer, dead := range map[string]bool{"confirm": true, "dismiss": false} {
		f, mail := signedInMail(t)
		furnishMail(t, mail)
		page := f.get(mailPath, http.StatusOK)
		action := ""
		for _, form := range page.find(".ask form") {
			if strings.Contains(form.attr["action"], answer) {
				action = form.attr["action"]
			}
		}
		said := f.post(action, http.StatusOK).one(t, ".flash").words()
		if got, released := mail.released[mailApp]; !released || got != dead || !strings.Contains(said, "60 registrations") {
			t.Errorf("%s: released %v, dead %v: %q", answer, released, got, said)
		}
		if said := f.post(action, http.StatusOK).one(t, ".flash").words(); !strings.Contains(said, "already") {
			t.Errorf("a second time: %q", said)
		}
	}
}

// mailForm is the settings' form as it stands, with some fields changed.
func mailForm(changed ...string) []string {
	values := mailValues(mailbox.DefaultSettings())
	values["enabled"] = "true"
	for i := 0; i < len(changed); i += 2 {
		values[changed[i]] = changed[i+1]
	}
	var form []string
	for name, value := range values {
		if name != "enabled" || value == "true" {
			form = append(form, name, value)
		}
	}
	return form
}

func TestMailSettings(t *testing.T) {
	f, mail := signedInMail(t)
	f.post(mailSettingsPath, http.StatusOK, mailForm("enabled", "", "regions", "EMEA\r\n Nordics\r\n", "region", "Nordics", "ews_host", " ews.example.com ",
		"registration_url", "https://register.example.com/", "wake", "rich", "status_frequency_minutes", "60", "coalesce_ms", "0")...)
	s := mail.settings
	if s.Enabled || s.Region != "Nordics" || !slices.Equal(s.Regions, []string{"EMEA", "Nordics"}) || s.EWSHost != "ews.example.com" || s.Wake != "rich" ||
		s.RegistrationURL != "https://register.example.com" || s.StatusFrequencyMinutes != 60 || s.CoalesceMS != 0 {
		t.Errorf("stored %+v", s)
	}
	page := f.get(mailSettingsPath, http.StatusOK)
	if page.one(t, "#region option[selected]").words() != "Nordics" || page.one(t, "#ews_host").attr["value"] != "ews.example.com" {
		t.Error("the form does not show what was saved")
	}
	if !strings.Contains(f.get(mailPath, http.StatusOK).one(t, ".alert-warning").words(), "Push notifications are off.") {
		t.Error("the overview does not say that push is off")
	}
}

func TestMailSettingsPlaceProblems(t *testing.T) {
	for field, c := range map[string]struct{ typed, words string }{
		"ews_host":                 {"https://ews.example.com/EWS", "host name"},
		"listener_url":             {"listener", "origin"},
		"status_frequency_minutes": {"soon", "from 1 to 1,440"},
		"coalesce_ms":              {"-5", "from 0 to"},
		"region":                   {"Mars", "one of the regions"},
		"regions":                  {"Americas\n" + strings.Repeat("x", 60), "“" + strings.Repeat("x", 60) + "” must be one line"},
		"wake":                     {"loud", "badge, background or rich"},
	} {
		f, mail := signedInMail(t)
		before := mail.settings
		page := f.post(mailSettingsPath, http.StatusUnprocessableEntity, mailForm(field, c.typed)...)
		words := strings.ReplaceAll(page.one(t, "#"+field+"-problem").words(), "1440", "1,440")
		if !strings.Contains(words, c.words) {
			t.Errorf("%s says %q, want %q", field, words, c.words)
		}
		if input := page.find("input#" + field); len(input) > 0 && input[0].attr["value"] != c.typed {
			t.Errorf("%s has lost what was typed: %q", field, input[0].attr["value"])
		}
		if mail.settings.Wake != before.Wake || mail.settings.ListenerURL != before.ListenerURL {
			t.Errorf("%s: something was stored", field)
		}
	}
}

func TestAppKeys(t *testing.T) {
	f, mail := signedInMail(t)
	f.get(appKeysPath, http.StatusOK).one(t, ".nothing")
	page := f.post(appKeysPath+"/new", http.StatusUnprocessableEntity, "name", "", "networks", "10.0.0.0/8\nhere")
	if got := page.one(t, "#networks-problem").words(); !strings.Contains(got, "“here” must be a network") {
		t.Errorf("networks: %q", got)
	}
	page.one(t, "#name-problem")
	if got := page.one(t, "#networks").text.String(); !strings.Contains(got, "here") {
		t.Errorf("what was typed is lost: %q", got)
	}
	page = f.post(appKeysPath+"/new", http.StatusOK, "name", "2027", "networks", "10.1.2.3/8, 192.0.2.7", "mail_networks", "")
	if got := page.one(t, "#secret").words(); got != "hgk_secret-of-2027" {
		t.Errorf("the key is shown as %q", got)
	}
	page = f.get(appKeysPath, http.StatusOK)
	if strings.Contains(page.text.String(), "secret-of") {
		t.Error("the key is shown a second time")
	}
	f.rowOf(page, "2027", "10.0.0.0/8", "192.0.2.7", "from anywhere", "never")
	page.one(t, "#revoke-k2027 form")
	page = f.post(appKeysPath+"/k2027/revoke", http.StatusOK)
	f.rowOf(page, "2027", "Revoked")
	if mail.keys[0].Valid() {
		t.Error("the key is valid")
	}
	f.post(appKeysPath+"/none/revoke", http.StatusNotFound)
}

func TestMailConfiguration(t *testing.T) {
	f, mail := signedInMail(t)
	furnishMail(t, mail)
	page := f.get(mailConfigurationPath, http.StatusOK)
	if got := page.one(t, "#text-ios-plist").text.String(); !strings.Contains(got, mailbox.AppKeyPlaceholder) || !strings.Contains(got, "https://register.emea.example.com") {
		t.Errorf("without a key: %s", got)
	}
	if page.one(t, "#ios_app").attr["value"] != mailApp {
		t.Error("the only app is not filled in")
	}
	page = f.post(mailConfigurationPath, http.StatusUnprocessableEntity, "app_key", "hunter2")
	page.one(t, "#app_key-problem")
	page = f.post(mailConfigurationPath, http.StatusOK, "app_key", "hgk_abc", "android_app", "org.example.mail")
	for _, id := range []string{"ios-plist", "ios-appconfig", "ios-json", "android-json", "android-restrictions"} {
		if !strings.Contains(page.one(t, "#text-"+id).text.String(), "hgk_abc") {
			t.Errorf("%s lacks the key", id)
		}
	}
	response, err := f.client.PostForm(f.url+mailConfigurationPath+"/download", url.Values{"app_key": {"hgk_abc"}, "ios_app": {mailApp}, "document": {"ios-appconfig"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.Header.Get("Content-Disposition") != `attachment; filename="appconfig.xml"` || !strings.Contains(string(body), "<bundleId>"+mailApp+"<") || !strings.Contains(string(body), "hgk_abc") {
		t.Errorf("the file is %v %s %v", response.Header, body, err)
	}
	if list := f.access.exported; len(list) != 1 || !strings.Contains(list[0], "appconfig.xml") || strings.Contains(list[0], "hgk_abc") {
		t.Errorf("the audit log says %q", list)
	}
	f.post(mailConfigurationPath+"/download", http.StatusNotFound, "document", "none")
}

func TestMailNetwork(t *testing.T) {
	f, mail := signedInMail(t)
	if got := f.get(mailNetworkPath, http.StatusOK).one(t, ".alert-warning").words(); !strings.Contains(got, "not known") {
		t.Errorf("without an address: %q", got)
	}
	furnishMail(t, mail)
	page := f.get(mailNetworkPath, http.StatusOK)
	if mail.looked > 0 {
		t.Error("names are looked up before the page is there")
	}
	f.rowOf(page, "Exchange servers", "listener.emea.example.com", "TCP 443")
	if got := page.one(t, "#proxy-snippet").text.String(); !strings.Contains(got, "<defaultProxy>") || !strings.Contains(got, `listener\.emea\.example\.com`) {
		t.Errorf("the snippet is %s", got)
	}
	if text := page.text.String(); !strings.Contains(text, mailbox.ExchangeConfig) || strings.Contains(text, "traffic policy") {
		t.Error("the rules are not those of the settings")
	}
	mail.settings.EWSHost = "ews.example.com"
	if text := f.get(mailNetworkPath+"?look=1", http.StatusOK).text.String(); !strings.Contains(text, "traffic policy") || !strings.Contains(text, "ews.example.com:443") || !strings.Contains(text, "192.0.2.44") {
		t.Error("EWS on a host of its own needs a rule, and names are looked up for who asks")
	}
	f.rowOf(f.get(mailNetworkPath+"/now", http.StatusOK), "192.0.2.44")
}

// sickDevice is one to which much has happened.
func sickDevice() mailbox.Diagnosis {
	four := 4
	return mailbox.Diagnosis{
		Registration: mailbox.Registration{
			SupportCode: "7KD4PX2M", Platform: mailbox.IOS, App: mailApp, Environment: "production", Wake: mailbox.WakeBadge, State: mailbox.TokenRejected,
			StateReason: "token_mismatch", StateAt: testTime.Add(-time.Hour), CreatedAt: testTime.Add(-48 * time.Hour), HeardAt: testTime.Add(-time.Minute),
			WakeAt: testTime.Add(-time.Hour), WakeResult: "rejected", WakeReason: "token_mismatch", Badge: mailbox.Badge{Count: &four}, Events: 12, Wakes: 11, Gaps: 1, Resubscribe: true,
			Subscriptions: []mailbox.Subscription{{Folder: mailbox.Inbox, Frequency: 30 * time.Minute, HeardAt: testTime.Add(-time.Minute), LostAt: testTime, ServerHash: []byte{0x0f, 0x8a, 0x72, 0x77, 1}}},
		},
		AppKeyName: "2027",
		Timeline: []mailbox.Line{
			{At: testTime.Add(-48 * time.Hour), What: mailbox.LineRegistered, Detail: "ios"},
			{At: testTime.Add(-47 * time.Hour), What: mailbox.LineSubscribed, Detail: "inbox"},
			{At: testTime.Add(-2 * time.Hour), What: mailbox.HappenedGap.String(), Detail: "inbox"},
			{At: testTime.Add(-time.Hour), What: mailbox.LineWake, Detail: "rejected: token_mismatch"},
		},
	}
}

func TestDiagnosis(t *testing.T) {
	f, mail := signedInMail(t)
	mail.devices["7KD4PX2M"] = sickDevice()
	f.get(diagnosisPath, http.StatusOK).one(t, ".nothing")
	for typed, words := range map[string]string{"ABCD": "eight letters", "2222-2222": "no registration with this code"} {
		page := f.get(diagnosisPath+"?code="+typed, http.StatusNotFound)
		if got := page.one(t, "#code-problem").words(); !strings.Contains(got, words) {
			t.Errorf("%s: %q", typed, got)
		}
		if page.one(t, "#code").attr["value"] != typed {
			t.Error("what was typed is lost")
		}
	}
	page := f.get(diagnosisPath+"?code=7kd4+px2m", http.StatusOK)
	lines := page.find(".timeline li")
	want := []string{"Last wake Token refused: Push token belongs to another app", "A notification is missing Inbox", "Subscribed Inbox", "Registered iOS"}
	for i, w := range want {
		if len(lines) != len(want) || !strings.HasPrefix(lines[i].words(), w) {
			t.Fatalf("line %d is not %q: %d lines", i, w, len(lines))
		}
	}
	f.rowOf(page, "Inbox", "Lost", "30 minutes", "0f8a7277")
	side := page.one(t, ".two-side").words()
	for _, w := range []string{"7KD4-PX2M", "Token refused", "Push token belongs to another app", "asked to subscribe again", "2027", "Badge 4", "Missing notifications 1"} {
		if !strings.Contains(side, w) {
			t.Errorf("%q is not in %q", w, side)
		}
	}
	f.get(diagnosisPath+"/live?code=7KD4-PX2M", http.StatusOK).one(t, "#diagnosis .timeline")
}

// Support helps with a code, and sees nothing else of mail push.
func TestMailPushPermissions(t *testing.T) {
	mail := newFakeMail()
	furnishMail(t, mail)
	for role, sees := range map[access.Role]bool{access.Support: false, access.Auditor: true} {
		f := newFixture(t, func(o *Options) { o.MailPush = mail })
		a := f.signInAs(string(role))
		a.Role, a.Scope = role, access.Everything
		status := http.StatusForbidden
		if sees {
			status = http.StatusOK
		}
		for _, path := range []string{mailPath, mailSettingsPath, appKeysPath, mailConfigurationPath, mailNetworkPath} {
			f.get(path, status)
		}
		page := f.get(diagnosisPath, http.StatusOK)
		if tabs := len(page.find(".mail-nav a")); sees != (tabs == len(mailTabs)) || !sees && tabs != 1 {
			t.Errorf("%s is led to %d pages", role, tabs)
		}
		f.post(mailSettingsPath, http.StatusForbidden)
		f.post(brakePath("confirm", mailApp), http.StatusForbidden)
		if sees && len(f.get(mailPath, http.StatusOK).find(".brake button")) > 0 {
			t.Error("an auditor is offered to release the brake")
		}
	}
}

// TestMailPlot draws in a real browser, and copies a configuration.
func TestMailPlot(t *testing.T) {
	mail := newFakeMail()
	furnishMail(t, mail)
	mail.devices["7KD4PX2M"] = sickDevice()
	f := newFixture(t, func(o *Options) { o.MailPush = mail })
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	if err := chromedp.Do(ctx,
		browsertest.Visit(f.url+"/enter/let-me-in?next="+mailPath),
		chromedp.WaitVisible(chromedp.CSS("#mail-plot canvas")),
	); err != nil {
		t.Fatal(err)
	}
	labels, err := chromedp.Run(ctx, chromedp.Evaluate[string](`Array.from(document.querySelectorAll("#mail-plot .u-label")).map(e => e.textContent).join()`))
	if err != nil || !strings.Contains(labels, "Events") || !strings.Contains(labels, "Heartbeats") {
		t.Errorf("the plot shows %q, %v", labels, err)
	}
	for _, s := range []shot{
		{name: "mail-push", on: f, path: mailPath},
		{name: "mail-push-brake", on: f, path: mailPath, steps: []chromedp.Action[chromedp.Void]{chromedp.Click(chromedp.CSS(".brake .btn-danger")), chromedp.WaitVisible(chromedp.CSS("#confirm-0"))}},
		{name: "mail-push-settings", on: f, path: mailSettingsPath},
		{name: "mail-push-keys", on: f, path: appKeysPath},
		{name: "mail-push-configuration", on: f, path: mailConfigurationPath},
		{name: "mail-push-network", on: f, path: mailNetworkPath + "?look=1"},
		{name: "mail-push-diagnosis", on: f, path: diagnosisPath + "?code=7KD4PX2M"},
	} {
		s.take(ctx, t)
	}
	wantQuiet(ctx, t, messages)
}
