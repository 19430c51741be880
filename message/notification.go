package message

import (
	"time"

	"heliograph/fleet"
	"heliograph/template"
)

// Progress is where a notification stands.
type Progress string

const (
	Scheduled          Progress = "scheduled" // waits for its time
	Expanding          Progress = "expanding" // its audience is being paged through; what is ready is already sent
	InDelivery         Progress = "sending"   // every delivery exists, some are open
	Done               Progress = "done"      // no delivery is open
	CancelledByRequest Progress = "cancelled"
)

// Notification is one thing to say to an audience, and how far it has come.
type Notification struct {
	Key         int64 // the database's own key; 0 before it is stored
	ID          NotificationID
	State       Progress
	Audience    fleet.Audience
	Content     template.Content // its own copy, as it was when it was asked for
	Template    string           // name of the template that it came from; empty = ad hoc
	TemplateID  string
	CreatedAt   time.Time
	SendAt      time.Time     // zero = at once
	StartedAt   time.Time     // zero = not yet
	RetriedAt   time.Time     // when somebody asked for another try; zero = never
	FinishedAt  time.Time     // zero = not yet
	ExpiresIn   time.Duration // 0 = the channel's own lifetime
	Limited     bool          // whoever asked is limited to Groups: nobody outside of them gets any of it
	Groups      []int64       // the database's own keys
	RequestedBy string        // who asked: an administrator's or a token's name
	Lane        int           // 1 urgent … 3 bulk; see courier
	Counts      Counts
}

// Lifetimes of a delivery after the start of its notification, unless the notification says otherwise.
const (
	PushLifetime  = 24 * time.Hour
	OtherLifetime = 72 * time.Hour
)

// ExpiresAt is when the notification's deliveries on a channel are given up: its lifetime after it started, or after
// somebody asked for another try.
func (n Notification) ExpiresAt(c Channel) time.Time {
	start := n.StartedAt
	if n.RetriedAt.After(start) {
		start = n.RetriedAt
	}
	switch {
	case n.ExpiresIn > 0:
		return start.Add(n.ExpiresIn)
	case c == Push:
		return start.Add(PushLifetime)
	default:
		return start.Add(OtherLifetime)
	}
}

// Counts is the number of deliveries by channel and state. A channel or state that is absent counts nothing.
type Counts map[Channel]map[State]int64

// Add changes one count.
func (c Counts) Add(ch Channel, s State, n int64) {
	if c[ch] == nil {
		c[ch] = map[State]int64{}
	}
	c[ch][s] += n
}

// Total is the number of deliveries.
func (c Counts) Total() (n int64) {
	for _, ch := range Channels {
		n += c.Of(ch)
	}
	return n
}

// Of is the number of deliveries on one channel.
func (c Counts) Of(ch Channel) (n int64) {
	for _, count := range c[ch] {
		n += count
	}
	return n
}

// In is the number of deliveries in one state, over all channels.
func (c Counts) In(s State) (n int64) {
	for _, ch := range Channels {
		n += c[ch][s]
	}
	return n
}

// Open is the number of deliveries that have something before them.
func (c Counts) Open() int64 { return c.In(Queued) + c.In(Sending) }
