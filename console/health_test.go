package console

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"heliograph/channel"
	"heliograph/channel/all"
	"heliograph/fleet"
	"heliograph/message"
)

// certificateFor is a certificate that ends so many days after testTime, with its key, in PEM.
func certificateFor(t *testing.T, name string, days int) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	until := testTime.Add(time.Duration(days) * 24 * time.Hour)
	shape := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// addServer keeps a server of a kind with some settings.
func (f *fixture) addServer(kind, name string, settings map[string]any) *channel.Server {
	f.Helper()
	p, _ := all.Find(kind)
	s := channel.Server{ID: name, Kind: kind, Name: name, Active: true, Settings: p.Default(), UpdatedAt: testTime}
	text, err := json.Marshal(settings)
	if err == nil {
		err = channel.Decode(s.Settings, text)
	}
	if err != nil {
		f.Fatal(err)
	}
	s.Route = s.Settings.Route()
	f.servers.list = append(f.servers.list, s)
	return &f.servers.list[len(f.servers.list)-1]
}

func furnishExpiry(f *fixture) {
	f.addServer("apns", "Old app", map[string]any{"app": "com.example.agent", "environment": "production", "certificate": certificateFor(f.T, "Apple Push Services: com.example.agent", 20)})
	f.addServer("smtp", "Mail", map[string]any{"host": "mail.example.com", "trusted_ca": certificateFor(f.T, "Example Root CA", 5)})
	f.addServer("fcm", "Android", map[string]any{"app": "com.example.agent", "trusted_ca": certificateFor(f.T, "Lab CA", 61)})
	f.addServer("smtp", "Spare", map[string]any{"host": "spare.example.com", "trusted_ca": certificateFor(f.T, "Old Root CA", -3)}).Active = false
}

