package exchange

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/sim/authority"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const okReply = `<s:Envelope xmlns:s="` + soapNS + `"><s:Body><SendNotificationResult xmlns="` + messagesNS + `"><SubscriptionStatus>OK</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`

// listener is where notifications arrive; answer says what they get.
type listener struct {
	*httptest.Server
	mu      sync.Mutex
	got     []arrival
	here    chan struct{} // one for each arrival
	answers func(n int, w http.ResponseWriter, r *http.Request)
}

type arrival struct {
	header http.Header
	body   string
	root   *node
}

func say(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func newListener(t *testing.T, secure bool, answers func(n int, w http.ResponseWriter, r *http.Request)) *listener {
	t.Helper()
	if answers == nil {
		answers = func(_ int, w http.ResponseWriter, _ *http.Request) { say(w, 200, okReply) }
	}
	l := &listener{here: make(chan struct{}, 10_000), answers: answers}
	l.Server = httptest.NewUnstartedServer(http.HandlerFunc(l.serve))
	if secure {
		l.StartTLS()
	} else {
		l.Start()
	}
	t.Cleanup(l.Close)
	return l
}

func (l *listener) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	root, err := parse(body)
	if err != nil {
		panic(err)
	}
	l.mu.Lock()
	l.got = append(l.got, arrival{r.Header, string(body), root})
	n := len(l.got)
	l.mu.Unlock()
	l.here <- struct{}{}
	l.answers(n, w, r)
}

// wait returns the n-th notification, 1 = the first.
func (l *listener) wait(t *testing.T, n int) arrival {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		l.mu.Lock()
		if len(l.got) >= n {
			defer l.mu.Unlock()
			return l.got[n-1]
		}
		l.mu.Unlock()
		select {
		case <-l.here:
		case <-deadline:
			t.Fatalf("notification %d does not come", n)
		}
	}
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

// told is a notification in short: its events with counts.
func (a arrival) told() string {
	message := a.root.find("Body", "SendNotification", "ResponseMessages", "SendNotificationResponseMessage")
	if message.attr("ResponseClass") == "Error" {
		return "error " + message.find("ResponseCode").content()
	}
	var events []string
	for _, e := range message.find("Notification").children()[3:] {
		text := e.name
		if e.find("FolderId") != nil {
			text += " folder"
		}
		if count := e.find("UnreadCount"); count != nil {
			text += " " + count.content()
		}
		events = append(events, text)
	}
	return strings.Join(events, ", ")
}

func (a arrival) notification() *node {
	return a.root.find("Body", "SendNotification", "ResponseMessages", "SendNotificationResponseMessage", "Notification")
}

