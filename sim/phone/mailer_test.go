package phone_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/sim/control"
	"heliograph/sim/exchange"
	"heliograph/sim/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pushes is a push service that the test's listener fills.
type pushes struct{ *control.History[phone.Push] }

func (p pushes) Pushes(after int64, limit int) phone.Batch {
	return phone.BatchOf(p.After(after, limit), func(e control.Entry[phone.Push]) (phone.Push, bool) {
		push := e.Record
		push.Seq, push.Time = e.Seq, e.Time()
		return push, true
	})
}

// world is all that a mail phone lives in: the real simulator of Exchange, and a registration service with a listener
// that knows just enough to wake.
type world struct {
	*phone.Mailers
	exchange *exchange.Server
	pushes   pushes
	service  *httptest.Server

	mu          sync.Mutex
	known       map[string]map[string]any // by id
	n           int
	bound       int
	resubscribe bool
}

func newWorld(t *testing.T, o phone.MailersOptions) *world {
	t.Helper()
	w := &world{pushes: pushes{control.NewHistory[phone.Push](0)}, known: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/registrations", w.register)
	mux.HandleFunc("GET /v1/registrations/{id}", w.look)
	mux.HandleFunc("DELETE /v1/registrations/{id}", w.leave)
	mux.HandleFunc("PUT /v1/registrations/{id}/subscriptions/{handle}", w.bind)
	mux.HandleFunc("POST /ews/{id}", w.event)
	w.service = httptest.NewServer(mux)
	server, err := exchange.Start(exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.exchange = server
	o.Sources, o.Exchange = []phone.Source{w.pushes}, server.URL()
	if o.Scale == 0 {
		o.Scale = 100
	}
	w.Mailers = phone.NewMailers(o)
	t.Cleanup(func() {
		w.Mailers.Stop()
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		w.service.Close()
	})
	return w
}

func (w *world) register(rw http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if r.Header.Get("Authorization") != "Bearer the-key" || json.NewDecoder(r.Body).Decode(&body) != nil {
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.mu.Lock()
	w.n++
	id := fmt.Sprintf("r%d", w.n)
	w.known[id] = body
	w.mu.Unlock()
	control.JSON(rw, http.StatusCreated, map[string]any{
		"id": id, "secret": "s-" + id, "support_code": "CODE-" + id,
		"listener_urls": map[string]string{"inbox": w.service.URL + "/ews/" + id},
		"subscribe":     map[string]any{"event_types": []string{"NewMailEvent", "CreatedEvent", "ModifiedEvent"}, "status_frequency_minutes": 30},
	})
}

// of is the registration that a request is about; it answers 401 and 404 itself.
func (w *world) of(rw http.ResponseWriter, r *http.Request) (id string, ok bool) {
	id = r.PathValue("id")
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.known[id] == nil:
		rw.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer s-"+id:
		rw.WriteHeader(http.StatusUnauthorized)
	default:
		return id, true
	}
	return id, false
}

func (w *world) look(rw http.ResponseWriter, r *http.Request) {
	if _, ok := w.of(rw, r); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		control.JSON(rw, http.StatusOK, map[string]any{"state": "live", "resubscribe": w.resubscribe})
		w.resubscribe = false
	}
}

func (w *world) leave(rw http.ResponseWriter, r *http.Request) {
	if id, ok := w.of(rw, r); ok {
		w.forget(id)
		rw.WriteHeader(http.StatusNoContent)
	}
}

func (w *world) forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.known, id)
}

func (w *world) bind(rw http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if _, ok := w.of(rw, r); ok && json.NewDecoder(r.Body).Decode(&body) == nil && body["source"] == "ews" && body["subscription_id"] != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.bound++
		rw.WriteHeader(http.StatusNoContent)
	}
}

var unread = regexp.MustCompile(`UnreadCount>(\d+)<`)

