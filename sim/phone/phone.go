// Package phone is the far end of push: what the holder of a device would see. The push simulators turn what they
// accepted into Push values, and a Book gathers them by token: lock screen, badge, wakes.
//
// A Mailer is a phone with a mail app on it, which does what a wake is for:
//
//	registration service ◄── registers its token ── Mailer ── subscribes, syncs ──► Exchange simulator
//	push simulator ── Push ──► Mailers ── by token ──► Mailer: badge at once; woken or not; its own sync; lock screen
//
// What the operating systems do with a push is in react.go, a table of pure decisions; the phone's switches are its
// Settings.
package phone

import (
	"cmp"
	"container/list"
	"slices"
	"strings"
	"time"

	"heliograph/sim/control"
)

// Platform decides how a phone looks.
type Platform string

// The platforms that receive pushes.
const (
	IOS     Platform = "ios"
	Android Platform = "android"
	Web     Platform = "web" // a browser, behind a Web Push service
)

// Push is one accepted message as its phone understands it.
type Push struct {
	Seq      int64     `json:"seq"`
	Time     time.Time `json:"time"`
	Platform Platform  `json:"-"`
	Token    string    `json:"-"`
	App      string    `json:"app"`      // bundle id; empty where the service does not say
	Replaces string    `json:"replaces"` // collapse id or tag: a newer push with the same one takes its place
	Title    string    `json:"title"`
	Subtitle string    `json:"subtitle"`
	Body     string    `json:"body"`
	Sound    string    `json:"sound"`
	Badge    *int      `json:"badge"`
	Silent   bool      `json:"silent"`            // nothing to show: it woke the app or set the badge
	LocKey   string    `json:"loc_key,omitempty"` // of an alert whose text the app has
	Wakes    bool      `json:"wakes,omitempty"`   // the app is to run in the background
	Mutable  bool      `json:"mutable,omitempty"` // the app's extension may change the alert
	Data     string    `json:"data"`              // what the app gets besides, as JSON text
}

// Batch is what a Source accepted after a known entry of its history.
type Batch struct {
	Generation int64 // changes when the source forgot everything
	Count      int64 // all requests of the source since then, also refused ones
	Last       int64 // where the next batch begins
	More       bool  // the next batch is not empty
	Pushes     []Push
}

// Source is a push service that phones listen to.
type Source interface {
	// Pushes returns what was accepted after the entry with this sequence number, looking at limit entries at most.
	Pushes(after int64, limit int) Batch
	// Changed returns a channel that is closed when there is something new.
	Changed() <-chan struct{}
}

// BatchOf makes a batch of a piece of history; display says what a phone shows of an entry, if it reached one.
func BatchOf[T any](span control.Span[T], display func(control.Entry[T]) (Push, bool)) Batch {
	batch := Batch{Generation: span.Generation, Count: span.Count, Last: span.Last}
	for _, entry := range span.Entries {
		if push, ok := display(entry); ok {
			batch.Pushes = append(batch.Pushes, push)
		}
	}
	if n := len(span.Entries); n > 0 {
		batch.Last = span.Entries[n-1].Seq
		batch.More = batch.Last < span.Last
	}
	return batch
}

// Bounds of a Book: enough to see a whole demo, little enough to survive a benchmark.
const (
	maxPhones = 10_000
	maxCards  = 20
)

// Phone is one push token and what arrived there.
type Phone struct {
	Token    string    `json:"token"`
	Platform Platform  `json:"platform"`
	Name     string    `json:"name"` // a friendly one, or ""
	App      string    `json:"app"`
	Badge    int       `json:"badge"`
	Received int64     `json:"received"` // all pushes
	Wakes    int64     `json:"wakes"`    // the silent ones of them
	LastAt   time.Time `json:"last_at"`
	Cards    []Push    `json:"cards"` // what the lock screen shows, newest first

	Mail *MailState `json:"mail,omitempty"` // of a phone with a mail app
}

// Book gathers the pushes of one source by phone. It is not safe for concurrent use.
type Book struct {
	Names func(token string) string // friendly names; nil = none

	source     Source
	generation int64
	last       int64
	count      int64
	phones     map[string]*list.Element
	order      *list.List // of *Phone, the one that heard something last in front
}

// NewBook makes an empty book of source.
func NewBook(source Source, names func(token string) string) *Book {
	b := &Book{Names: names, source: source}
	b.clear()
	return b
}

func (b *Book) clear() { b.phones, b.order = map[string]*list.Element{}, list.New() }

// catchUp is how many entries are looked at in one go.
const catchUp = 5000

// CatchUp reads what the source accepted since the last time.
func (b *Book) CatchUp() {
	for {
		batch := b.source.Pushes(b.last, catchUp)
		if batch.Generation != b.generation {
			b.clear()
			b.generation = batch.Generation
		}
		b.last, b.count = batch.Last, batch.Count
		for _, push := range batch.Pushes {
			b.receive(push)
		}
		if !batch.More {
			return
		}
	}
}

// Count is the number of requests the source has seen.
func (b *Book) Count() int64 { return b.count }

// Len is the number of phones that heard something.
func (b *Book) Len() int { return b.order.Len() }

func (b *Book) receive(push Push) {
	p := b.touch(push)
	p.Received++
	p.LastAt = push.Time
	p.App = cmp.Or(push.App, p.App)
	if push.Badge != nil {
		p.Badge = *push.Badge
	}
	if push.Silent {
		p.Wakes++
		return
	}
	if push.Replaces != "" {
		p.Cards = slices.DeleteFunc(p.Cards, func(old Push) bool { return old.Replaces == push.Replaces })
	}
	p.Cards = slices.Insert(p.Cards, 0, push)
	p.Cards = p.Cards[:min(len(p.Cards), maxCards)]
}

// touch finds or makes the phone and moves it to the front; the one that has been quiet longest makes room.
func (b *Book) touch(push Push) *Phone {
	if e, ok := b.phones[push.Token]; ok {
		b.order.MoveToFront(e)
		return e.Value.(*Phone)
	}
	if b.order.Len() >= maxPhones {
		oldest := b.order.Back()
		delete(b.phones, oldest.Value.(*Phone).Token)
		b.order.Remove(oldest)
	}
	p := &Phone{Token: push.Token, Platform: push.Platform}
	if b.Names != nil {
		p.Name = b.Names(push.Token)
	}
	b.phones[push.Token] = b.order.PushFront(p)
	return p
}

// Find returns copies of the limit phones that heard something last and contain query (any case) in their name, token,
// app or cards; query == "" matches all.
func (b *Book) Find(query string, limit int) []Phone {
	found := []Phone{}
	for e := b.order.Front(); e != nil && len(found) < limit; e = e.Next() {
		if p := e.Value.(*Phone); p.Contains(query) {
			copied := *p
			copied.Cards = append([]Push{}, p.Cards...)
			found = append(found, copied)
		}
	}
	return found
}

// Contains reports whether name, token, app, mailbox or cards hold query, in any case.
func (p *Phone) Contains(query string) bool {
	query = strings.ToLower(query)
	if has(query, p.Name, p.Token, p.App) || p.Mail != nil && has(query, p.Mail.Mailbox, p.Mail.SupportCode) {
		return true
	}
	return slices.ContainsFunc(p.Cards, func(c Push) bool { return has(query, c.Title, c.Subtitle, c.Body) })
}

// Among is how many of these phones are in the book.
func (b *Book) Among(phones []Phone) (n int) {
	for _, p := range phones {
		if b.phones[p.Token] != nil {
			n++
		}
	}
	return n
}

func has(query string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), query) })
}
