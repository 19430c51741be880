package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heliograph/app"
	"heliograph/internal/browsertest"
	"heliograph/sim"
	"heliograph/sim/phone"
)

// startDemo starts a small one.
func startDemo(t *testing.T, o Options) *Demo {
	t.Helper()
	d, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// trusting is a client that trusts the authority of the ready file.
func trusting(t *testing.T, r app.Ready) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the CA file holds no certificate")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
}

// call sends JSON and reads the answer into out, unless that is nil.
func call(t *testing.T, client *http.Client, method, url, body string, out any) (status int) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(out); err != nil {
			t.Fatalf("%s %s: %d %s", method, url, response.StatusCode, text)
		}
	}
	return response.StatusCode
}

// phones are the mail phones on the inbox's page, by id.
func phones(t *testing.T, r app.Ready) map[string]phone.Phone {
	t.Helper()
	var page struct{ Items []phone.Phone }
	if status := call(t, trusting(t, r), http.MethodGet, r.Sims[sim.Inbox]+"/_sim/phones", "", &page); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	found := map[string]phone.Phone{}
	for _, p := range page.Items {
		if p.Mail != nil {
			found[p.Mail.ID] = p
		}
	}
	return found
}

// until looks at the phones until they are as they should be.
func until(t *testing.T, d *Demo, what string, done func(map[string]phone.Phone) bool) map[string]phone.Phone {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		changed := d.sims.Mailers().Changed()
		found := phones(t, d.Ready())
		if done(found) {
			return found
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: not in a minute: %+v", what, found)
		}
	}
}

// A new mail in the simulated Exchange goes all the way: listener, push service, badge, and the phone's own sync. Each of
// the phones is woken in its way; what is read elsewhere takes the badge down.
func TestNewMailReachesThePhones(t *testing.T) {
	d := startDemo(t, Options{})
	r := d.Ready()
	signedIn := phones(t, r)
	if len(signedIn) != len(mailPhones) {
		t.Fatalf("%d mail phones: %v", len(signedIn), signedIn)
	}
	for id, p := range signedIn {
		if p.Mail.SupportCode == "" || p.Mail.Registration == "" || p.Badge != 0 || len(p.Cards) != 0 {
			t.Errorf("%s: %+v %+v", id, p, p.Mail)
		}
		if status := call(t, trusting(t, r), http.MethodPost, r.Sims[sim.Exchange]+"/_sim/mail", fmt.Sprintf(`{"mailbox": %q, "from": "Lena", "subject": "For %s"}`, p.Mail.Mailbox, id), nil); status != http.StatusOK {
			t.Errorf("new mail: %d", status)
		}
	}
	until(t, d, "a mail on each lock screen", func(now map[string]phone.Phone) bool {
		for id, p := range now {
			if p.Badge != 1 || len(p.Cards) != 1 || p.Cards[0].Body != "For "+id {
				return false
			}
		}
		return true
	})
	for id := range signedIn {
		if status := call(t, trusting(t, r), http.MethodPost, r.Sims[sim.Inbox]+"/_sim/phones/"+id+"/read", `{}`, nil); status != http.StatusNoContent {
			t.Errorf("reading: %d", status)
		}
	}
	until(t, d, "everything read", func(now map[string]phone.Phone) bool {
		for _, p := range now {
			if p.Badge != 0 || len(p.Cards) != 0 {
				return false
			}
		}
		return true
	})
}

// Exchange says that it cannot read events any more: the phones are told to subscribe anew, do so without anybody's hand,
// and hear of the next mail.
func TestErrorPushIsHealed(t *testing.T) {
	d := startDemo(t, Options{})
	r := d.Ready()
	command := func(path, body string) {
		t.Helper()
		if status := call(t, trusting(t, r), http.MethodPost, r.Sims[sim.Exchange]+path, body, nil); status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
	}
	command("/_sim/error", `{}`)
	until(t, d, "subscribing anew", func(now map[string]phone.Phone) bool {
		for _, p := range now {
			if p.Mail.Subscribed != 2 {
				return false
			}
		}
		return true
	})
	command("/_sim/mail", `{"mailbox": "ana", "count": 2}`)
	until(t, d, "the next mails", func(now map[string]phone.Phone) bool {
		p := now["ana-s-iphone"]
		return p.Badge == 2 && len(p.Cards) == 2
	})
}