// event is the listener: every event but a heartbeat wakes.
func (w *world) event(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.mu.Lock()
	registration := w.known[r.PathValue("id")]
	w.mu.Unlock()
	status := "OK"
	if registration == nil {
		status = "Unsubscribe"
	} else if !strings.Contains(string(body), "StatusEvent") {
		kind := "change"
		if strings.Contains(string(body), "NewMailEvent") {
			kind = "new"
		}
		badge := ""
		for _, found := range unread.FindAllStringSubmatch(string(body), -1) {
			badge = found[1]
		}
		w.push(registration, kind, badge)
	}
	fmt.Fprintf(rw, `<Envelope><Body><SendNotificationResult><SubscriptionStatus>%s</SubscriptionStatus></SendNotificationResult></Body></Envelope>`, status)
}

// push is a wake as the push simulators would show it.
func (w *world) push(registration map[string]any, kind, badge string) {
	p := phone.Push{Token: registration["token"].(string), Silent: true, Wakes: true}
	var n int
	if _, err := fmt.Sscan(badge, &n); err == nil {
		p.Badge = &n
	}
	if registration["platform"] == "android" {
		p.Data = fmt.Sprintf(`{"kind":%q,"badge":%q}`, kind, badge)
		p.Badge = nil
	} else {
		p.Data = fmt.Sprintf(`{"aps":{},"kind":%q}`, kind)
	}
	if registration["wake"] == "rich" && kind == "new" {
		p.Silent, p.Wakes, p.Mutable, p.LocKey = false, false, true, "NEW_MAIL"
	}
	w.pushes.Add(200, "", p)
}

// ana is a phone as the scenario wants it.
func (w *world) ana(t *testing.T, platform phone.Platform, wake string, change func(*phone.Settings)) phone.Phone {
	t.Helper()
	settings := phone.DefaultSettings()
	if change != nil {
		change(&settings)
	}
	p, err := w.Add(context.Background(), phone.MailerOptions{
		Name: "Ana's phone", Mailbox: "ana@example.com", Platform: platform, Wake: wake, App: "com.example.mail", AppKey: "the-key",
		Registration: w.service.URL, Settings: &settings,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// until waits until Ana's phone is as it should be.
func (w *world) until(t *testing.T, what string, done func(p phone.Phone) bool) phone.Phone {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		changed := w.Changed()
		p := w.Phones()[0]
		if done(p) {
			return p
		}
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond): // the service's side changes without a word
		case <-deadline:
			t.Fatalf("%s: not in a minute; the phone is %+v %+v", what, p, p.Mail)
		}
	}
}

func (w *world) deliver(t *testing.T) {
	t.Helper()
	if err := w.NewMail(context.Background(), "ana-s-phone", 1); err != nil {
		t.Fatal(err)
	}
}

func said(p phone.Phone, what string) bool {
	for _, e := range p.Mail.Log {
		if strings.Contains(e.What, what) {
			return true
		}
	}
	return false
}

// screen is what the lock screen shows, newest first.
func screen(p phone.Phone) string {
	var texts []string
	for _, c := range p.Cards {
		texts = append(texts, strings.Trim(c.Title+": "+c.Body, ": "))
	}
	return strings.Join(texts, " | ")
}

