package phone

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// MailerOptions say whose phone it is. The JSON names are those of POST /_sim/phones of the inbox.
type MailerOptions struct {
	Name         string    `json:"name"`                  // of the phone, such as "Ana's iPhone"
	Mailbox      string    `json:"mailbox"`               // on the simulated Exchange
	Platform     Platform  `json:"platform"`              // "" = ios
	Wake         string    `json:"wake"`                  // badge, background or rich; "" = badge
	App          string    `json:"app"`                   // that the push provider is for
	Environment  string    `json:"environment,omitempty"` // "" = production
	AppKey       string    `json:"app_key"`
	Registration string    `json:"registration"`       // origin of the registration service
	Token        string    `json:"token,omitempty"`    // "" = one made of the name
	Folders      []string  `json:"folders,omitempty"`  // to subscribe to; none = inbox
	Settings     *Settings `json:"settings,omitempty"` // nil = those of a good day
}

func (o *MailerOptions) complete() error {
	fill(&o.Platform, IOS)
	fill(&o.Wake, "badge")
	fill(&o.Environment, "production")
	fill(&o.Token, tokenOf(o.Platform, o.Name+"\x00"+o.Mailbox))
	if len(o.Folders) == 0 {
		o.Folders = []string{"inbox"}
	}
	if o.Settings == nil {
		o.Settings = new(DefaultSettings())
	}
	switch {
	case o.Name == "" || o.Mailbox == "":
		return errors.New("name and mailbox: must not be empty")
	case o.Platform != IOS && o.Platform != Android:
		return errors.New("platform: must be ios or android")
	case o.Settings.Push && (o.Registration == "" || o.AppKey == ""):
		return errors.New("registration and app_key: must not be empty while push is on")
	}
	return nil
}

func fill[T ~string](to *T, otherwise T) {
	if *to == "" {
		*to = otherwise
	}
}

// tokenOf makes a device token as the platform's look, always the same for the same phone.
func tokenOf(p Platform, seed string) string {
	if p == IOS {
		sum := sha256.Sum256([]byte("mail phone " + seed))
		return hex.EncodeToString(sum[:])
	}
	sum := sha512.Sum512([]byte("mail phone " + seed))
	text := base64.RawURLEncoding.EncodeToString(sum[:])
	return text[:22] + ":APA91b" + text
}

// MailState is a phone's mail app as the page and scripts see it.
type MailState struct {
	ID           string     `json:"id"` // of the phone, in paths
	Mailbox      string     `json:"mailbox"`
	Wake         string     `json:"wake"`
	State        string     `json:"state"` // one sentence: what the app did last, or cannot do
	Settings     Settings   `json:"settings"`
	Registration string     `json:"registration"` // id at the registration service; "" = not registered
	SupportCode  string     `json:"support_code"`
	Subscribed   int        `json:"subscribed"` // how often
	Syncs        int        `json:"syncs"`      // that came to their end
	Notices      int        `json:"notices"`    // of mails, shown on the lock screen
	LastPushAt   *time.Time `json:"last_push_at"`
	LastSyncAt   *time.Time `json:"last_sync_at"`
	Log          []Entry    `json:"log"` // newest first
}

// Entry is something that happened on the phone.
type Entry struct {
	Time time.Time `json:"time"`
	What string    `json:"what"`
}

// keptEntries and keptCards bound what a phone remembers.
const (
	keptEntries = 12
	keptCards   = 20
)

// Mailer is a phone with a mail app.
type Mailer struct {
	options MailerOptions
	service service
	server  mailServer
	scale   float64
	changed func()
	work    chan struct{} // there is something in todo

	busy         sync.Mutex   // held while the app speaks with others; guards what follows
	sync         string       // Exchange's state; "" = never synced
	registration registration // with "" as id = none

	mu       sync.Mutex // held for moments; guards what others see
	state    MailState
	badge    int
	received int64
	woken    int64
	seq      int64
	cards    []Push
	todo     todo
}

// todo is what the app is to do as soon as it can.
type todo struct {
	sync        string // why; "" = not
	baseline    bool   // what is there already is no news
	resubscribe bool
	settle      bool // registration and subscription as the settings want them
	foreground  bool // the holder looks: nothing stands in the way but the network
}

