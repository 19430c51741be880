// Package message is the waist of the system: one rendered message for one address on one channel, and what became of
// it. Above the waist are audiences, templates and people; below it are providers. Neither knows the other: everything
// that passes is a Message on its way down and an Outcome on its way up.
package message

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 defines UUIDv5 by SHA-1; nothing here relies on its strength.
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// DeliveryID is the 64-bit key of a delivery. Keys of an installation start at a random number, so that identities
// derived from them (Message-ID, apns-id) do not meet those of another installation.
type DeliveryID int64

// String is the identity that providers and the API see.
func (id DeliveryID) String() string { return strconv.FormatInt(int64(id), 10) }

// ParseDeliveryID reads what String wrote.
func ParseDeliveryID(s string) (DeliveryID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not the id of a delivery", s)
	}
	return DeliveryID(n), nil
}

// deliverySpace is the namespace of the UUIDs of deliveries (RFC 9562 section 5.5).
var deliverySpace = [16]byte{0x68, 0x65, 0x6c, 0x69, 0x6f, 0x67, 0x4d, 0x72, 0x8a, 0x70, 0x68, 0x64, 0x65, 0x6c, 0x69, 0x76}

// UUID is the delivery's UUIDv5, used as apns-id: a repeat of the same delivery carries the same one.
func (id DeliveryID) UUID() string {
	u := id.uuid()
	text := hex.AppendEncode(make([]byte, 0, 36), u[0:4])
	for _, part := range [][]byte{u[4:6], u[6:8], u[8:10], u[10:16]} {
		text = hex.AppendEncode(append(text, '-'), part)
	}
	return string(text)
}

// Topic is the same identity where only 32 base64url characters fit (Web Push Topic, RFC 8030 section 5.4).
func (id DeliveryID) Topic() string {
	u := id.uuid()
	return base64.RawURLEncoding.EncodeToString(u[:])
}

func (id DeliveryID) uuid() (u [16]byte) {
	name := append(deliverySpace[:len(deliverySpace):len(deliverySpace)], id.String()...)
	sum := sha1.Sum(name) //nolint:gosec // see the import
	copy(u[:], sum[:])
	u[6] = u[6]&0x0f | 0x50 // version 5
	u[8] = u[8]&0x3f | 0x80 // variant of RFC 9562
	return u
}

// NotificationID is the UUIDv7 of a notification.
type NotificationID string

// Message is one text for one address, rendered and ready for the wire.
type Message struct {
	ID           DeliveryID
	Notification NotificationID
	Channel      Channel

	Address string    // push token, mail address or E.164 number
	Arrived time.Time // push: when the token arrived; an APNs 410 older than this says nothing about it

	Subject string // e-mail
	Text    string
	Sender  string // e-mail From as the text has it: a name, an address or both; empty = the server's own
	Sound   string // push: name of the sound; empty = the platform's default sound
	Badge   *int   // push: number on the icon; nil = untouched

	Wake *Wake // push: wakes a mail app, and says nothing; nil = a text

	// Shared is not empty when sender, subject and text are the same for every message with the same Shared: an SMTP
	// sender may hand them over as envelope recipients of one mail. It is NOTIFICATION.LANGUAGE, as the Message-ID wants.
	Shared string

	Expires time.Time // after this nobody wants it any more; zero = never
}
