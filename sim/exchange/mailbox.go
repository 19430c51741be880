package exchange

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Folder is one of a mailbox.
type Folder string

// The folders that there are.
const (
	Inbox    Folder = "inbox"
	Calendar Folder = "calendar"
)

var folders = []Folder{Inbox, Calendar}

// Event types, as elements are named.
const (
	newMailEvent  = "NewMailEvent"
	createdEvent  = "CreatedEvent"
	modifiedEvent = "ModifiedEvent"
	deletedEvent  = "DeletedEvent"
	statusEvent   = "StatusEvent"
)

// mailbox is one person's.
type mailbox struct {
	name    string
	server  int // which of the simulator's
	guid    guid
	counter uint64 // of events; a watermark is one of them
	change  uint64 // of items; a sync state is one of them
	items   []*item
	subs    []*subscription
}

// item is a mail or a meeting.
type item struct {
	id            string
	folder        Folder
	from, subject string
	received      time.Time
	read, deleted bool
	created       uint64 // change that made it
	changed       uint64 // newest change
}

func newMailbox(name string) *mailbox { return &mailbox{name: name, guid: guidOf("mailbox " + name)} }

func (m *mailbox) folderID(f Folder) string { return entryID(m.guid, "folder "+string(f)) }

// folderOf finds a folder by the id that a client was given.
func (m *mailbox) folderOf(id string) (Folder, bool) {
	i := slices.IndexFunc(folders, func(f Folder) bool { return m.folderID(f) == id })
	if i < 0 {
		return "", false
	}
	return folders[i], true
}

// in are the items of a folder that are still there, newest first.
func (m *mailbox) in(f Folder) []*item {
	var found []*item
	for _, it := range slices.Backward(m.items) {
		if it.folder == f && !it.deleted {
			found = append(found, it)
		}
	}
	return found
}

func (m *mailbox) unread(f Folder) (n int) {
	for _, it := range m.in(f) {
		if !it.read {
			n++
		}
	}
	return n
}

// event is one change, as subscriptions are told of it.
type event struct {
	kind      string
	folder    Folder // that it happened in
	watermark uint64
	at        time.Time
	item      *item // nil = it is about the folder
	unread    *int
}

func (m *mailbox) event(kind string, f Folder, it *item, now time.Time) event {
	m.counter++
	return event{kind: kind, folder: f, watermark: m.counter, at: now, item: it}
}

// folderEvent goes with every change of an item. Real ones tell the count for folders of mail.
func (m *mailbox) folderEvent(f Folder, now time.Time) event {
	e := m.event(modifiedEvent, f, nil, now)
	if f == Inbox {
		e.unread = new(m.unread(f))
	}
	return e
}

// receive puts a new item in place: Created, NewMail, Modified with the count.
func (m *mailbox) receive(f Folder, from, subject string, now time.Time) (*item, []event) {
	m.change++
	it := &item{
		id: entryID(m.guid, fmt.Sprintf("item %d", m.change)), folder: f, received: now, created: m.change, changed: m.change,
		from: cmp.Or(from, senders[int(m.change)%len(senders)]), subject: subject, read: f != Inbox,
	}
	if it.subject == "" {
		it.subject = subjects[f][int(m.change)%len(subjects[f])]
	}
	m.items = append(m.items, it)
	events := []event{m.event(createdEvent, f, it, now)}
	if f == Inbox {
		events = append(events, m.event(newMailEvent, f, it, now))
	}
	return it, append(events, m.folderEvent(f, now))
}

// markRead reads the oldest count unread mails; 0 = all.
func (m *mailbox) markRead(count int, now time.Time) (read int, events []event) {
	for _, it := range slices.Backward(m.in(Inbox)) {
		if it.read || count > 0 && read == count {
			continue
		}
		read++
		m.change++
		it.read, it.changed = true, m.change
		events = append(events, m.event(modifiedEvent, Inbox, it, now), m.folderEvent(Inbox, now))
	}
	return read, events
}

// remove deletes the newest count mails.
func (m *mailbox) remove(count int, now time.Time) (removed int, events []event) {
	for _, it := range m.in(Inbox) {
		if removed == count {
			break
		}
		removed++
		m.change++
		it.deleted, it.changed = true, m.change
		events = append(events, m.event(deletedEvent, Inbox, it, now), m.folderEvent(Inbox, now))
	}
	return removed, events
}

// What mails are about when nobody says.
var (
	senders  = []string{"Lena Hartmann", "Marcus Okafor", "Inês Carvalho", "Julien Moreau", "Priya Natarajan", "Service Desk"}
	subjects = map[Folder][]string{
		Inbox: {
			"Your numbers for the board by Friday", "Ward 4 rota for next week", "Re: delivery of the new handsets",
			"Minutes of yesterday's call", "Travel request approved", "Question about the pilot group", "Lunch on Thursday?",
		},
		Calendar: {"Weekly with the team", "Rollout review", "Interview, second round"},
	}
)
