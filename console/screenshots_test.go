package console

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/fleet"
	"heliograph/internal/browsertest"
	"heliograph/message"
	"heliograph/store"
	"heliograph/template"
)

// furnish fills a console with the fleet and the messages of a busy day.
func furnish(f *fixture) {
	platforms := []fleet.Platform{fleet.IOS, fleet.IOS, fleet.IOS, fleet.IOS, fleet.Android, fleet.Android, fleet.Android, fleet.IPadOS, fleet.Windows, fleet.MacOS}
	for i := range 1204 {
		d := fleet.NewDevice(fleet.DeviceID(fmt.Sprintf("device-%04d", i)))
		d.Name, d.Platform = fmt.Sprintf("Phone %d", i), platforms[i%len(platforms)]
		d.Compliant, d.Jailbroken = i%17 != 0, i%401 == 0
		d.LastSeen = testTime.Add(-time.Duration(i*i%9000) * 8 * time.Minute)
		f.figures.devices = append(f.figures.devices, d)
	}
	for hour := range 24 {
		at := testTime.Truncate(time.Hour).Add(time.Duration(hour-23) * time.Hour)
		for _, one := range []store.HourCount{
			{Channel: message.Push, State: message.Sent, N: int64(180 + (hour*97)%420)}, {Channel: message.SMTP, State: message.Sent, N: int64(90 + (hour*53)%260)},
			{Channel: message.Push, State: message.Failed, N: int64(hour * 7 % 23)}, {Channel: message.SMTP, State: message.Skipped, N: int64(hour * 11 % 31)},
		} {
			one.Hour = at
			if hour < 6 {
				one.N /= 6
			}
			f.figures.hours = append(f.figures.hours, one)
		}
	}
	f.figures.accepted = true
	for i, one := range []struct {
		subject            string
		state              message.Progress
		sent, failed, open int64
		ago                time.Duration
	}{
		{"Update to iOS 26.3 before Friday", message.InDelivery, 741, 3, 460, 40 * time.Second},
		{"Your certificate expires in 7 days", message.Expanding, 1000, 12, 12204, 3 * time.Minute},
		{"Welcome to your new device", message.Done, 18, 0, 0, 2 * time.Hour},
		{"Wi-Fi maintenance tonight, 22:00 to 23:30, in all buildings of the campus", message.Done, 1150, 4, 0, 7 * time.Hour},
		{"Please enrol again", message.CancelledByRequest, 12, 0, 0, 26 * time.Hour},
	} {
		n := message.Notification{
			ID: message.NotificationID(fmt.Sprint("n", i)), State: one.state, CreatedAt: testTime.Add(-one.ago),
			Content: template.Content{SMTP: &template.MailText{Subject: one.subject}}, Counts: message.Counts{},
		}
		n.Counts.Add(message.SMTP, message.Sent, one.sent)
		n.Counts.Add(message.SMTP, message.Failed, one.failed)
		n.Counts.Add(message.SMTP, message.Queued, one.open)
		f.figures.recent = append(f.figures.recent, n)
	}
	furnishServers(f)
	furnishCarriers(f)
}

func furnishServers(f *fixture) {
	add := func(kind, name, description string, active bool, fields string) *channel.Server {
		provider, _ := all.Find(kind)
		s := channel.Server{ID: fmt.Sprint("s", len(f.servers.list)), Kind: kind, Name: name, Description: description, Active: active, Settings: provider.Default()}
		if err := channel.Decode(s.Settings, []byte(fields)); err != nil {
			f.Fatal(err)
		}
		s.Route, s.UpdatedAt = s.Settings.Route(), testTime.Add(-40*24*time.Hour)
		f.servers.list = append(f.servers.list, s)
		return &f.servers.list[len(f.servers.list)-1]
	}
	main := add("smtp", "Head office", "Postfix in the DMZ", true, `{"host": "mail.example.com", "port": 465, "security": "ssl", "authentication": true, "username": "heliograph", "password": "s3cret", "from_email": "it@example.com", "from_name": "IT Service Desk"}`)
	main.Pause = &channel.Pause{Since: testTime.Add(-7 * time.Minute), Until: testTime.Add(80 * time.Second), Step: 3, Reason: message.Unreachable, Detail: "Could not connect to mail.example.com: it refused the connection."}
	main.AnsweredAt, main.Answer = testTime.Add(-8*time.Minute), "accepted"
	add("smtp", "Branch office", "", false, `{"host": "10.20.0.25", "from_email": "it@example.com"}`)
	apns := add("apns", "Device app, App Store", "", true, `{"app": "com.example.agent", "environment": "production", "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ", "key_p8": "x"}`)
	apns.AnsweredAt, apns.Answer = testTime.Add(-20*time.Second), "accepted"
	add("fcm", "Device app, Android", "", true, `{"app": "com.example.agent", "service_account": "{}"}`)
	f.servers.report = channel.Report{
		Steps:    []channel.Step{{Name: "resolve", OK: true, Detail: "192.0.2.10"}, {Name: "connect", OK: true, Detail: "192.0.2.10:465"}, {Name: "tls", OK: true, Detail: "TLS 1.3"}, {Name: "auth", Detail: "535 5.7.8"}},
		Dialogue: []string{"S: 220 mail.example.com ESMTP", "C: EHLO console.example.com", "S: 250-mail.example.com", "S: 250 AUTH PLAIN LOGIN", "C: AUTH PLAIN ***", "S: 535 5.7.8 Authentication failed"},
		Reason:   message.Credentials, Detail: "The mail server refused the user name or password: “535 5.7.8 Authentication failed”.",
	}
}