func startServer(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// until waits for a condition that the history announces.
func until(t *testing.T, s *Server, what string, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		changed := s.Changed()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond): // the state follows the history
		case <-deadline:
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

// ask sends one operation as a mail client does.
func ask(t *testing.T, s *Server, mailbox, operation string) (*node, int) {
	t.Helper()
	return askFor(t, s, mailbox, "", operation)
}

// askFor sends one with something in the header.
func askFor(t *testing.T, s *Server, mailbox, header, operation string) (*node, int) {
	t.Helper()
	body := `<?xml version="1.0"?><soap:Envelope xmlns:soap="` + soapNS + `" xmlns:t="` + typesNS + `" xmlns:m="` + messagesNS + `"><soap:Header>` + header + `</soap:Header><soap:Body>` + operation + `</soap:Body></soap:Envelope>`
	request, err := http.NewRequest("POST", s.URL()+servicePath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if mailbox != "" {
		request.SetBasicAuth(mailbox, "any")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusUnauthorized {
		return nil, response.StatusCode
	}
	root, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return root.find("Body"), response.StatusCode
}

const allTypes = `<t:EventType>NewMailEvent</t:EventType><t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType><t:EventType>MovedEvent</t:EventType><t:EventType>DeletedEvent</t:EventType>`

func pushRequest(url string, frequency int) string {
	return fmt.Sprintf(`<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id="inbox"/></t:FolderIds><t:EventTypes>%s</t:EventTypes><t:StatusFrequency>%d</t:StatusFrequency><t:URL>%s</t:URL></m:PushSubscriptionRequest></m:Subscribe>`, allTypes, frequency, url)
}

func subscribe(t *testing.T, s *Server, mailbox, url string, frequency int) (id string) {
	t.Helper()
	body, status := ask(t, s, mailbox, pushRequest(url, frequency))
	message := body.find("SubscribeResponse", "ResponseMessages", "SubscribeResponseMessage")
	if id = message.find("SubscriptionId").content(); status != 200 || id == "" || message.find("Watermark").content() == "" {
		t.Fatalf("subscribing: %d %+v", status, message)
	}
	return id
}

func TestNewMail(t *testing.T) {
	l := newListener(t, false, nil)
	s := startServer(t, Options{})
	id := subscribe(t, s, "ana@example.com", l.URL+"/ews/secret?x=1", 30)
	first := l.wait(t, 1)
	if got := first.told(); got != "StatusEvent" {
		t.Errorf("the first notification says %s", got)
	}
	for header, want := range map[string]string{"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml", "Soapaction": messagesNS + "/SendNotification", "Expect": "100-continue", "User-Agent": "", "Authorization": ""} {
		if got := first.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if strings.ContainsAny(first.body, "\r\n") || !strings.HasPrefix(first.body, "<?xml") {
		t.Errorf("%q", first.body)
	}
	if _, err := s.Deliver(Mail{Mailbox: "Ana@example.com"}); err != nil {
		t.Fatal(err)
	}
	second := l.wait(t, 2)
	if got := second.told(); got != "CreatedEvent, NewMailEvent, ModifiedEvent folder 1" {
		t.Errorf("new mail says %s", got)
	}
	n := second.notification()
	if n.find("SubscriptionId").content() != id || n.find("PreviousWatermark").content() != first.notification().find("StatusEvent", "Watermark").content() {
		t.Errorf("%s", second.body)
	}
	raw, err := base64.StdEncoding.DecodeString(id)
	if host := "mbx01.mail.example"; err != nil || string(raw[2:2+len(host)]) != host || len(raw) != 2+len(host)+20+8+20 {
		t.Errorf("id %q %v", raw, err)
	}
	state, err := s.Read("ANA", 0) // its alias
	if err != nil || state.Unread != 0 || state.Changed != 1 {
		t.Errorf("%+v %v", state, err)
	}
	if got := l.wait(t, 3).told(); got != "ModifiedEvent, ModifiedEvent folder 0" {
		t.Errorf("reading says %s", got)
	}
	command := post(t, s, "/_sim/delete", `{"mailbox": "ana@example.com"}`)
	if got := l.wait(t, 4).told(); got != "DeletedEvent, ModifiedEvent folder 0" || command["items"] != 0.0 {
		t.Errorf("deleting says %s, %v", got, command)
	}
	post(t, s, "/_sim/mail", `{"mailbox": "ana@example.com", "folder": "calendar"}`)
	post(t, s, "/_sim/mail", `{"mailbox": "ana@example.com", "subject": "A & B"}`)
	if got := l.wait(t, 5).told(); got != "CreatedEvent, NewMailEvent, ModifiedEvent folder 1" {
		t.Errorf("a meeting, and then a mail: %s", got)
	}
}

// post gives a command over HTTP.
func post(t *testing.T, s *Server, path, body string) map[string]any {
	t.Helper()
	out, status := call(t, s, path, body)
	if status != 200 {
		t.Fatalf("%s %s: %d %v", path, body, status, out)
	}
	return out
}

func call(t *testing.T, s *Server, path, body string) (map[string]any, int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var response *http.Response
	var err error
	if body == "" {
		response, err = client.Get(s.URL() + path)
	} else {
		response, err = client.Post(s.URL()+path, "application/json", strings.NewReader(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out, response.StatusCode
}

// One notification of a subscription is on its way at a time; what happens meanwhile follows in large pieces, in order.
func TestBurst(t *testing.T) {
	release := make(chan struct{})
	l := newListener(t, false, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			<-release
		}
		say(w, 200, okReply)
	})
	s := startServer(t, Options{})
	subscribe(t, s, "ana", l.URL, 30)
	l.wait(t, 1)
	if _, err := s.Deliver(Mail{Mailbox: "ana", Count: new(40)}); err != nil {
		t.Fatal(err)
	}
	if n := l.count(); n != 1 {
		t.Errorf("%d notifications at once", n)
	}
	close(release)
	var more []string
	previous := l.wait(t, 1).notification().find("PreviousWatermark").content()
	for i := 2; i <= 4; i++ {
		n := l.wait(t, i).notification()
		more = append(more, n.find("MoreEvents").content())
		if n.find("PreviousWatermark").content() != previous {
			t.Errorf("notification %d does not follow the one before", i)
		}
		previous = n.kids[len(n.kids)-1].find("Watermark").content()
	}
	if diff := cmp.Diff([]string{"true", "true", "false"}, more); diff != "" {
		t.Error(diff)
	}
	if got := l.wait(t, 4).told(); !strings.HasSuffix(got, "ModifiedEvent folder 40") {
		t.Errorf("the last one says %s", got)
	}
}

// How often a notification is tried follows from StatusFrequency (the documented schedule: 30 s, then twice as long each
// time, and never longer than StatusFrequency).
func TestRetrySchedule(t *testing.T) {
	for frequency, want := range map[int]int{1: 3, 5: 5, 15: 6, 30: 7, 60: 8, 120: 9, 1440: 13} {
		t.Run(fmt.Sprint(frequency), func(t *testing.T) {
			l := newListener(t, false, func(_ int, w http.ResponseWriter, _ *http.Request) { say(w, 503, "") })
			s := startServer(t, Options{Scale: 1e6})
			subscribe(t, s, "ana", l.URL, frequency)
			until(t, s, "the end", func() bool { return len(s.Subscriptions("ana", Ended)) == 1 })
			if sub := s.Subscriptions("ana", "")[0]; sub.Why != exhausted || l.count() != want {
				t.Errorf("%d attempts, %+v", l.count(), sub)
			}
		})
	}
}

// The waits themselves, on the simulator's clock.
func TestRetryWaits(t *testing.T) {
	const scale = 600 // 30 s are 50 ms
	var at []time.Time
	var mu sync.Mutex
	l := newListener(t, false, func(n int, w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		at = append(at, time.Now())
		mu.Unlock()
		if n < 4 {
			say(w, 500, "")
			return
		}
		say(w, 200, okReply)
	})
	s := startServer(t, Options{Scale: scale})
	subscribe(t, s, "ana", l.URL, 30)
	until(t, s, "being accepted", func() bool {
		subs := s.Subscriptions("ana", Active)
		return len(subs) == 1 && subs[0].Accepted == 1
	})
	mu.Lock()
	defer mu.Unlock()
	for i, want := range []time.Duration{30, 60, 120} {
		if got := at[i+1].Sub(at[i]); got < want*time.Second/scale {
			t.Errorf("wait %d took %v, want %v at least", i+1, got, want*time.Second/scale)
		}
	}
}

// What a listener's answer does to a subscription.
func TestAnswers(t *testing.T) {
	unsubscribe := strings.Replace(okReply, "OK", "Unsubscribe", 1)
	for name, c := range map[string]struct {
		status int
		body   string
		want   State
		why    string
		last   string
	}{
		"OK":                 {200, okReply, Active, "", "OK"},
		"created":            {201, okReply, Active, "", "OK"},
		"prefixed":           {200, `<a:Envelope xmlns:a="x"><a:Body><b:SendNotificationResult xmlns:b="y"><b:SubscriptionStatus> OK </b:SubscriptionStatus></b:SendNotificationResult></a:Body></a:Envelope>`, Active, "", "OK"},
		"with a declaration": {200, `<?xml version="1.0" encoding="utf-8"?>` + okReply, Active, "", "OK"},
		"unsubscribe":        {200, unsubscribe, Ended, unsubscribed, "Unsubscribe"},
		"in capitals":        {200, strings.Replace(okReply, "OK", "UNSUBSCRIBE", 1), Ended, exhausted, "the answer has no subscription status"},
		"not XML":            {200, "OK", Ended, exhausted, "the answer is not XML"},
		"empty":              {200, "", Ended, exhausted, "the answer is not XML"},
		"another body":       {200, "<html><body/></html>", Ended, exhausted, "the answer has no subscription status"},
		"redirect":           {302, okReply, Ended, exhausted, "Found"},
		"bad request":        {400, okReply, Ended, exhausted, "Bad Request"},
		"not found":          {404, unsubscribe, Ended, exhausted, "Not Found"},
		"unavailable":        {503, okReply, Ended, exhausted, "Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newListener(t, false, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				say(w, c.status, c.body)
			})
			s := startServer(t, Options{Scale: 1e5})
			subscribe(t, s, "ana", l.URL, 1)
			until(t, s, "the verdict", func() bool {
				sub := s.Subscriptions("ana", "")[0]
				return sub.State == Ended || sub.Accepted > 0
			})
			if sub := s.Subscriptions("ana", "")[0]; sub.State != c.want || sub.Why != c.why || sub.Last != c.last {
				t.Errorf("%+v", sub)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	l := newListener(t, false, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := startServer(t, Options{Scale: 1e5, Timeout: 20 * time.Millisecond})
	subscribe(t, s, "ana", l.URL, 1)
	nobody := subscribe(t, s, "ben", "http://127.0.0.1:1/x", 1)
	outside := subscribe(t, s, "cleo", "http://192.0.2.1/x", 1)
	until(t, s, "the end", func() bool { return len(s.Subscriptions("", Ended)) == 3 })
	for _, sub := range s.Subscriptions("", Ended) {
		want := map[string]string{nobody: "cannot connect", outside: "the connection broke"}[sub.ID]
		if want == "" {
			want = "no answer in time"
		}
		if sub.Why != exhausted || sub.Last != want {
			t.Errorf("%s: %+v", sub.Mailbox, sub)
		}
	}
}

func TestHeartbeats(t *testing.T) {
	l := newListener(t, false, nil)
	s := startServer(t, Options{})
	subscribe(t, s, "ana", l.URL, 15)
	l.wait(t, 1)
	until(t, s, "being accepted", func() bool { return s.Subscriptions("ana", "")[0].Accepted == 1 })
	if err := s.SetScale(15 * 60 * 100); err != nil { // also what waits already: 15 min are 10 ms
		t.Fatal(err)
	}
	for i := 2; i < 5; i++ {
		if got := l.wait(t, i).told(); got != "StatusEvent" {
			t.Errorf("heartbeat %d says %s", i, got)
		}
	}
}

// A restart and a move end subscriptions silently; a new one names the new server.
func TestForgetting(t *testing.T) {
	l := newListener(t, false, nil)
	s := startServer(t, Options{})
	subscribe(t, s, "ana", l.URL, 30)
	subscribe(t, s, "ben", l.URL, 30)
	l.wait(t, 2)
	if out := post(t, s, "/_sim/move", `{"mailbox": "ana"}`); out["server"] != "mbx02.mail.example" || out["forgotten"] != 1.0 {
		t.Errorf("%v", out)
	}
	id := subscribe(t, s, "ana", l.URL, 30)
	l.wait(t, 3)
	if raw, _ := base64.StdEncoding.DecodeString(id); !bytes.Contains(raw, []byte("mbx02.mail.example")) {
		t.Errorf("after the move the id is %q", raw)
	}
	if out := post(t, s, "/_sim/restart", `{"server": "mbx01.mail.example"}`); out["forgotten"] != 1.0 {
		t.Errorf("%v", out)
	}
	if n, err := s.Restart(""); n != 1 || err != nil {
		t.Errorf("%d forgotten, %v", n, err)
	}
	if _, err := s.Deliver(Mail{Mailbox: "ana"}); err != nil {
		t.Fatal(err)
	}
	list, _ := call(t, s, "/_sim/subscriptions?state=ended&limit=2", "")
	if list["count"] != 3.0 || len(list["items"].([]any)) != 2 || len(s.Subscriptions("", Active)) != 0 {
		t.Errorf("%v", list)
	}
	if n := l.count(); n != 3 {
		t.Errorf("%d notifications, want the three first ones", n)
	}
}

func TestErrorPush(t *testing.T) {
	l := newListener(t, false, nil)
	s := startServer(t, Options{})
	id := subscribe(t, s, "ana", l.URL, 30)
	l.wait(t, 1)
	post(t, s, "/_sim/error", `{"mailbox": "ana", "code": "ErrorMailboxMoveInProgress", "text": "Déplacement <en cours>", "keep": true}`)
	got := l.wait(t, 2)
	message := got.root.find("Body", "SendNotification", "ResponseMessages", "SendNotificationResponseMessage")
	if message.find("ResponseCode").content() != "ErrorMailboxMoveInProgress" || message.find("MessageText").content() != "Déplacement <en cours>" ||
		message.find("MessageXml", "Value").content() != id || message.find("MessageXml", "Value").attr("Name") != "SubscriptionId" || message.find("Notification") != nil {
		t.Errorf("%s", got.body)
	}
	if out := post(t, s, "/_sim/error", `{}`); out["told"] != 1.0 {
		t.Errorf("%v", out)
	}
	if got := l.wait(t, 3).told(); got != "error ErrorReadEventsFailed" {
		t.Errorf("%s", got)
	}
	until(t, s, "the end", func() bool { return len(s.Subscriptions("ana", Ended)) == 1 })
}

// Failures that are asked for: a lost answer makes the server post the same again.
func TestRules(t *testing.T) {
	l := newListener(t, false, nil)
	s := startServer(t, Options{Scale: 1e4})
	post(t, s, "/_sim/fail", `{"stage": "push", "match": "ana", "action": "lose", "times": 1}`)
	post(t, s, "/_sim/fail", `{"stage": "push", "match": "ben", "status": 502, "times": 2}`)
	post(t, s, "/_sim/fail", `{"match": "cleo", "status": 503, "times": 1}`)
	subscribe(t, s, "ana", l.URL, 30)
	if a, b := l.wait(t, 1), l.wait(t, 2); a.body != b.body {
		t.Errorf("%s, then %s", a.body, b.body)
	}
	until(t, s, "ana's first notification", func() bool { return s.Subscriptions("ana", "")[0].Accepted == 1 })
	subscribe(t, s, "ben", l.URL, 30)
	until(t, s, "ben's first notification", func() bool { return s.Subscriptions("ben", "")[0].Accepted == 1 })
	var seen []string
	for _, item := range s.History() {
		if item.Kind == kindPush {
			seen = append(seen, fmt.Sprintf("%s %d %d %s", item.Mailbox, item.Attempt, item.Status, item.Reason))
		}
	}
	want := []string{"ana 1 0 the answer was lost", "ana 2 200 OK", "ben 1 502 Bad Gateway", "ben 2 502 Bad Gateway", "ben 3 200 OK"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	response, err := http.Post(s.URL()+servicePath, "text/xml", nil)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a name: %v %v", response, err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	s.Reset()
	if s.Count() != 0 || len(s.rules.List()) != 0 {
		t.Error("a reset leaves something")
	}
}

// A mail client reads what changed, state by state.
func TestSync(t *testing.T) {
	s := startServer(t, Options{})
	sync := func(state string, limit int) *node {
		body, _ := ask(t, s, "ana", fmt.Sprintf(`<m:SyncFolderItems><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId><m:SyncState>%s</m:SyncState><m:MaxChangesReturned>%d</m:MaxChangesReturned></m:SyncFolderItems>`, state, limit))
		return body.find("SyncFolderItemsResponse", "ResponseMessages", "SyncFolderItemsResponseMessage")
	}
	deliver := func(count int) {
		if _, err := s.Deliver(Mail{Mailbox: "ana", Count: &count, From: "Lena", Subject: "a <b>"}); err != nil {
			t.Fatal(err)
		}
	}
	changes := func(m *node) (text string) {
		for _, c := range m.find("Changes").children() {
			text += c.name + " "
		}
		return text + m.find("IncludesLastItemInRange").content()
	}
	first := sync("", 10)
	if got := changes(first); got != "true" {
		t.Errorf("an empty mailbox: %s", got)
	}
	deliver(3)
	second := sync(first.find("SyncState").content(), 2)
	if got := changes(second); got != "Create Create false" {
		t.Errorf("three mails, two at a time: %s", got)
	}
	mail := second.find("Changes", "Create", "Message")
	if mail.find("Subject").content() != "a <b>" || mail.find("From", "Mailbox", "Name").content() != "Lena" || mail.find("IsRead").content() != "false" {
		t.Errorf("%+v", mail)
	}
	third := sync(second.find("SyncState").content(), 2)
	if got := changes(third); got != "Create true" {
		t.Errorf("the third mail: %s", got)
	}
	if _, err := s.Read("ana", 1); err != nil {
		t.Fatal(err)
	}
	post(t, s, "/_sim/delete", `{"mailbox": "ana"}`)
	deliver(1)
	if got := changes(sync(third.find("SyncState").content(), 9)); got != "ReadFlagChange Delete Create true" {
		t.Errorf("read, deleted, new: %s", got)
	}
	if got := changes(sync("", 9)); got != "Create Create Create true" {
		t.Errorf("from the beginning: %s", got)
	}
	if got := sync("bm9uc2Vuc2U=", 9).find("ResponseCode").content(); got != "ErrorInvalidSyncStateData" {
		t.Errorf("a state that is none: %s", got)
	}
	checkReading(t, s, mail.find("ItemId").attr("Id"))
}

func checkReading(t *testing.T, s *Server, id string) {
	t.Helper()
	const inbox = `<t:DistinguishedFolderId Id="inbox"/>`
	folder, _ := ask(t, s, "ana", `<m:GetFolder><m:FolderIds>`+inbox+`</m:FolderIds></m:GetFolder>`)
	f := folder.find("GetFolderResponse", "ResponseMessages", "GetFolderResponseMessage", "Folders", "Folder")
	if f.find("UnreadCount").content() != "2" || f.find("TotalCount").content() != "3" {
		t.Errorf("%+v", f)
	}
	found, _ := ask(t, s, "ana", `<m:FindItem Traversal="Shallow"><m:IndexedPageItemView MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"/><m:ParentFolderIds><t:FolderId Id="`+f.find("FolderId").attr("Id")+`"/></m:ParentFolderIds></m:FindItem>`)
	list := found.find("FindItemResponse", "ResponseMessages", "FindItemResponseMessage", "RootFolder")
	if len(list.find("Items").children()) != 2 || list.attr("TotalItemsInView") != "3" || list.attr("IncludesLastItemInRange") != "false" {
		t.Errorf("%+v", list)
	}
	for asked, want := range map[string]string{id: "NoError", "nothing": "ErrorItemNotFound"} {
		got, _ := ask(t, s, "ana", `<m:GetItem><m:ItemIds><t:ItemId Id="`+asked+`"/></m:ItemIds></m:GetItem>`)
		if code := got.find("GetItemResponse", "ResponseMessages", "GetItemResponseMessage", "ResponseCode").content(); code != want {
			t.Errorf("GetItem %s: %s", asked, code)
		}
	}
}

// What is refused, and how.
func TestRefusedRequests(t *testing.T) {
	s := startServer(t, Options{Subscriptions: 1, Scale: 1e5})
	l := newListener(t, false, nil)
	subscribe(t, s, "full", l.URL, 30)
	good := pushRequest(l.URL, 30)
	for name, c := range map[string]struct{ mailbox, operation, want string }{
		"a small URL":         {"ana", strings.ReplaceAll(good, "t:URL", "t:Url"), "ErrorSchemaValidation"},
		"no frequency":        {"ana", strings.ReplaceAll(good, "StatusFrequency", "Frequency"), "ErrorSchemaValidation"},
		"0 minutes":           {"ana", pushRequest(l.URL, 0), "ErrorSchemaValidation"},
		"1441 minutes":        {"ana", pushRequest(l.URL, 1441), "ErrorSchemaValidation"},
		"heartbeats as type":  {"ana", strings.Replace(good, "NewMailEvent", "StatusEvent", 1), "ErrorSchemaValidation"},
		"no types":            {"ana", strings.Replace(good, allTypes, "", 1), "ErrorSchemaValidation"},
		"no web address":      {"ana", pushRequest("ftp://x", 30), "ErrorInvalidPushSubscriptionUrl"},
		"no folder":           {"ana", strings.Replace(good, `<t:DistinguishedFolderId Id="inbox"/>`, "", 1), "ErrorInvalidSubscriptionRequest"},
		"folder and all":      {"ana", strings.Replace(good, "<m:PushSubscriptionRequest>", `<m:PushSubscriptionRequest SubscribeToAllFolders="true">`, 1), "ErrorInvalidSubscriptionRequest"},
		"unknown folder":      {"ana", strings.Replace(good, `"inbox"`, `"attic"`, 1), "ErrorFolderNotFound"},
		"somebody else's":     {"ana", strings.Replace(good, `Id="inbox"/>`, `Id="inbox"><t:Mailbox><t:EmailAddress>ben</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>`, 1), "ErrorSubscriptionDelegateAccessNotSupported"},
		"one too many":        {"full", good, "ErrorExceededSubscriptionCount"},
		"pull":                {"ana", `<m:Subscribe><m:PullSubscriptionRequest/></m:Subscribe>`, "ErrorInvalidSubscriptionRequest"},
		"unknown operation":   {"ana", `<m:Dance/>`, "ErrorInvalidOperation"},
		"no operation":        {"ana", ``, "ErrorInvalidRequest"},
		"unsubscribe a push":  {"full", `<m:Unsubscribe><m:SubscriptionId>` + s.Subscriptions("full", "")[0].ID + `</m:SubscriptionId></m:Unsubscribe>`, "ErrorInvalidSubscription"},
		"unsubscribe nothing": {"ana", `<m:Unsubscribe><m:SubscriptionId>x</m:SubscriptionId></m:Unsubscribe>`, "ErrorSubscriptionNotFound"},
	} {
		body, status := ask(t, s, c.mailbox, c.operation)
		code := body.find("Fault", "detail", "ResponseCode").content()
		if status == 200 {
			code = body.kids[0].find("ResponseMessages").kids[0].find("ResponseCode").content()
		}
		if code != c.want {
			t.Errorf("%s: %d %s, want %s", name, status, code, c.want)
		}
	}
	if out, status := call(t, s, "/_sim/restart", " "); status != 200 || out["forgotten"] != 1.0 {
		t.Errorf("a restart without a word: %d %v", status, out)
	}
	for path, body := range map[string]string{
		"/_sim/mail": `{}`, "/_sim/read": `{"mailbox": "a", "count": -1}`, "/_sim/move": `{"mailbox": "a", "server": "x"}`,
		"/_sim/restart": `{"server": "x"}`, "/_sim/error": `{"nonsense": 1}`, "/_sim/time": `{"scale": 0}`,
	} {
		if out, status := call(t, s, path, body); status != 422 || out["detail"] == "" {
			t.Errorf("%s %s: %d %v", path, body, status, out)
		}
	}
}

// All folders by one subscription; and a service account that acts for a mailbox.
func TestAllFolders(t *testing.T) {
	l := newListener(t, false, nil)
	s := startServer(t, Options{})
	request := strings.Replace(pushRequest(l.URL, 30), `<t:FolderIds><t:DistinguishedFolderId Id="inbox"/></t:FolderIds>`, "", 1)
	request = strings.Replace(request, "<m:PushSubscriptionRequest>", `<m:PushSubscriptionRequest SubscribeToAllFolders="true">`, 1)
	who := `<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>ana</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>`
	if _, status := askFor(t, s, "service", who, request); status != 200 {
		t.Errorf("status %d", status)
	}
	l.wait(t, 1)
	post(t, s, "/_sim/mail", `{"mailbox": "ana", "folder": "calendar"}`)
	if got := l.wait(t, 2).told(); got != "CreatedEvent, ModifiedEvent folder" {
		t.Errorf("a meeting says %s", got)
	}
}

// Over TLS, with the authority of the simulators for clients and one of somebody else for the listener.
func TestOverTLS(t *testing.T) {
	ca, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(t, true, nil)
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.Certificate().Raw})
	for name, c := range map[string]struct {
		trust []byte
		want  string
	}{"trusted": {trusted, "OK"}, "not trusted": {nil, "its certificate is not trusted"}} {
		s := startServer(t, Options{Authority: ca, TrustedCA: c.trust})
		if !strings.HasPrefix(s.URL(), "https://") {
			t.Errorf("%s", s.URL())
		}
		s.mu.Lock()
		s.begin(s.newSubscription(s.mailbox("ana"), request{url: l.URL, types: eventTypes, frequency: 30}))
		s.mu.Unlock()
		until(t, s, "an answer", func() bool { return s.Subscriptions("ana", "")[0].Last != "" })
		if got := s.Subscriptions("ana", "")[0].Last; got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Connections to a listener are kept.
func TestConnectionsAreKept(t *testing.T) {
	var mu sync.Mutex
	opened := map[string]bool{}
	l := newListener(t, false, func(_ int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		opened[r.RemoteAddr] = true
		mu.Unlock()
		say(w, 200, okReply)
	})
	s := startServer(t, Options{})
	subscribe(t, s, "ana", l.URL, 30)
	for i := range 10 {
		l.wait(t, i+1)
		until(t, s, "being accepted", func() bool { return s.Subscriptions("ana", "")[0].Accepted == int64(i+1) })
		if _, err := s.Deliver(Mail{Mailbox: "ana"}); err != nil {
			t.Fatal(err)
		}
	}
	l.wait(t, 11)
	mu.Lock()
	defer mu.Unlock()
	if len(opened) != 1 {
		t.Errorf("%d connections for eleven notifications", len(opened))
	}
}
