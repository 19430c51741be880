package notice

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/message"
)

// Routes finds the server that a message goes by.
type Routes interface {
	// Push is the server of a token; empty when there is none.
	Push(fleet.TokenRoute) (server string)
	// Mail is the server of every e-mail.
	Mail() (server string)
	// SMS says how a text message gets to a number as somebody wrote it.
	SMS(r fleet.Recipient, written string) Hop
}

// Hop is where one message goes, or why nowhere.
type Hop struct {
	Server  string
	Address string // as the server wants it
	Reason  message.Reason
	Detail  string
}

// Push composes one delivery for each device.
func (p *Plan) Push(page []fleet.Recipient, routes Routes) []message.Delivery {
	part := p.parts[message.Push]
	list := make([]message.Delivery, 0, len(page))
	for _, r := range page {
		d := part.delivery(message.Push, r)
		if d.Server, d.Reason, d.Detail = pushRoute(r, routes); d.Reason != "" {
			d.State = message.Skipped
		}
		list = append(list, d)
	}
	return list
}

// pushRoute finds the server for a device's token, or says why there is nowhere to send.
func pushRoute(r fleet.Recipient, routes Routes) (server string, reason message.Reason, detail string) {
	t := r.Token
	switch {
	case t == nil && !pushes(r.Device.Platform):
		return "", message.Unsupported, fmt.Sprintf("%s devices have no push", r.Device.Platform.Name())
	case t == nil:
		return "", message.NoAddress, "The device has no push token: its app has not registered yet"
	case t.State == fleet.TokenDead:
		return "", message.TokenDead, "The push token is dead: the provider said that the app was removed"
	case t.State == fleet.TokenSuspended:
		return "", message.TokenDead, "The push token is suspended until the app uploads it again or the provider's settings change"
	}
	if server = routes.Push(*t); server == "" {
		return "", message.Unsupported, fmt.Sprintf("No %s provider is set up for app %s (%s)", t.Provider, t.App, t.Environment)
	}
	return server, "", ""
}

func pushes(p fleet.Platform) bool { return p != fleet.Windows && p != fleet.OtherPlatform }

// Written composes the e-mails or text messages of a page: one for each recipient and address. What has no valid address
// is skipped, with the reason. Equal addresses of one recipient are one message.
func (p *Plan) Written(c message.Channel, page []fleet.Recipient, routes Routes) []message.Delivery {
	part := p.parts[c]
	var list []message.Delivery
	for _, r := range page {
		d := part.delivery(c, r)
		for _, hop := range part.hops(c, r, routes) {
			list = append(list, hop.apply(d))
		}
	}
	return list
}

// Typed composes messages to addresses that were typed by hand and belong to nobody we know.
func (p *Plan) Typed(c message.Channel, addresses []string, routes Routes) []message.Delivery {
	part := p.parts[c]
	list := make([]message.Delivery, 0, len(addresses))
	for _, address := range addresses {
		d := part.delivery(c, fleet.Recipient{})
		d.Language = part.language(p.Content.Languages[strings.ToLower(address)])
		list = append(list, hopTo(c, fleet.Recipient{}, address, routes).apply(d))
	}
	return list
}

// delivery is one that waits for its batch, with the values of its macros as they are now.
func (p *part) delivery(c message.Channel, r fleet.Recipient) message.Delivery {
	d := message.Delivery{Channel: c, State: message.Queued, Shared: p.about == Nothing}
	if r.Device != nil && (c == message.Push || p.about == Device) {
		d.Device = r.Device.Key
	}
	if r.User != nil {
		d.User, d.Language = r.User.Key, p.language(r.User.Language)
	}
	if !d.Shared {
		d.Values = p.program.Take(Values(r))
	}
	return d
}

func (h Hop) apply(d message.Delivery) message.Delivery {
	d.Server, d.Address = h.Server, h.Address
	if h.Reason != "" {
		d.State, d.Reason, d.Detail, d.Server = message.Skipped, h.Reason, h.Detail, ""
	}
	return d
}

// hops evaluates the text's recipient. Addresses that depend on nobody go along with each message, or once with a text
// that is the same for everybody: see Fixed. Nothing left means one that is skipped, so that nobody is lost in silence.
func (p *part) hops(c message.Channel, r fleet.Recipient, routes Routes) []Hop {
	entries := p.personal
	if p.about != Nothing {
		entries = slices.Concat(p.personal, p.fixed)
	}
	if len(entries) == 0 && len(p.fixed) > 0 {
		return nil
	}
	var list []Hop
	seen := map[string]bool{}
	for _, piece := range p.addresses(entries, Values(r)) {
		hop := hopTo(c, r, piece, routes)
		if key := strings.ToLower(hop.Address); !seen[key] {
			seen[key] = true
			list = append(list, hop)
		}
	}
	if len(list) == 0 {
		return []Hop{{Reason: message.NoAddress, Detail: nobody(c, r)}}
	}
	return list
}

// addresses renders entries of a recipient. One entry may come out as several addresses.
func (p *part) addresses(entries []*macro.Text, values func(macro.Slot) (string, bool)) (list []string) {
	env := macro.Env{Values: p.with(values), Language: language.English}
	for _, entry := range entries {
		text, _ := entry.Render(env)
		for _, piece := range strings.Split(text, ";") {
			if piece = strings.TrimSpace(piece); piece != "" && !named(list, piece) {
				list = append(list, piece)
			}
		}
	}
	return list
}

// named reports whether an address stands in a list already.
func named(list []string, address string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, address) })
}

// Fixed lists the addresses that depend on nobody and get a message of their own: once, when the text is the same for
// everybody, or when there is no audience whose messages they could go along with.
func (p *Plan) Fixed(c message.Channel, audience bool) []string {
	part := p.parts[c]
	if part == nil || audience && part.about != Nothing {
		return nil
	}
	return part.addresses(part.fixed, func(macro.Slot) (string, bool) { return "", false })
}

// hopTo finds the way to one address.
func hopTo(c message.Channel, r fleet.Recipient, written string, routes Routes) Hop {
	if c == message.SMS {
		return routes.SMS(r, written)
	}
	if address := plainAddress(written); address != "" {
		return Hop{Server: routes.Mail(), Address: address}
	}
	return Hop{Address: written, Reason: message.NoAddress, Detail: "The recipient is not a mail address"}
}

func nobody(c message.Channel, r fleet.Recipient) string {
	switch {
	case r.User != nil && c == message.SMS:
		return fmt.Sprintf("%s has no mobile number", r.User.Name())
	case r.User != nil:
		return fmt.Sprintf("%s has no mail address", r.User.Name())
	case r.Device != nil:
		return "Nobody carries the device"
	}
	return "The recipient came out empty"
}

// plainAddress takes "Name <address>" or "address"; empty when it is neither.
func plainAddress(text string) string {
	if fleet.ValidMail(text) {
		return text
	}
	if parsed, err := mail.ParseAddress(text); err == nil && fleet.ValidMail(parsed.Address) {
		return parsed.Address
	}
	return ""
}
