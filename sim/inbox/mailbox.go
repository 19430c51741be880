package inbox

import (
	"cmp"
	"time"

	"heliograph/sim/smtp"
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

// delivered is the status of a mail that the simulator took.
const delivered = 250

// mailboxes gathers mails by recipient. It is not safe for concurrent use.
type mailboxes struct {
	shelf[Mail]
	place
	source *smtp.Server
}

func newMailboxes(source *smtp.Server) *mailboxes {
	return &mailboxes{shelf: newShelf[Mail](), source: source}
}

func (m *mailboxes) catchUp() {
	catchUp(&m.place, m.source.After, func(item smtp.Item) int64 { return item.Seq }, m.forget, m.deliver)
}

func (m *mailboxes) deliver(item smtp.Item) {
	if item.Status != delivered {
		return
	}
	mail := Mail{
		Seq: item.Seq, Time: item.Time, From: cmp.Or(item.Headers["from"], item.From),
		Subject: item.Subject, Text: shortened(item.Text), Shared: len(item.Recipients),
	}
	for _, address := range item.Recipients {
		m.put(address, mail)
	}
}

func (m *mailboxes) page(query string, limit int) mailPage {
	page := mailPage{Count: m.order.Len(), Mails: m.count, Items: []Mailbox{}}
	words := func(mail Mail) string { return mail.From + "\n" + mail.Subject + "\n" + mail.Text }
	for _, b := range m.find(query, limit, words) {
		page.Items = append(page.Items, Mailbox{b.address, b.received, b.items})
	}
	return page
}