// receive is the system's part: badge and notice at once, and the app woken or not.
func (m *Mailer) receive(p Push) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.state.Settings.react(m.options.Platform, p)
	m.received++
	m.state.LastPushAt = new(p.Time)
	if r.badge != nil {
		m.badge = *r.badge
	}
	if r.notice != "" {
		m.notice(r.notice)
	}
	if !r.woken {
		m.say("not woken: " + r.why)
		return
	}
	m.woken++
	m.want(todo{sync: "woken", resubscribe: r.resubscribe})
}

// notice shows a text that the app has; it stands until a sync knows better.
func (m *Mailer) notice(text string) {
	m.cards = slices.DeleteFunc(m.cards, func(c Push) bool { return c.Replaces == noticeID })
	m.show(Push{Replaces: noticeID, Title: text})
}

// noticeID marks the card that is no mail.
const noticeID = "notice"

func (m *Mailer) show(card Push) {
	m.seq++
	card.Seq, card.Time, card.App = m.seq, time.Now().UTC(), "Mail"
	m.cards = slices.Insert(m.cards, 0, card)
	m.cards = m.cards[:min(len(m.cards), keptCards)]
}

// tell writes what happened.
func (m *Mailer) tell(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(what)
}

// say is tell where the lock is held.
func (m *Mailer) say(what string) {
	m.state.State = what
	m.state.Log = slices.Insert(m.state.Log, 0, Entry{time.Now().UTC(), what})
	m.state.Log = m.state.Log[:min(len(m.state.Log), keptEntries)]
	m.changed()
}

// want adds to what is to be done.
func (m *Mailer) want(t todo) {
	if t.sync != "" {
		m.todo.sync = t.sync
	}
	m.todo.baseline = m.todo.baseline || t.baseline
	m.todo.resubscribe = m.todo.resubscribe || t.resubscribe
	m.todo.settle = m.todo.settle || t.settle
	m.todo.foreground = m.todo.foreground || t.foreground
	select {
	case m.work <- struct{}{}:
	default:
	}
}

// run does what is wanted, one thing at a time, until ctx ends.
func (m *Mailer) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(m.scaled(every))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.refresh()
		case <-m.work:
			m.do(ctx, m.take())
		}
	}
}

// refresh is what the system allows now and then, without anybody asking.
func (m *Mailer) refresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Settings.refreshes(m.options.Platform) {
		m.want(todo{sync: "periodic refresh"})
	}
}

func (m *Mailer) scaled(d time.Duration) time.Duration {
	return max(time.Microsecond, time.Duration(float64(d)/m.scale))
}

func (m *Mailer) take() todo {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.todo
	m.todo = todo{}
	return t
}

func (m *Mailer) do(ctx context.Context, t todo) {
	obstacle := m.wait(ctx, t)
	if ctx.Err() != nil {
		return
	}
	if obstacle != "" && !t.settle { // push is settled over the internet, whatever is in the mail server's way
		m.tell("no sync: " + obstacle)
		return
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	if err := m.act(ctx, t); err != nil && ctx.Err() == nil {
		m.tell("no sync: " + err.Error())
	}
}

// wait is the time that the app takes, at most its budget; then it says what stands in its way.
func (m *Mailer) wait(ctx context.Context, t todo) (obstacle string) {
	before := m.settings()
	took := before.syncTime()
	if !t.foreground {
		took = min(took, m.options.Platform.budget())
	}
	timer := time.NewTimer(m.scaled(took))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	now := m.settings()
	if t.foreground {
		now.Opened, now.SyncMS = true, 0
	}
	return now.obstacle(m.options.Platform)
}

func (m *Mailer) settings() Settings {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Settings
}

// act does the parts in order; mail comes also when push is in trouble. The app is busy meanwhile.
func (m *Mailer) act(ctx context.Context, t todo) error {
	err := m.arrange(ctx, t)
	if err != nil && t.baseline {
		return err // a phone that cannot sign in is none
	}
	if err != nil {
		m.tell("push is in trouble: " + err.Error())
	}
	if t.sync == "" {
		return nil
	}
	return m.catchUp(ctx, t)
}

// arrange is what push needs: a registration, a subscription.
func (m *Mailer) arrange(ctx context.Context, t todo) error {
	if t.settle || t.foreground {
		return m.settle(ctx, t.resubscribe)
	}
	if !t.resubscribe || m.registration.ID == "" {
		return nil
	}
	if err := m.subscribe(ctx); err != nil {
		return err
	}
	m.tell("subscribed anew")
	return nil
}

// settle registers when push is on and the service knows nothing of the phone, subscribes anew when the service or a wake
// says that the subscription is lost, and leaves when push is off.
func (m *Mailer) settle(ctx context.Context, lost bool) error {
	push := m.settings().Push
	switch {
	case !push && m.registration.ID != "":
		return m.leave(ctx)
	case !push:
		return nil
	case m.registration.ID == "":
		return m.join(ctx)
	}
	known, err := m.service.look(ctx, m.registration)
	switch {
	case gone(err):
		return m.join(ctx)
	case err != nil:
		return err
	case known.Resubscribe || lost:
		return m.subscribe(ctx)
	}
	return nil
}

func (m *Mailer) join(ctx context.Context) (err error) {
	if m.registration, err = m.service.register(ctx, m.options, m.options.Folders); err != nil {
		m.registration = registration{}
		return err
	}
	m.known()
	if err := m.subscribe(ctx); err != nil {
		return err
	}
	m.tell("registered and subscribed")
	return nil
}

// known shows what the app knows of its registration.
func (m *Mailer) known() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Registration, m.state.SupportCode = m.registration.ID, m.registration.SupportCode
}