// What the holder of a phone sees of one new mail, in each of the documented situations.
func TestWhatTheLockScreenShows(t *testing.T) {
	const theMail = "Marcus Okafor: Ward 4 rota for next week"
	for name, c := range map[string]struct {
		platform phone.Platform
		wake     string
		change   func(*phone.Settings)
		says     string // in the log, when all is over
		screen   string
		synced   bool
	}{
		"iOS":                                   {phone.IOS, "badge", nil, "woken: synced", theMail, true},
		"iOS, background refresh off":           {phone.IOS, "badge", func(s *phone.Settings) { s.Refresh = false }, "background refresh is off", "", false},
		"iOS, low power":                        {phone.IOS, "badge", func(s *phone.Settings) { s.LowPower = true }, "low power mode", "", false},
		"iOS, no network":                       {phone.IOS, "badge", func(s *phone.Settings) { s.Network = false }, "no network", "", false},
		"iOS, gateway ticket no longer valid":   {phone.IOS, "badge", func(s *phone.Settings) { s.Ticket = false }, "ticket", "", false},
		"iOS, sync of 29 s":                     {phone.IOS, "badge", func(s *phone.Settings) { s.SyncMS = 29_000 }, "woken: synced", theMail, true},
		"iOS, sync of 31 s":                     {phone.IOS, "badge", func(s *phone.Settings) { s.SyncMS = 31_000 }, "slower than 30 seconds", "", false},
		"iOS, cold start while locked":          {phone.IOS, "badge", func(s *phone.Settings) { s.Protected, s.Opened = true, false }, "not opened since", "", false},
		"iOS, opened since unlock, then locked": {phone.IOS, "badge", func(s *phone.Settings) { s.Protected = true }, "woken: synced", theMail, true},
		"iOS, cold start while unlocked":        {phone.IOS, "badge", func(s *phone.Settings) { s.Protected, s.Opened, s.Locked = true, false, false }, "woken: synced", theMail, true},
		"iOS, cold start without protection":    {phone.IOS, "badge", func(s *phone.Settings) { s.Opened = false }, "woken: synced", theMail, true},
		"iOS rich":                              {phone.IOS, "rich", nil, "woken: synced", theMail, true},
		"iOS rich, refresh off":                 {phone.IOS, "rich", func(s *phone.Settings) { s.Refresh = false }, "woken: synced", theMail, true},
		"iOS rich, low power":                   {phone.IOS, "rich", func(s *phone.Settings) { s.LowPower = true }, "woken: synced", theMail, true},
		"iOS rich, no network":                  {phone.IOS, "rich", func(s *phone.Settings) { s.Network = false }, "no network", "New mail", false},
		"iOS rich, cold start while locked":     {phone.IOS, "rich", func(s *phone.Settings) { s.Protected, s.Opened = true, false }, "not opened since", "New mail", false},
		"Android":                               {phone.Android, "badge", nil, "woken: synced", theMail, true},
		"Android, background refresh off":       {phone.Android, "badge", func(s *phone.Settings) { s.Refresh, s.LowPower = false, true }, "woken: synced", theMail, true},
		"Android, no network":                   {phone.Android, "badge", func(s *phone.Settings) { s.Network = false }, "no network", "You have new messages", false},
		"Android, sync of 9 s":                  {phone.Android, "badge", func(s *phone.Settings) { s.SyncMS = 9000 }, "woken: synced", theMail, true},
		"Android, sync of 11 s":                 {phone.Android, "badge", func(s *phone.Settings) { s.SyncMS = 11_000 }, "slower than 10 seconds", "You have new messages", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, phone.MailersOptions{})
			before := w.ana(t, c.platform, c.wake, c.change)
			if before.Badge != 0 || len(before.Cards) != 0 || before.Mail.SupportCode != "CODE-r1" {
				t.Errorf("before: %+v", before)
			}
			w.deliver(t)
			after := w.until(t, c.says, func(p phone.Phone) bool { return said(p, c.says) })
			if after.Badge != 1 || screen(after) != c.screen || (after.Mail.Syncs > before.Mail.Syncs) != c.synced {
				t.Errorf("badge %d, screen %q, %+v", after.Badge, screen(after), after.Mail)
			}
		})
	}
}

