package inbox

import (
	"container/list"
	"slices"
	"strings"
	"time"

	"heliograph/sim/smtp"
)

// Bounds of what is held, as in package phone.
const (
	maxMailboxes = 10_000
	maxMails     = 20
	maxText      = 4000 // bytes of a text that a page gets
	catchUpStep  = 2000
	accepted     = 250
)

// Mail is one message in a mailbox.
type Mail struct {
	Seq     int64     `json:"seq"`
	Time    time.Time `json:"time"`
	From    string    `json:"from"` // header, else envelope
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Shared  int       `json:"shared"` // recipients of the same message
}

// Mailbox is one address and what arrived there.
type Mailbox struct {
	Address  string `json:"address"`
	Received int64  `json:"received"`
	Mails    []Mail `json:"mails"` // newest first
}

// mailPage is the answer of GET /_sim/mailboxes?q=&limit=.
type mailPage struct {
	Count int       `json:"count"` // mailboxes that got something
	Mails int64     `json:"mails"` // messages the mail simulator read, also refused ones
	Items []Mailbox `json:"items"` // the one that got something last comes first
}

// mailboxes gathers mails by recipient. It is not safe for concurrent use.
type mailboxes struct {
	source     *smtp.Server
	generation int64
	last       int64
	count      int64
	boxes      map[string]*list.Element
	order      *list.List // of *Mailbox, the one that got something last in front
}

func newMailboxes(source *smtp.Server) *mailboxes {
	m := &mailboxes{source: source}
	m.clear()
	return m
}

func (m *mailboxes) clear() { m.boxes, m.order = map[string]*list.Element{}, list.New() }

func (m *mailboxes) catchUp() {
	for {
		items, generation, count, last := m.source.After(m.last, catchUpStep)
		if generation != m.generation {
			m.clear()
			m.generation = generation
		}
		m.count = count
		for _, item := range items {
			if item.Status == accepted {
				m.deliver(item)
			}
		}
		if len(items) == 0 {
			m.last = last
			return
		}
		if m.last = items[len(items)-1].Seq; m.last >= last {
			return
		}
	}
}

func (m *mailboxes) deliver(item smtp.Item) {
	mail := Mail{Seq: item.Seq, Time: item.Time, From: item.Headers["from"], Subject: item.Subject, Text: item.Text, Shared: len(item.Recipients)}
	if mail.From == "" {
		mail.From = item.From
	}
	if len(mail.Text) > maxText {
		mail.Text = strings.ToValidUTF8(mail.Text[:maxText], "") + " …"
	}
	for _, address := range item.Recipients {
		box := m.touch(address)
		box.Received++
		box.Mails = slices.Insert(box.Mails, 0, mail)
		box.Mails = box.Mails[:min(len(box.Mails), maxMails)]
	}
}

// touch finds or makes the mailbox and moves it to the front; the one that has been quiet longest makes room.
func (m *mailboxes) touch(address string) *Mailbox {
	if e, ok := m.boxes[address]; ok {
		m.order.MoveToFront(e)
		return e.Value.(*Mailbox)
	}
	if m.order.Len() >= maxMailboxes {
		oldest := m.order.Back()
		delete(m.boxes, oldest.Value.(*Mailbox).Address)
		m.order.Remove(oldest)
	}
	box := &Mailbox{Address: address}
	m.boxes[address] = m.order.PushFront(box)
	return box
}

// find returns copies of the newest mailboxes that contain query, up to limit mails altogether.
func (m *mailboxes) find(query string, limit int) []Mailbox {
	found := []Mailbox{}
	query = strings.ToLower(query)
	for e := m.order.Front(); e != nil && limit > 0; e = e.Next() {
		box := e.Value.(*Mailbox)
		mails := box.matching(query)
		if len(mails) == 0 {
			continue
		}
		mails = mails[:min(len(mails), limit)]
		limit -= len(mails)
		found = append(found, Mailbox{Address: box.Address, Received: box.Received, Mails: mails})
	}
	return found
}

// matching returns a copy of the mails that contain query; all of them when the address does.
func (b *Mailbox) matching(query string) []Mail {
	if strings.Contains(strings.ToLower(b.Address), query) {
		return slices.Clone(b.Mails)
	}
	var found []Mail
	for _, mail := range b.Mails {
		if strings.Contains(strings.ToLower(mail.From+"\n"+mail.Subject+"\n"+mail.Text), query) {
			found = append(found, mail)
		}
	}
	return found
}