func TestWhatEndsIsSaidInTime(t *testing.T) {
	f := signedIn(t)
	furnishExpiry(f)
	banners := f.get("/", http.StatusOK).find("#dashboard-top .alert")
	var said []string
	for _, b := range banners {
		said = append(said, b.attr["class"]+": "+b.words())
	}
	want := []string{
		"alert alert-danger: “Mail”: Trusted CA expires in 5 days.Example Root CA · 26 Mar 2026, 14:05 UTC · Settings",
		"alert alert-warning: “Old app”: Certificate (PEM) expires in 20 days.Apple Push Services: com.example.agent · 10 Apr 2026, 14:05 UTC · Settings",
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("the dashboard says\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	list := f.get("/settings/push-providers", http.StatusOK).find("tbody .expiry")
	for i, want := range []string{"Certificate (PEM) expires in 20 days", "Trusted CA expires in 2 months"} {
		if got := list[i].words(); got != want {
			t.Errorf("the list says %q, want %q", got, want)
		}
	}
	for path, want := range map[string]string{
		"/settings/push-providers/Old app": "Certificate (PEM) expires in 20 days 10 Apr 2026, 14:05 UTC Apple Push Services: com.example.agent",
		"/settings/servers/Spare":          "Trusted CA expired 3 days ago 18 Mar 2026, 14:05 UTC Old Root CA",
	} {
		page := f.get(strings.ReplaceAll(path, " ", "%20"), http.StatusOK)
		if got := page.one(t, "dl.facts").words(); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want in it %q", path, got, want)
		}
	}
}

// A certificate by ACME that does not come is told on the dashboard, once whatever it serves; others need nobody.
func TestCertificatesThatDoNotCome(t *testing.T) {
	ends := testTime.Add(20 * 24 * time.Hour)
	f, _ := signedInMail(t, func(o *Options) {
		o.Certificates = func() []Certificate {
			failing := Certificate{Listener: "console", Name: "a.example.com", Ends: ends, Automatic: true, FailingSince: testTime.Add(-time.Hour), Reason: "rateLimited: too many"}
			again := failing
			again.Listener = "mailbox"
			never, over := failing, failing
			never.Name, never.Ends, never.Reason = "b.example.com", time.Time{}, "dns: no such name"
			over.Name, over.Ends = "c.example.com", testTime.Add(-48*time.Hour)
			return []Certificate{failing, again, never, over, {Listener: "console", Name: "d.example.com", Ends: ends, Automatic: true}}
		}
	})
	want := []string{
		"The TLS certificate for a.example.com could not be renewed; it expires in 20 days. rateLimited: too many",
		"There is no TLS certificate for b.example.com: nobody can connect by this name. dns: no such name",
		"The TLS certificate for c.example.com expired 2 days ago, and no new one comes. rateLimited: too many",
	}
	banners := f.get("/", http.StatusOK).find("#dashboard-top .alert")
	if len(banners) != len(want) || !strings.Contains(banners[0].attr["class"], "warning") || !strings.Contains(banners[1].attr["class"], "danger") {
		t.Fatalf("%d banners, want %d", len(banners), len(want))
	}
	for i, b := range banners {
		if got := b.words(); !strings.HasPrefix(got, want[i]) || !strings.Contains(got, "port 443 or 80") {
			t.Errorf("the dashboard says %q, want %q", got, want[i])
		}
	}
}

// TestPausesAreExplained: every kind of server says why and since when it rests, how often it was tried, when it is
// tried next, and lets itself be tried now, wherever it is shown.
func TestPausesAreExplained(t *testing.T) {
	f := signedIn(t)
	pause := channel.Pause{Since: testTime.Add(-7 * time.Minute), Until: testTime.Add(2 * time.Minute), Step: 3, Reason: message.Throttled, Detail: "It asked for a rest."}
	for _, p := range all.Providers {
		f.addServer(p.Kind, "of-"+p.Kind, nil).Pause = &pause
	}
	dashboard := f.get("/", http.StatusOK)
	if n := len(dashboard.find("[role=alert]")); n != len(all.Providers) {
		t.Errorf("%d banners, want one for each of %d", n, len(all.Providers))
	}
	for _, family := range serverFamilies {
		list := f.get(family.path, http.StatusOK)
		for _, s := range f.servers.list {
			if _, err := (&console{Options: Options{Providers: all.Providers}}).provider(family, s.Kind); err != nil {
				continue
			}
			action := "form[action=" + serverPath(family, s.ID) + "/resume]"
			dashboard.one(t, action+" button")
			list.one(t, action+" button")
			page := f.get(serverPath(family, s.ID), http.StatusOK)
			page.one(t, action+" button")
			for where, words := range map[string]string{
				"the dashboard": dashboard.one(t, "#dashboard-top").words(), "the list": list.words(), "its page": page.words(),
			} {
				for _, want := range []string{"It asked for a rest.", "Too many messages at once", "7 minutes", "tried 3 times", "next try 14:07"} {
					if !strings.Contains(words, want) {
						t.Errorf("%s: %s does not say %q", s.Kind, where, want)
					}
				}
			}
		}
	}
}

// TestHostsThatAreLeftAlone: of a server with many hosts behind it, those that are left alone are explained, the first
// few of them, and can be tried now.
func TestHostsThatAreLeftAlone(t *testing.T) {
	f := signedIn(t)
	s := f.addServer("webpush", "browsers", map[string]any{"app": "https://example.com", "subject": "mailto:it@example.com"})
	for i := range 5 {
		s.Resting = append(s.Resting, channel.Resting{Host: fmt.Sprintf("h%d.example", i), Pause: channel.Pause{
			Since: testTime.Add(-7 * time.Minute), Until: testTime.Add(2 * time.Minute), Step: 3, Reason: message.Throttled,
			Detail: fmt.Sprintf("The push service h%d.example takes no more messages for now.", i),
		}})
	}
	for _, path := range []string{"/", "/settings/push-providers", "/settings/push-providers/browsers"} {
		page := f.get(path, http.StatusOK)
		page.one(t, "form[action=/settings/push-providers/browsers/resume] button")
		words := page.words()
		for _, want := range []string{"5 push services", "h0.example", "h2.example", "Too many messages at once", "7 minutes", "tried 3 times", "next try 14:07", "2 more"} {
			if !strings.Contains(words, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
		if strings.Contains(words, "h3.example") {
			t.Errorf("%s says more than a few", path)
		}
	}
	if words := f.get("/settings", http.StatusOK).words(); !strings.Contains(words, "5 push services are paused") {
		t.Error("the overview of settings says nothing")
	}
}

// TestLastAnswerIsShown: a server that is well and whose last answer was a refusal says so in the list.
func TestLastAnswerIsShown(t *testing.T) {
	f := signedIn(t)
	s := f.addServer("apns", "app", map[string]any{"app": "com.example.agent", "environment": "production"})
	s.AnsweredAt, s.Answer = testTime.Add(-time.Minute), "The device’s token belongs to another app."
	for _, path := range []string{"/settings/push-providers", "/settings/push-providers/app"} {
		words := f.get(path, http.StatusOK).words()
		for _, want := range []string{s.Answer, "answered 1 minute ago"} {
			if !strings.Contains(words, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
}

// TestTokenThatRestsIsExplained: the device's page says when and why.
func TestTokenThatRestsIsExplained(t *testing.T) {
	for state, want := range map[fleet.TokenState][]string{
		fleet.TokenDead:      {"no longer valid", "The app was removed (410 Unregistered).", "3 days ago"},
		fleet.TokenSuspended: {"do not fit each other", "The app was removed (410 Unregistered).", "3 days ago"},
	} {
		d := fleet.NewDevice("d1")
		d.Push = &fleet.PushToken{
			Provider: fleet.APNs, App: "com.example.agent", Environment: fleet.Production, State: state,
			Reason: "The app was removed (410 Unregistered).", Since: testTime.Add(-72 * time.Hour), Arrived: testTime.Add(-900 * time.Hour),
		}
		var page strings.Builder
		ctx := withTestView(t)
		if err := (devicePage{Device: d}).token().Render(ctx, &page); err != nil {
			t.Fatal(err)
		}
		for _, words := range want {
			if !strings.Contains(page.String(), words) {
				t.Errorf("%s: the page does not say %q", state, words)
			}
		}
	}
}

// withTestView is the context of somebody who looks at testTime.
func withTestView(t *testing.T) context.Context {
	v := *viewOf(t.Context())
	v.now = testTime
	return context.WithValue(t.Context(), viewKey{}, &v)
}
