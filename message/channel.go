package message

import "fmt"

// Channel is a way to reach somebody. The numbers are what the database keeps.
type Channel uint8

const (
	Push Channel = 1 // the device app, through APNs or FCM
	SMTP Channel = 2 // e-mail
	SMS  Channel = 3 // text message
)

// Channels lists every channel, in the order in which people read them.
var Channels = []Channel{Push, SMTP, SMS}

var channelNames = map[Channel]string{Push: "push", SMTP: "smtp", SMS: "sms"}

// String is the channel's word in the API: push, smtp or sms.
func (c Channel) String() string {
	if name, ok := channelNames[c]; ok {
		return name
	}
	return fmt.Sprintf("channel(%d)", uint8(c))
}

// ParseChannel reads the API's word for a channel.
func ParseChannel(word string) (Channel, error) {
	for c, name := range channelNames {
		if name == word {
			return c, nil
		}
	}
	return 0, fmt.Errorf("unknown channel %q: use push, smtp or sms", word)
}

func (c Channel) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c *Channel) UnmarshalText(text []byte) (err error) {
	*c, err = ParseChannel(string(text))
	return err
}
