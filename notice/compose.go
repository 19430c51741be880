package notice

import (
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/text/language"

	"heliograph/fleet"
	"heliograph/macro"
	"heliograph/message"
)

// Routes finds the server that a message goes by. An empty id means that there is none.
type Routes interface {
	Push(fleet.TokenRoute) (server string)
	Mail() (server string)
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

// Mail composes the e-mails of a page: one for each recipient and address. What has no valid address is skipped, with
// the reason. Equal addresses of one recipient are one message.
func (p *Plan) Mail(page []fleet.Recipient, routes Routes) []message.Delivery {
	part := p.parts[message.SMTP]
	var list []message.Delivery
	for _, r := range page {
		d := part.delivery(message.SMTP, r)
		d.Server = routes.Mail()
		for _, to := range part.addresses(r) {
			list = append(list, to.apply(d))
		}
	}
	return list
}

// To composes the e-mails to addresses that were typed by hand and belong to nobody we know.
func (p *Plan) To(addresses []string, routes Routes) []message.Delivery {
	part := p.parts[message.SMTP]
	list := make([]message.Delivery, 0, len(addresses))
	for _, address := range addresses {
		d := part.delivery(message.SMTP, fleet.Recipient{})
		d.Server = routes.Mail()
		list = append(list, recipient{address: address}.apply(d))
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
		d.User = r.User.Key
	}
	if !d.Shared {
		d.Values = p.program.Take(Values(r))
	}
	return d
}

// recipient is where one e-mail goes, or why nowhere.
type recipient struct {
	address string
	reason  message.Reason
	detail  string
}

func (to recipient) apply(d message.Delivery) message.Delivery {
	d.Address = to.address
	if to.reason != "" {
		d.State, d.Reason, d.Detail, d.Server = message.Skipped, to.reason, to.detail, ""
	}
	return d
}

// addresses evaluates the text's recipient. Nothing left means one that is skipped, so that nobody is lost in silence.
func (p *part) addresses(r fleet.Recipient) []recipient {
	text, _ := p.recipient.Render(macro.Env{Values: Values(r), Language: language.English})
	var list []recipient
	seen := map[string]bool{}
	for _, piece := range strings.Split(text, ";") {
		if piece = strings.TrimSpace(piece); piece == "" {
			continue
		}
		address := plainAddress(piece)
		switch {
		case address == "":
			list = append(list, recipient{piece, message.NoAddress, "The recipient is not a mail address"})
		case !seen[strings.ToLower(address)]:
			seen[strings.ToLower(address)] = true
			list = append(list, recipient{address: address})
		}
	}
	if len(list) == 0 {
		return []recipient{{reason: message.NoAddress, detail: nobody(r)}}
	}
	return list
}

func nobody(r fleet.Recipient) string {
	switch {
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