func (m *Mailer) leave(ctx context.Context) error {
	err := m.service.leave(ctx, m.registration)
	if err != nil && !gone(err) {
		return err
	}
	m.registration = registration{}
	m.known()
	m.tell("signed out of push")
	return nil
}

// subscribe asks Exchange to post to the registration's addresses, and tells the service the ids.
func (m *Mailer) subscribe(ctx context.Context) error {
	r := m.registration
	for _, folder := range m.options.Folders {
		callback := r.ListenerURLs[folder]
		if callback == "" {
			return errors.New("the registration has no address for the folder " + folder)
		}
		id, err := m.server.subscribe(ctx, folder, callback, r.Subscribe.Types, r.Subscribe.Frequency)
		if err != nil {
			return err
		}
		if err := m.service.bind(ctx, r, folder, id); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.state.Subscribed++
	m.mu.Unlock()
	return nil
}

// catchUp syncs: new mails go on the lock screen, read and deleted ones leave it, and the icon shows the folder's count.
func (m *Mailer) catchUp(ctx context.Context, t todo) error {
	fresh := 0
	for last := false; !last; {
		changes, err := m.server.changes(ctx, m.sync)
		if err != nil {
			return err
		}
		fresh += m.apply(changes, t.baseline)
		m.sync, last = changes.SyncState, changes.Last
	}
	unread, err := m.server.unread(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.badge = unread
	m.cards = slices.DeleteFunc(m.cards, func(c Push) bool { return c.Replaces == noticeID })
	if t.foreground {
		m.cards = nil // the holder has seen them
	}
	m.state.Syncs++
	m.state.LastSyncAt = new(time.Now().UTC())
	m.say(synced(t.sync, fresh))
	return nil
}

func synced(why string, fresh int) string {
	switch fresh {
	case 0:
		return why + ": synced"
	case 1:
		return why + ": synced, one new mail"
	}
	return why + ": synced, several new mails"
}

func (m *Mailer) apply(changes responseMessage, baseline bool) (fresh int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mail := range changes.Created {
		if mail.IsRead || baseline {
			continue
		}
		fresh++
		m.state.Notices++
		m.show(Push{Replaces: mail.ItemID.ID, Title: mail.From, Body: mail.Subject})
	}
	for _, id := range changes.Deleted {
		m.drop(id.ID)
	}
	for _, change := range changes.Flagged {
		if change.IsRead {
			m.drop(change.ItemID.ID)
		}
	}
	return fresh
}

func (m *Mailer) drop(id string) {
	m.cards = slices.DeleteFunc(m.cards, func(c Push) bool { return c.Replaces == id })
}

// view is the phone as others see it.
func (m *Mailer) view() Phone {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.state
	state.Log = slices.Clone(state.Log)
	p := Phone{
		Token: m.options.Token, Platform: m.options.Platform, Name: m.options.Name, App: m.options.App, Badge: m.badge,
		Received: m.received, Wakes: m.woken, Cards: append([]Push{}, m.cards...), Mail: &state,
	}
	for _, at := range []*time.Time{state.LastPushAt, state.LastSyncAt} {
		if at != nil && at.After(p.LastAt) {
			p.LastAt = *at
		}
	}
	return p
}

// slug makes a piece of a path of a name.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.Join(words, "-")
}
