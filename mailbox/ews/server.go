package ews

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// Server reads the name of the mail server out of a SubscriptionId, in small letters. Since Exchange 2007 SP1 an id is
// base64 of
//
//	u16le length | the server's name | u32le 16 | GUID [| creation time, 8 bytes] [| u32le 16 | GUID]
//
// as public samples show; nothing promises it. False = the id is of another shape (an early Exchange 2007, other makers'
// servers), and then it belongs to no group. The name is for a keyed hash: it tells of the inside of an organisation.
func Server(subscriptionID string) (name string, ok bool) {
	if len(subscriptionID) > 1024 {
		return "", false
	}
	var stack [768]byte
	text := strings.TrimRight(subscriptionID, "=")
	raw, err := base64.RawStdEncoding.AppendDecode(stack[:0], []byte(text))
	if err != nil || len(raw) < 2 {
		return "", false
	}
	length := int(binary.LittleEndian.Uint16(raw))
	raw = raw[2:]
	if length == 0 || length > 253 || length > len(raw) || !hostName(raw[:length]) || !tail(raw[length:]) {
		return "", false
	}
	return strings.ToLower(string(raw[:length])), true
}

// tail reports whether rest is what follows the name: a GUID, perhaps a time, perhaps another GUID.
func tail(rest []byte) bool {
	rest, ok := guid(rest)
	if !ok {
		return false
	}
	switch len(rest) {
	case 0, 8:
		return true
	case 8 + 20:
		rest = rest[8:]
	}
	rest, ok = guid(rest)
	return ok && len(rest) == 0
}

func guid(raw []byte) (rest []byte, ok bool) {
	if len(raw) < 20 || binary.LittleEndian.Uint32(raw) != 16 {
		return raw, false
	}
	return raw[20:], true
}

func hostName(raw []byte) bool {
	for _, c := range raw {
		if classes[c]&inName == 0 {
			return false
		}
	}
	return true
}