// What the ready file tells is enough to register a phone of one's own, with every push service; the providers of the
// mail app take the tokens.
func TestReadyFileRegistersPhones(t *testing.T) {
	d := startDemo(t, Options{ReadyFile: filepath.Join(t.TempDir(), "ready.json")})
	r := d.Ready()
	if r.AppKey == "" || r.Apps["mail"] != MailAppID || r.Registration == "" || r.Listener == "" {
		t.Fatalf("%+v", r)
	}
	for _, platform := range []phone.Platform{phone.IOS, phone.Android} {
		body := fmt.Sprintf(`{"name": "A script's %s phone", "mailbox": "script-%s@hospital.example", "platform": %q, "app": %q, "app_key": %q, "registration": %q}`,
			platform, platform, platform, r.Apps["mail"], r.AppKey, r.Registration)
		var made phone.Phone
		if status := call(t, trusting(t, r), http.MethodPost, r.Sims[sim.Inbox]+"/_sim/phones", body, &made); status != http.StatusCreated || made.Mail == nil {
			t.Fatalf("%s: %d %+v", platform, status, made)
		}
		call(t, trusting(t, r), http.MethodPost, r.Sims[sim.Inbox]+"/_sim/phones/"+made.Mail.ID+"/mail", `{"count": 3}`, nil)
		until(t, d, "three mails", func(now map[string]phone.Phone) bool {
			p := now[made.Mail.ID]
			return p.Badge == 3 && len(p.Cards) == 3
		})
	}
}

// A demo that is started again on the same directory has the same phones, registered anew.
func TestPhonesSignInAgain(t *testing.T) {
	dir := t.TempDir()
	first := startDemo(t, Options{DataDir: dir})
	before := phones(t, first.Ready())
	if err := first.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	second := startDemo(t, Options{DataDir: dir})
	for id, p := range phones(t, second.Ready()) {
		if was := before[id]; was.Token != p.Token || was.Mail.SupportCode == p.Mail.SupportCode {
			t.Errorf("%s: %+v, before %+v", id, p.Mail, was.Mail)
		}
	}
	if first.Ready().AppKey == second.Ready().AppKey {
		t.Error("the app key of the first run still holds")
	}
}

// A visitor presses "New mail for Ana" on the page: her badge changes, and after the phone's sync the lock screen shows
// the mail. The switches work, too.
func TestScreenshotsOfMailPhones(t *testing.T) {
	ctx := browsertest.New(t)
	d := startDemo(t, Options{})
	dir := browsertest.ScreenshotDir(t)
	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for _, action := range actions {
			if err := chromedp.Do(ctx, action); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(script string) string {
		t.Helper()
		value, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	const ana = "#mailer-ana-s-iphone "
	do(browsertest.Visit(d.Ready().Sims[sim.Inbox]), chromedp.WaitVisible(chromedp.CSS(ana+"button.main")))
	if text := read(`document.querySelector("` + ana + `button.main").innerText`); text != "New mail for Ana" {
		t.Errorf("the button says %q", text)
	}
	do(chromedp.Click(chromedp.CSS(ana+"button.main")), chromedp.WaitVisible(chromedp.CSS(ana+".icon .badge")), chromedp.WaitVisible(chromedp.CSS(ana+".note")))
	if badge := read(`document.querySelector("` + ana + `.icon .badge").innerText`); badge != "1" {
		t.Errorf("the badge says %q", badge)
	}
	do(chromedp.Click(chromedp.CSS(ana + `input[data-key$=" background_refresh"]`)))
	until(t, d, "the switch", func(now map[string]phone.Phone) bool { return !now["ana-s-iphone"].Mail.Settings.Refresh })
	do(chromedp.Click(chromedp.CSS(ana + "button.main")))
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.querySelector("`+ana+`.icon .badge").innerText === "2"`)); err != nil {
		t.Fatal(err)
	}
	p := until(t, d, "the badge alone", func(now map[string]phone.Phone) bool {
		return strings.Contains(now["ana-s-iphone"].Mail.State, "background refresh is off")
	})["ana-s-iphone"]
	if p.Badge != 2 || len(p.Cards) != 1 {
		t.Errorf("%+v", p)
	}
	for name, size := range map[string]struct {
		width, height int
		dark          bool
	}{"mail-phones": {1440, 900, false}, "mail-phones-dark": {1440, 900, true}, "mail-phones-phone": {390, 844, false}} {
		if err := browsertest.Screenshot(ctx, filepath.Join(dir, name+".png"), size.width, size.height, size.dark); err != nil {
			t.Fatal(err)
		}
		if wide := read(`String(document.documentElement.scrollWidth)`); wide != fmt.Sprint(size.width) {
			t.Errorf("%s: the page is %s wide", name, wide)
		}
	}
}