// shot is one page to look at. Its steps are done after it has loaded.
type shot struct {
	name  string
	on    *fixture
	path  string
	steps []chromedp.Action[chromedp.Void]
}

// TestScreenshots takes a picture of each page on a desk and on a phone, light and dark, for people to look at. It fails
// when a script of a page throws, or when a page breaks its own Content-Security-Policy.
func TestScreenshots(t *testing.T) {
	full, bare := newFixture(t), newFixture(t)
	furnish(full)
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	for _, s := range []shot{
		{name: "sign-in", on: newFixture(t), path: "/sign-in?next=/devices"},
		{name: "dashboard", on: full, path: "/"},
		{name: "dashboard-new", on: bare, path: "/"},
		{name: "servers", on: full, path: "/settings/servers"},
		{name: "servers-none", on: bare, path: "/settings/servers"},
		{name: "server", on: full, path: "/settings/servers/s0"},
		{name: "server-test", on: full, path: "/settings/servers/s0", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS(".form-foot button[popovertarget=test]")),
			chromedp.SendKeys(chromedp.CSS("#to"), "ada@example.com\r"),
			chromedp.WaitVisible(chromedp.CSS("#test-result .steps-list")),
			chromedp.Click(chromedp.CSS("#test-result summary")),
		}},
		{name: "server-new-refused", on: bare, path: "/settings/servers/new?kind=smtp", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS(".form-switch input")),
			chromedp.Click(chromedp.CSS(".form-foot button[type=submit]")),
			chromedp.WaitVisible(chromedp.CSS(".problem-list")),
		}},
		{name: "server-delete", on: full, path: "/settings/servers", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS("button[popovertarget=delete-s0]")),
			chromedp.WaitVisible(chromedp.CSS("#delete-s0")),
		}},
		{name: "push-providers", on: full, path: "/settings/push-providers"},
		{name: "push-new", on: full, path: "/settings/push-providers/new?kind=apns"},
		{name: "carriers", on: full, path: "/settings/carrier-gateways"},
		{name: "carrier-detect", on: full, path: "/settings/carrier-gateways", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS("button[popovertarget=detect][hx-get]")),
			chromedp.WaitVisible(chromedp.CSS("#detect-new")),
		}},
		{name: "carrier-detect-none", on: bare, path: "/settings/carrier-gateways", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS("button[popovertarget=detect][hx-get]")),
			chromedp.WaitVisible(chromedp.CSS(".found-none")),
		}},
		{name: "carrier-detect-page", on: full, path: "/settings/carrier-gateways/detect"},
		{name: "carrier", on: full, path: "/settings/carrier-gateways/known-16"},
		{name: "carrier-new-refused", on: full, path: "/settings/carrier-gateways/new?carrier=Contoso", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS(".form-foot button[type=submit]")),
			chromedp.WaitVisible(chromedp.CSS(".problem-list")),
		}},
		{name: "carrier-delete", on: full, path: "/settings/carrier-gateways", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Click(chromedp.CSS("button[popovertarget=delete-known-2]")),
			chromedp.WaitVisible(chromedp.CSS("#delete-known-2")),
		}},
		{name: "settings", on: full, path: "/settings"},
		{name: "about", on: full, path: "/settings/about"},
		{name: "not-found", on: full, path: "/nowhere"},
	} {
		s.take(ctx, t)
	}
	wantQuiet(ctx, t, messages)
}

// shotTime is how long one page may take to become ready.
const shotTime = 30 * time.Second

// take takes the pictures of one page. Pictures are higher than screens are, to show what is below the fold.
func (s shot) take(ctx context.Context, t *testing.T) {
	path := "/enter/let-me-in?next=" + url.QueryEscape(s.path)
	if strings.HasPrefix(s.path, "/sign-in") {
		path = s.path
	}
	for _, size := range []struct {
		name          string
		width, height int
	}{{"desk", 1440, 1100}, {"phone", 390, 1300}} {
		for mode, dark := range map[string]bool{"light": false, "dark": true} {
			name := s.name + "-" + size.name + "-" + mode
			ctx, cancel := context.WithTimeout(ctx, shotTime)
			defer cancel()
			if err := browsertest.View(ctx, size.width, size.height, dark); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Do(ctx, append([]chromedp.Action[chromedp.Void]{browsertest.Visit(s.on.url + path)}, s.steps...)...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			file := filepath.Join(browsertest.ScreenshotDir(t), "console-"+name+".png")
			if err := browsertest.Screenshot(ctx, file, size.width, size.height, dark); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// wantQuiet fails when the pages said anything on the browser's console but what a 404 or 422 of our own asking says.
func wantQuiet(ctx context.Context, t *testing.T, messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	t.Helper()
	const end = "no more pages"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`console.log("`+end+`")`)); err != nil {
		t.Fatal(err)
	}
	for m, err := range messages {
		switch {
		case err != nil:
			t.Fatal(err)
		case m.Text == end:
			return
		case m.Type == chromedp.ConsoleDebug: // a hint about forms with two secrets
		case strings.Contains(m.Text, "Autofocus processing was blocked"): // a hint: somebody was quicker
		case strings.Contains(m.Text, "status of 404"), strings.Contains(m.Text, "status of 422"):
		default:
			t.Errorf("%s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line)
		}
	}
}