// The badge is there before the sync, and follows what is read elsewhere.
func TestBadge(t *testing.T) {
	w := newWorld(t, phone.MailersOptions{Scale: 1})
	w.ana(t, phone.IOS, "badge", func(s *phone.Settings) { s.SyncMS = 500_000 }) // still at it when the test ends
	w.deliver(t)
	w.until(t, "one", func(p phone.Phone) bool { return p.Badge == 1 && p.Mail.Syncs == 1 })
	w.deliver(t)
	w.until(t, "two", func(p phone.Phone) bool { return p.Badge == 2 })
	if err := w.ReadMail(context.Background(), "ana-s-phone", 0); err != nil {
		t.Fatal(err)
	}
	p := w.until(t, "none", func(p phone.Phone) bool { return p.Badge == 0 })
	if p.Mail.Syncs != 1 || len(p.Cards) != 0 {
		t.Errorf("%+v", p)
	}
}

// What is read elsewhere leaves the lock screen, and opening the app clears it.
func TestLockScreenIsKeptTrue(t *testing.T) {
	w := newWorld(t, phone.MailersOptions{})
	w.ana(t, phone.IOS, "badge", nil)
	w.deliver(t)
	w.until(t, "the first mail", func(p phone.Phone) bool { return len(p.Cards) == 1 })
	w.deliver(t)
	w.until(t, "the second mail", func(p phone.Phone) bool { return len(p.Cards) == 2 })
	if err := w.ReadMail(context.Background(), "ana-s-phone", 1); err != nil {
		t.Fatal(err)
	}
	w.until(t, "one was read", func(p phone.Phone) bool { return len(p.Cards) == 1 && p.Badge == 1 })
	if _, err := w.Open("ana-s-phone"); err != nil {
		t.Fatal(err)
	}
	p := w.until(t, "opened", func(p phone.Phone) bool { return said(p, "opened: synced") })
	if len(p.Cards) != 0 || p.Badge != 1 || p.Mail.Settings.Locked {
		t.Errorf("%+v %+v", p, p.Mail)
	}
}

// The system's own refresh brings mail without push, and also while push is on but does not wake.
func TestPeriodicRefresh(t *testing.T) {
	for name, c := range map[string]struct {
		platform phone.Platform
		change   func(*phone.Settings)
		comes    bool
	}{
		"push off":                  {phone.IOS, func(s *phone.Settings) { s.Push = false }, true},
		"push off, refresh off":     {phone.IOS, func(s *phone.Settings) { s.Push, s.Refresh = false, false }, false},
		"push off, low power":       {phone.IOS, func(s *phone.Settings) { s.Push, s.LowPower = false, true }, false},
		"Android, push off":         {phone.Android, func(s *phone.Settings) { s.Push = false }, true},
		"push on, and not a wake":   {phone.IOS, func(s *phone.Settings) { s.Network = false }, true},
		"Android push, and no wake": {phone.Android, func(s *phone.Settings) { s.Network = false }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, phone.MailersOptions{Scale: 1000, Refresh: 20 * time.Second}) // every 20 ms
			p := w.ana(t, c.platform, "badge", c.change)
			if registered := p.Mail.Registration != ""; registered != p.Mail.Settings.Push {
				t.Errorf("registered: %t", registered)
			}
			w.deliver(t)
			if !p.Mail.Settings.Network {
				w.until(t, "the wake", func(p phone.Phone) bool { return said(p, "no sync: no network") && p.Badge == 1 })
				if _, err := w.Set("ana-s-phone", []byte(`{"network": true}`)); err != nil {
					t.Fatal(err)
				}
			}
			if c.comes {
				w.until(t, "the refresh", func(p phone.Phone) bool {
					return said(p, "periodic refresh: synced, one new mail") && len(p.Cards) == 1
				})
				return
			}
			// A witness beside it shows that time has passed.
			if _, err := w.Add(context.Background(), phone.MailerOptions{Name: "witness", Mailbox: "ana@example.com", Platform: phone.Android, Settings: &phone.Settings{Network: true, Ticket: true}}); err != nil {
				t.Fatal(err)
			}
			w.until(t, "the witness's third refresh", func(phone.Phone) bool { return w.Phones()[1].Mail.Syncs > 3 })
			if p := w.Phones()[0]; p.Mail.Syncs != 1 || p.Badge != 0 || len(p.Cards) != 0 {
				t.Errorf("%+v", p)
			}
		})
	}
}

