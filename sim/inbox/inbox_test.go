package inbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/sim/control"
	"heliograph/sim/phone"
	simsmtp "heliograph/sim/smtp"
	"heliograph/sim/vonage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pushes is a push service that the test fills by hand.
type pushes struct{ *control.History[phone.Push] }

func (p pushes) Pushes(after int64, limit int) phone.Batch {
	return phone.BatchOf(p.After(after, limit), func(e control.Entry[phone.Push]) (phone.Push, bool) {
		push := e.Record
		push.Seq, push.Time = e.Seq, e.Time()
		return push, e.Status == http.StatusOK
	})
}

func (p pushes) add(push phone.Push) { p.Add(http.StatusOK, "", push) }

type bench struct {
	*Server
	push pushes
	mail *simsmtp.Server
	sms  *vonage.Server
	http *http.Client
}

func start(t *testing.T) *bench {
	t.Helper()
	mail, err := simsmtp.Start(simsmtp.Options{NoSTARTTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	sms, err := vonage.Start(vonage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{push: pushes{control.NewHistory[phone.Push](0)}, mail: mail, sms: sms, http: &http.Client{Transport: &http.Transport{}}}
	b.Server, err = Start(Options{
		Mail: mail, Texts: sms, Phones: []phone.Source{b.push}, Magic: map[string][]Magic{"smtp": mail.Magic()},
		Names: func(token string) string { return map[string]string{"t1": "Ana's iPhone"}[token] },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		for range 2 {
			if err := b.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(mail.Stop(context.Background()), sms.Stop(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) get(t *testing.T, path string, into any) *http.Response {
	t.Helper()
	res, err := b.http.Get(b.URL() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if page, ok := into.(*string); ok {
		*page = string(text)
	} else if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return res
}

func send(t *testing.T, s *simsmtp.Server, subject, text string, to ...string) {
	t.Helper()
	message := "From: IT <it@example.com>\r\nSubject: " + subject + "\r\n\r\n" + text + "\r\n"
	if err := smtp.SendMail(s.Addr(), nil, "it@example.com", to, []byte(message)); err != nil {
		t.Log(err) // refused ones are part of the tests
	}
}

func TestPageIsSelfContained(t *testing.T) {
	b := start(t)
	var page string
	res := b.get(t, "/", &page)
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, bad := range []string{"<script>", "onclick", "style=", "http://", "https://"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for path, kind := range map[string]string{"/inbox.css": "text/css", "/inbox.js": "text/javascript", "/icon.svg": "image/svg+xml"} {
		if !strings.Contains(page, strings.TrimPrefix(path, "/")) {
			t.Errorf("the page does not use %s", path)
		}
		var text string
		if res := b.get(t, path, &text); res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if strings.Contains(text, "innerHTML") || strings.Contains(text, "insertAdjacentHTML") {
			t.Errorf("%s puts HTML in place", path)
		}
	}
	r, _ := http.NewRequest("GET", b.URL()+"/_sim/phones", nil)
	r.Host = "evil.example"
	if res, err := b.http.Do(r); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign name got %v %v", res, err)
	} else {
		res.Body.Close()
	}
}

func TestPhones(t *testing.T) {
	b := start(t)
	three, zero := 3, 0
	b.push.add(phone.Push{Token: "t1", Platform: phone.IOS, App: "com.example", Title: "One", Replaces: "r", Badge: &three})
	b.push.add(phone.Push{Token: "t2", Platform: phone.Android, Title: "<script>alert(1)</script>"})
	b.push.add(phone.Push{Token: "t1", Platform: phone.IOS, Title: "Two", Replaces: "r"})
	b.push.add(phone.Push{Token: "t1", Platform: phone.IOS, Title: "Three"})
	b.push.Add(http.StatusGone, "Unregistered", phone.Push{Token: "t3"})
	var page phonesPage
	b.get(t, "/_sim/phones", &page)
	if page.Count != 2 || page.Pushes != 5 || len(page.Items) != 2 {
		t.Fatalf("%+v", page)
	}
	first := page.Items[0]
	if first.Token != "t1" || first.Name != "Ana's iPhone" || first.Badge != 3 || first.Received != 3 || first.App != "com.example" || len(first.Cards) != 2 || first.Cards[0].Title != "Three" || first.Cards[1].Title != "Two" {
		t.Errorf("%+v", first)
	}
	b.push.add(phone.Push{Token: "t1", Platform: phone.IOS, Badge: &zero, Silent: true})
	for query, want := range map[string]int{"ANA": 1, "script": 1, "t": 2, "two": 1, "nobody": 0} {
		b.get(t, "/_sim/phones?q="+query, &page)
		if len(page.Items) != want {
			t.Errorf("%q finds %d, want %d", query, len(page.Items), want)
		}
	}
	b.get(t, "/_sim/phones?limit=1", &page)
	if len(page.Items) != 1 || page.Items[0].Badge != 0 || page.Items[0].Wakes != 1 {
		t.Errorf("%+v", page)
	}
	b.get(t, "/_sim/phones?cards=1", &page)
	if len(page.Items) != 2 || len(page.Items[0].Cards) != 1 || page.Items[0].Cards[0].Title != "Three" {
		t.Errorf("cards=1: %+v", page)
	}
	for _, wrong := range []string{"limit=x", "limit=-1", "cards=x"} {
		if res := b.get(t, "/_sim/phones?"+wrong, nil); res.StatusCode != 422 {
			t.Errorf("%s got %d", wrong, res.StatusCode)
		}
	}
	b.push.Clear()
	b.get(t, "/_sim/phones", &page)
	if page.Count != 0 || len(page.Items) != 0 {
		t.Errorf("after a reset: %+v", page)
	}
}

func TestMailboxes(t *testing.T) {
	b := start(t)
	send(t, b.mail, "one", "hello", "ana@example.com", "bob@example.com")
	send(t, b.mail, "two", strings.Repeat("long ", 2000), "ana@example.com")
	send(t, b.mail, "refused", "x", "sim-reject@example.com")
	var page mailPage
	b.get(t, "/_sim/mailboxes", &page)
	if page.Count != 2 || page.Mails != 3 || len(page.Items) != 2 {
		t.Fatalf("%+v", page)
	}
	ana := page.Items[0]
	if ana.Address != "ana@example.com" || ana.Received != 2 || ana.Mails[0].Subject != "two" || len(ana.Mails[0].Text) > maxText+10 || ana.Mails[1].Shared != 2 || ana.Mails[1].From != "IT <it@example.com>" {
		t.Errorf("%+v", ana)
	}
	for query, want := range map[string]int{"BOB": 1, "hello": 2, "two": 1, "nobody": 0} {
		b.get(t, "/_sim/mailboxes?q="+query, &page)
		if len(page.Items) != want {
			t.Errorf("%q finds %d, want %d", query, len(page.Items), want)
		}
	}
	b.get(t, "/_sim/mailboxes?limit=1", &page)
	if len(page.Items) != 1 || len(page.Items[0].Mails) != 1 {
		t.Errorf("limit=1: %+v", page)
	}
	var history struct {
		Count int64
		Items []simsmtp.Item
	}
	b.get(t, "/_sim/history", &history)
	if history.Count != 3 || history.Items[2].Status != 554 {
		t.Errorf("%+v", history)
	}
	res, err := b.http.Post(b.URL()+"/_sim/reset", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	b.get(t, "/_sim/mailboxes", &page)
	if page.Count != 0 || page.Mails != 0 {
		t.Errorf("after a reset: %+v", page)
	}
	var magic map[string][]Magic
	if b.get(t, "/magic", &magic); len(magic["smtp"]) == 0 {
		t.Error("no magic values")
	}
}

// text sends a text message.
func (b *bench) text(t *testing.T, to, text string) {
	t.Helper()
	account := b.sms.Credentials()
	res, err := b.http.PostForm(b.sms.URL()+"/sms/json", url.Values{
		"api_key": {account.Key}, "api_secret": {account.Secret}, "from": {"IT"}, "to": {to}, "text": {text}, "type": {"text"},
	})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func TestNumbers(t *testing.T) {
	b := start(t)
	b.text(t, "33612345678", "hello")
	b.text(t, "447700900123", "<b>two</b>")
	b.text(t, "33612345678", strings.Repeat("long ", 60))
	b.text(t, "50050007", "barred") // what is refused does not arrive
	b.text(t, "1", "no number")
	var page textPage
	b.get(t, "/_sim/numbers", &page)
	if page.Count != 2 || page.Texts != 5 || len(page.Items) != 2 {
		t.Fatalf("%+v", page)
	}
	if first := page.Items[0]; first.Number != "+33612345678" || first.Received != 2 || first.Texts[0].Parts != 2 || first.Texts[1].Text != "hello" || first.Texts[1].From != "IT" {
		t.Errorf("%+v", first)
	}
	for query, want := range map[string]int{"HELLO": 1, "3361": 1, "two": 1, "nobody": 0, "": 2} {
		b.get(t, "/_sim/numbers?q="+query, &page)
		if len(page.Items) != want {
			t.Errorf("%q finds %d, want %d", query, len(page.Items), want)
		}
	}
	b.get(t, "/_sim/numbers?limit=1", &page)
	if len(page.Items) != 1 || len(page.Items[0].Texts) != 1 {
		t.Errorf("limit=1: %+v", page)
	}
	b.sms.Reset()
	b.get(t, "/_sim/numbers", &page)
	if page.Count != 0 || page.Texts != 0 {
		t.Errorf("after a reset: %+v", page)
	}
}

func TestEventsTellOfChanges(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", b.URL()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	events := bufio.NewScanner(res.Body)
	next := func(what string) {
		t.Helper()
		for events.Scan() {
			if events.Text() == "event: changed" {
				return
			}
		}
		t.Fatal("no event: ", what)
	}
	next("the first")
	b.push.add(phone.Push{Token: "t"})
	next("a push")
	send(t, b.mail, "x", "y", "a@example.com")
	next("a mail")
	b.text(t, "33612345678", "x")
	next("a text message")
	b.push.Clear()
	next("a reset")
}

// A benchmark's flood must leave the page small and quick, and the books bounded.
func TestFlood(t *testing.T) {
	b := start(t)
	for i := range 100_000 {
		b.push.add(phone.Push{Token: fmt.Sprint("phone", i%(maxLimit+5000)), Platform: phone.Android, Title: "Title", Body: "body"})
	}
	var page phonesPage
	b.get(t, "/_sim/phones", &page)
	if len(page.Items) != defaultLimit || page.Pushes != 100_000 || page.Count > maxLimit {
		t.Errorf("%d items, %d pushes, %d phones", len(page.Items), page.Pushes, page.Count)
	}
	b.get(t, "/_sim/phones?q=phone99", &page)
	if len(page.Items) == 0 {
		t.Error("the search finds nothing")
	}
}
