// Package notice composes: from what a notification says and who its recipients are it makes deliveries, and from a
// delivery the message for the wire. All of it is pure.
//
// What a text speaks of follows from its macros. A text without macros is the same for everybody; one that names
// user.* is made for a person, and one that names device.* for a device. A person with three phones gets one e-mail,
// or three when the text names the device. A push always goes to a device.
package notice

import (
	"fmt"
	"strings"

	"heliograph/macro"
	"heliograph/message"
	"heliograph/template"
)

// Plan is a content made ready: its texts parsed once, and for each channel the list of values that they need.
type Plan struct {
	Content template.Content
	parts   map[message.Channel]*part
}

// part is one channel's texts. texts and fields run in parallel.
type part struct {
	program   *macro.Program // its values are what a delivery stores
	about     About
	recipient *macro.Text // nil for push
}

// Positions of the texts in a part's program.
const (
	textBody = iota
	textSubject
	textSender
)

// About is what a text speaks of.
type About int

const (
	Nothing About = iota // the same for everybody
	Person
	Device
)

// aboutOf says what macros of these namespaces speak of. Facts of an event belong to a device; what the organisation
// says of itself is the same for everybody.
func aboutOf(texts ...*macro.Text) About {
	about := Nothing
	for _, text := range texts {
		for _, namespace := range text.Namespaces() {
			switch namespace {
			case "organization", "server", "credential":
			case "user":
				about = max(about, Person)
			default:
				about = max(about, Device)
			}
		}
	}
	return about
}

// Check parses the content's texts and finds everything that is wrong with it, and what is merely doubtful. known says
// which properties exist; nil = only the usual ones.
func Check(c template.Content, known func(macro.Slot) bool) (wrong, doubtful []template.Problem) {
	wrong = c.Check()
	for _, t := range texts(c) {
		parsed, err := macro.Parse(t.text)
		if err != nil {
			wrong = append(wrong, problems(t.pointer, err)...)
			continue
		}
		for _, w := range parsed.WarningsKnowing(known) {
			doubtful = append(doubtful, template.Problem{Pointer: t.pointer, Detail: at(w)})
		}
	}
	return wrong, doubtful
}

func at(p macro.Problem) string { return fmt.Sprintf("at character %d: %s", p.Position, p.Detail) }

func problems(pointer string, err error) (found []template.Problem) {
	list, ok := err.(macro.Errors)
	if !ok {
		return []template.Problem{{Pointer: pointer, Detail: err.Error()}}
	}
	for _, p := range list {
		found = append(found, template.Problem{Pointer: pointer, Detail: at(p)})
	}
	return found
}

// placed is a text and where it stands in the content.
type placed struct{ pointer, text string }

// texts lists every text of a content that may hold macros.
func texts(c template.Content) (list []placed) {
	if p := c.Push; p != nil {
		list = append(list, placed{"/push/message", p.Message})
	}
	if m := c.SMTP; m != nil {
		list = append(list, placed{"/smtp/subject", m.Subject}, placed{"/smtp/message", m.Message},
			placed{"/smtp/sender", m.Sender}, placed{"/smtp/recipient", m.Recipient})
	}
	if s := c.SMS; s != nil {
		list = append(list, placed{"/sms/message", s.Message}, placed{"/sms/recipient", s.Recipient})
	}
	return list
}

// NewPlan parses a content that Check found nothing wrong with.
func NewPlan(c template.Content) (*Plan, error) {
	plan := &Plan{Content: c, parts: map[message.Channel]*part{}}
	if p := c.Push; p != nil {
		if err := plan.add(message.Push, "", p.Message); err != nil {
			return nil, err
		}
	}
	if m := c.SMTP; m != nil {
		if err := plan.add(message.SMTP, m.To(), m.Message, m.Subject, m.Sender); err != nil {
			return nil, err
		}
	}
	if m := c.SMS; m != nil {
		if err := plan.add(message.SMS, m.To(), m.Message); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

func (p *Plan) add(c message.Channel, recipient string, sources ...string) error {
	parsed := make([]*macro.Text, len(sources))
	for i, source := range sources {
		text, err := macro.Parse(source)
		if err != nil {
			return fmt.Errorf("the %s text of a stored notification: %w", c, err)
		}
		parsed[i] = text
	}
	to, err := macro.Parse(recipient)
	if err != nil {
		return fmt.Errorf("the %s recipient of a stored notification: %w", c, err)
	}
	p.parts[c] = &part{program: macro.Compile(parsed...), about: aboutOf(parsed...), recipient: to}
	return nil
}

// Uses reports whether the plan says something on a channel.
func (p *Plan) Uses(c message.Channel) bool { return p.parts[c] != nil }

// About says what the channel's texts speak of.
func (p *Plan) About(c message.Channel) About { return p.parts[c].about }

// Shared reports whether the channel's text is the same for everybody.
func (p *Plan) Shared(c message.Channel) bool { return p.parts[c].about == Nothing }

// PerDevice reports whether a channel's messages are made per device: because they go to one, or speak of one, or
// because one decides where they go.
func (p *Plan) PerDevice(c message.Channel) bool {
	part := p.parts[c]
	return c == message.Push || part.about == Device || aboutOf(part.recipient) == Device
}

// ToPerson reports whether the channel's messages go to the address that the person has, so that two people with the
// same address can be found by it.
func (p *Plan) ToPerson(c message.Channel) bool {
	return c == message.SMTP && strings.TrimSpace(p.parts[c].recipient.String()) == template.DefaultMailRecipient
}

// Missing lists the macros of a delivery that had no value when it was made.
func (p *Plan) Missing(d message.Delivery) []string {
	part := p.parts[d.Channel]
	if part == nil {
		return nil
	}
	return part.program.Missing(part.fill(d.Values))
}

// fill gives values of the right number, whatever was stored.
func (p *part) fill(values []*string) []*string {
	if n := len(p.program.Slots()); len(values) != n {
		full := make([]*string, n)
		copy(full, values)
		return full
	}
	return values
}