// A wake that says so makes the app subscribe anew; so does the service's word when it is opened; and when the service
// does not know it any more, it registers.
func TestSubscribingAnew(t *testing.T) {
	w := newWorld(t, phone.MailersOptions{})
	w.ana(t, phone.IOS, "badge", nil)
	if n, err := w.exchange.Restart(""); n != 1 || err != nil {
		t.Fatalf("%d forgotten, %v", n, err)
	}
	w.push(w.known["r1"], "resubscribe", "")
	w.until(t, "subscribed anew", func(p phone.Phone) bool { return p.Mail.Subscribed == 2 && said(p, "subscribed anew") })
	if n := len(w.exchange.Subscriptions("", exchange.Active)); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
	w.mu.Lock()
	w.resubscribe = true
	w.mu.Unlock()
	open := func() {
		if _, err := w.Open("ana-s-phone"); err != nil {
			t.Fatal(err)
		}
	}
	open()
	w.until(t, "the service said so", func(p phone.Phone) bool { return p.Mail.Subscribed == 3 })
	w.forget("r1")
	open()
	w.until(t, "registered again", func(p phone.Phone) bool { return p.Mail.SupportCode == "CODE-r2" && p.Mail.Subscribed == 4 })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bound != 4 {
		t.Errorf("bound %d times", w.bound)
	}
}

// Push that is switched off signs the phone out, and on again in; a phone that is removed is gone everywhere.
func TestSigningOut(t *testing.T) {
	w := newWorld(t, phone.MailersOptions{})
	w.ana(t, phone.IOS, "badge", nil)
	set := func(patch string) {
		if _, err := w.Set("ana-s-phone", []byte(patch)); err != nil {
			t.Fatal(err)
		}
	}
	set(`{"push": false}`)
	w.until(t, "signed out", func(p phone.Phone) bool { return p.Mail.Registration == "" })
	w.deliver(t)
	w.until(t, "Exchange was told", func(phone.Phone) bool { return len(w.exchange.Subscriptions("", exchange.Ended)) == 1 })
	set(`{"push": true}`)
	w.until(t, "signed in", func(p phone.Phone) bool { return p.Mail.Registration == "r2" })
	if err := w.Remove(context.Background(), "ana-s-phone"); err != nil || len(w.known) != 0 || len(w.Phones()) != 0 {
		t.Errorf("%v, %v, %v", err, w.known, w.Phones())
	}
	if err := w.Remove(context.Background(), "ana-s-phone"); err != phone.ErrNoPhone {
		t.Errorf("%v", err)
	}
}

func TestPhonesThatCannotBe(t *testing.T) {
	w := newWorld(t, phone.MailersOptions{})
	w.ana(t, phone.IOS, "badge", nil)
	for want, o := range map[string]phone.MailerOptions{
		"name and mailbox":  {},
		"platform":          {Name: "x", Mailbox: "x", Platform: "windows"},
		"app_key":           {Name: "x", Mailbox: "x"},
		"answered 401":      {Name: "x", Mailbox: "x", Registration: w.service.URL, AppKey: "another"},
		"cannot be reached": {Name: "x", Mailbox: "x", Registration: "https://127.0.0.1:1", AppKey: "the-key"},
		"another than that": {Name: "ANA'S PHONE", Mailbox: "x", Registration: w.service.URL, AppKey: "the-key"},
	} {
		_, err := w.Add(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "another\"") {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, patch := range []string{`{"wings": true}`, `{"locked": 3}`, `{"sync_ms": -1}`, `nonsense`} {
		if _, err := w.Set("ana-s-phone", []byte(patch)); err == nil {
			t.Errorf("%s is taken", patch)
		}
	}
	if len(w.Phones()) != 1 {
		t.Errorf("%d phones", len(w.Phones()))
	}
}
