// Package notice composes: from what a notification says and who its recipients are it makes deliveries, and from a
// delivery the message for the wire. All of it is pure.
//
// What a text speaks of follows from its macros. A text without macros is the same for everybody; one that names
// user.* is made for a person, and one that names device.* for a device. A person with three phones gets one e-mail,
// or three when the text names the device. A push always goes to a device.
package notice

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"heliograph/macro"
	"heliograph/message"
	"heliograph/template"
)

// Plan is a content made ready: its texts parsed once, in every language, and for each channel the list of values that
// they need.
type Plan struct {
	Content  template.Content
	parts    map[message.Channel]*part
	location *time.Location // nil = the content does not say
	tags     map[string]language.Tag
}

// part is one channel's texts.
type part struct {
	program  *macro.Program // its values are what a delivery stores
	variants map[string]int // by language: where its texts begin in the program; the content's own are at 0
	known    []string       // languages of the texts, the content's own first
	about    About
	slots    int           // values that a delivery has
	facts    []*string     // by slot: values that are the same for everybody; nil = none of the slots has one
	personal []*macro.Text // entries of the recipient that depend on who it is
	fixed    []*macro.Text // and those that do not
	lookUp   func(macro.Slot) (string, bool)
}

// Positions of the texts of one language in a part's program.
const (
	textBody = iota
	textSubject
	textSender
	textsOfLanguage
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
	wrong, doubtful = template.CheckMacros(c.Texts(), known)
	return append(c.Check(), wrong...), doubtful
}

// NewPlan parses a content that Check found nothing wrong with.
func NewPlan(c template.Content) (*Plan, error) {
	plan := &Plan{Content: c, parts: map[message.Channel]*part{}, tags: map[string]language.Tag{}}
	if c.TimeZone != "" {
		plan.location, _ = time.LoadLocation(c.TimeZone) // nil when this machine does not know it
	}
	for _, tag := range append(slices.Collect(maps.Keys(c.Variants)), c.Language) {
		plan.tags[tag] = language.Make(tag)
	}
	for _, one := range said(c) {
		if err := plan.add(one); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// saying is what a content says on one channel: by language, its texts in the order of a part.
type saying struct {
	channel   message.Channel
	recipient string
	own       [textsOfLanguage]string
	others    map[string][textsOfLanguage]string
}

// said takes a content apart by channel.
func said(c template.Content) (list []saying) {
	if p := c.Push; p != nil {
		s := saying{channel: message.Push, own: [textsOfLanguage]string{p.Message}}
		list = append(list, s.with(c, func(v template.Variant) (string, string) { return v.Push, "" }))
	}
	if m := c.SMTP; m != nil {
		s := saying{channel: message.SMTP, recipient: m.To(), own: [textsOfLanguage]string{m.Message, m.Subject, m.Sender}}
		list = append(list, s.with(c, func(v template.Variant) (string, string) {
			if v.Subject == "" { // a mail is said in one language
				return "", ""
			}
			return v.Mail, v.Subject
		}))
	}
	if m := c.SMS; m != nil {
		s := saying{channel: message.SMS, recipient: m.To(), own: [textsOfLanguage]string{m.Message}}
		list = append(list, s.with(c, func(v template.Variant) (string, string) { return v.SMS, "" }))
	}
	return list
}

// with adds the languages that say something on the channel.
func (s saying) with(c template.Content, texts func(template.Variant) (body, subject string)) saying {
	s.others = map[string][textsOfLanguage]string{}
	for tag, v := range c.Variants {
		if body, subject := texts(v); body != "" || subject != "" {
			s.others[tag] = [textsOfLanguage]string{body, subject, s.own[textSender]}
		}
	}
	return s
}

func (p *Plan) add(s saying) error {
	part := &part{variants: map[string]int{}, known: []string{p.Content.Language}}
	sources := s.own[:]
	for _, tag := range slices.Sorted(maps.Keys(s.others)) { // always in the same order, as stored values want it
		texts := s.others[tag]
		part.variants[tag] = len(sources)
		part.known = append(part.known, tag)
		sources = append(sources, texts[:]...)
	}
	parsed := make([]*macro.Text, len(sources))
	for i, source := range sources {
		text, err := macro.Parse(source)
		if err != nil {
			return fmt.Errorf("the %s text of a stored notification: %w", s.channel, err)
		}
		parsed[i] = text
	}
	to, err := macro.Parse(s.recipient)
	if err != nil {
		return fmt.Errorf("the %s recipient of a stored notification: %w", s.channel, err)
	}
	part.program, part.about, part.lookUp = macro.Compile(parsed...), aboutOf(parsed...), factsOf(p.Content, s.channel)
	part.slots = len(part.program.Slots())
	part.address(to)
	part.know()
	p.parts[s.channel] = part
	return nil
}

// address sorts the entries of a recipient by whether they depend on who it is.
func (p *part) address(to *macro.Text) {
	for _, entry := range to.Split(";") {
		switch {
		case strings.TrimSpace(entry.String()) == "":
		case aboutOf(entry) == Nothing:
			p.fixed = append(p.fixed, entry)
		default:
			p.personal = append(p.personal, entry)
		}
	}
}

// know takes the values of the slots that are the same for everybody.
func (p *part) know() {
	values := p.program.Take(p.lookUp)
	if slices.ContainsFunc(values, func(v *string) bool { return v != nil }) {
		p.facts = values
	}
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
	return c == message.Push || part.about == Device || aboutOf(part.personal...) == Device
}

// ToPerson reports whether the channel's messages go to the address that the person has, so that two people with the
// same address can be found by it.
func (p *Plan) ToPerson(c message.Channel) bool {
	personal := p.parts[c].personal
	return c == message.SMTP && len(personal) == 1 && strings.TrimSpace(personal[0].String()) == template.DefaultMailRecipient
}

// Literal reports whether all messages go to addresses that depend on nobody, so that no audience is needed.
func (p *Plan) Literal() bool {
	for c, part := range p.parts {
		if c == message.Push || len(part.personal) > 0 || len(part.fixed) == 0 {
			return false
		}
	}
	return len(p.parts) > 0
}

// Missing lists the macros of a delivery that had no value when it was made.
func (p *Plan) Missing(d message.Delivery) (names []string) {
	part := p.parts[d.Channel]
	if part == nil {
		return nil
	}
	return part.missing(d.Language, part.fill(d.Values))
}

// missing lists what the texts of one language lack.
func (p *part) missing(language string, values []*string) (names []string) {
	for i := range textsOfLanguage {
		for _, name := range p.program.MissingIn(p.variants[language]+i, values) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// fill gives values of the right number, whatever was stored, with those that are the same for everybody.
func (p *part) fill(values []*string) []*string {
	if len(values) == p.slots && p.facts == nil {
		return values
	}
	full := make([]*string, p.slots)
	copy(full, values)
	for i, fact := range p.facts {
		if full[i] == nil {
			full[i] = fact
		}
	}
	return full
}
