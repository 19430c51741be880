// Package channel is the contract between the courier and the services that carry messages.
//
// A Provider is a value that describes one kind of service: its name, the settings an administrator fills in, how they
// are checked, and how to open them. Opening gives a Sender, whose one method takes messages and says what became of
// each. Everything about a service lives in one folder below this one; adding one adds a folder, and a line in
// channel/all.
package channel

import (
	"context"
	"encoding/json"
	"time"

	"heliograph/message"
)

// Sender hands messages over to one server: one SMTP server, one APNs credential, one FCM project.
//
// Send returns one outcome for each message, in order. Concurrency, connection pooling and grouping are its own
// business. When ctx ends it hands nothing over any more: what is on the wire is still waited for (up to the sender's own
// time limit), the rest comes back as the zero Outcome. After a failure of the whole server, or three troubles in a
// row, it hands nothing more over either. Send may be called from several goroutines at once.
//
// Close gives up idle connections; Sends that run may finish.
type Sender interface {
	Send(ctx context.Context, batch []message.Message) []message.Outcome
	Close()
}

// Waker is what a Sender of pushes is beside: it hands over one message in the caller's own goroutine, which saves what a
// batch costs. The deadline of ctx bounds the wait for an answer too: one that comes later is lost, and the message may
// have arrived. It draws no conclusions about others: no streak ends anything.
type Waker interface {
	Wake(ctx context.Context, m message.Message) message.Outcome
}

// Many is what a Sender is beside whose addresses lead to many hosts: each of them is paused alone, by the sender itself.
type Many interface {
	// Resting are those that are left alone now, the longest first.
	Resting() []Resting
	// ProbeNow lets one message try each of them, instead of at the end of its pause.
	ProbeNow()
}

// Provider describes one kind of service. It is a plain value, listed in channel/all.
type Provider struct {
	Kind    string          // the API's word: smtp, apns, fcm
	Title   string          // as people write it
	Channel message.Channel // what it carries
	Default func() Settings // new settings with the defaults of the form
	Fields  []Field         // the form, in order
	Batch   int             // most messages in one Send
	Workers int             // batches of one server worked at once, on each node
	Rules   func() []Rule   // what the service's answers mean, to be read by people (docs/flow.md)

	// Costly: a second message costs money. What is on the wire is written down before, and an answer that got lost
	// leaves the message unknown instead of sending it again.
	Costly bool
}

// Rule says what one answer of a service means.
type Rule struct {
	Answer string // the protocol's words
	First  string // what is tried before it counts; empty = nothing
	Scope  message.Scope
	Reason message.Reason
	Means  string // the sentence for the administrator
}

// Settings are one server's, in a struct of the provider's own package with the API's names as JSON tags. They are
// stored as one sealed JSON value.
type Settings interface {
	// Check finds everything that is wrong, without the network. Field is the field's JSON name.
	Check() []Problem
	// Route is what stands in clear beside the sealed value: how a message finds this server.
	Route() Route
	// Retries is how often a delivery is tried again after its first attempt.
	Retries() int
	// Open makes a sender of settings that Check found nothing wrong with. It does not touch the network.
	Open(env Env) (Sender, error)
	// Test really sends one message to an address of the channel (for push: a token) and reports every step.
	Test(ctx context.Context, env Env, m message.Message) Report
}

// Patient is what Settings may say beside: how long a Send can still take after its ctx ended, because it waits for
// what is on the wire. The courier gives a batch so much time before it holds its node for dead.
type Patient interface{ Patience() time.Duration }

// Completing is what Settings may say beside: they make what nobody has to enter, such as a key. It is done after they
// were read from a form and before they are checked and stored.
type Completing interface{ Complete() }

// Numbered is what Settings of a text message service say beside: the number that the service wants, in E.164, for one
// as somebody wrote it.
type Numbered interface {
	Number(written string) (string, error)
}

// Problem is one thing that is wrong with a setting.
type Problem struct {
	Field  string // JSON name, as Field.Name
	Detail string // one sentence, without the value
}

// Route is how a message finds a server. App and Environment are empty for anything but push.
type Route struct {
	Host        string // who is called, for lists
	App         string // bundle id, Firebase app
	Environment string // production or sandbox; empty = any
}

// Field is one line of a provider's form.
type Field struct {
	Name     string   // JSON name, "object.member" within an object; its label is the catalogue's "server.<kind>.<name>"
	Type     string   // text, number, switch, choice, country (a calling code), secret, multiline, secret_multiline
	Choices  []string // of a choice; labels are the catalogue's "server.<kind>.<name>.<choice>"
	Required bool
	Advanced bool
	ShownIf  string // "other=value": shown only then
	Secret   bool   // write-only: never returned
	ReadOnly bool   // made from other settings: shown, and what is typed counts for nothing
	Risky    string // a value that is taken only from those who read the catalogue's "server.<kind>.<name>.risk"; empty = none
	Follows  *Follow

	// GoesTo names the fields that say to whom a secret is shown, or what it makes. When one of them changes, the secret
	// that is stored is not taken along: else whoever may edit a server could have its secret sent to a machine of theirs.
	GoesTo []string
}

// Follow makes a field go with another one: when that one changes, this one takes the value that belongs to it, unless
// somebody typed another. A nil Follow means that the field stands for itself.
type Follow struct {
	Field  string            // JSON name of the one that leads
	Values map[string]string // by the value of the one that leads
}

// Env is what a provider needs of the world. The zero Env works.
type Env struct {
	Hello string // the name to say in EHLO; empty = the machine's

	// Callback is the URL, of this server alone, where its service reports what became of a message; empty = it is not
	// asked to.
	Callback string
}

// Report is the answer of a test: every step in order, and what the server said.
type Report struct {
	OK       bool           `json:"ok"`
	Steps    []Step         `json:"steps"`
	Dialogue []string       `json:"dialogue"` // the protocol's lines without secrets; empty where a protocol has none
	Reason   message.Reason `json:"reason,omitempty"`
	Detail   string         `json:"detail,omitempty"` // the failing step in words
}

// Step is one thing that a test did.
type Step struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Decode reads settings from JSON over those of s, refusing fields that the provider does not know.
func Decode(s Settings, raw json.RawMessage) error {
	return decodeStrict(raw, s)
}
