package inbox

import (
	"net/http"
	"time"

	"heliograph/sim/vonage"
)

// Text is one text message on a phone.
type Text struct {
	Seq   int64     `json:"seq"`
	Time  time.Time `json:"time"`
	From  string    `json:"from"`
	Text  string    `json:"text"`
	Parts int       `json:"parts"` // that it travelled in
}

// Number is one telephone number and what arrived there.
type Number struct {
	Number   string `json:"number"` // with its plus
	Received int64  `json:"received"`
	Texts    []Text `json:"texts"` // newest first
}

// textPage is the answer of GET /_sim/numbers?q=&limit=.
type textPage struct {
	Count int      `json:"count"` // numbers that got something
	Texts int64    `json:"texts"` // requests to the SMS simulator, also refused ones
	Items []Number `json:"items"` // the one that got something last comes first
}

// numbers gathers text messages by number. It is not safe for concurrent use.
type numbers struct {
	shelf[Text]
	place
	source *vonage.Server
}

func newNumbers(source *vonage.Server) *numbers {
	return &numbers{shelf: newShelf[Text](), source: source}
}

func (n *numbers) catchUp() {
	catchUp(&n.place, n.source.After, func(item vonage.Item) int64 { return item.Seq }, n.forget, n.deliver)
}

func (n *numbers) deliver(item vonage.Item) {
	if item.Status == http.StatusOK {
		n.put("+"+item.To, Text{item.Seq, item.Time, item.From, shortened(item.Text), len(item.MessageIDs)})
	}
}

func (n *numbers) page(query string, limit int) textPage {
	page := textPage{Count: n.order.Len(), Texts: n.count, Items: []Number{}}
	for _, b := range n.find(query, limit, func(t Text) string { return t.From + "\n" + t.Text }) {
		page.Items = append(page.Items, Number{b.address, b.received, b.items})
	}
	return page
}
