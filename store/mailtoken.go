package store

import (
	"encoding/hex"
	"strings"

	"heliograph/mailbox"
	"heliograph/seal"
)

// mailTokenLength is what is kept of the keyed hash of a registration's token: long enough that two are the same only when
// their tokens are.
const mailTokenLength = 16

// mailTokenHashes are those by which a token is found; the first is the one to write. The same characters may be a token
// of several apps.
func mailTokenHashes(k *seal.Keys, t mailbox.NewToken) [][]byte {
	text := strings.Join([]string{t.Platform.String(), t.App, string(t.Environment), t.Token}, "\x00")
	list := k.Hashes(seal.MailToken, []byte(text))
	for i := range list {
		list[i] = list[i][:mailTokenLength]
	}
	return list
}

// Tokens of APNs are written in hexadecimal, twice as long as what they say. A first byte tells how one is kept.
const (
	tokenAsText byte = iota
	tokenAsHex       // in small letters, as every app writes it
)

// packToken is what is sealed of a token.
func packToken(token string) []byte {
	if raw, err := hex.DecodeString(token); err == nil && token == strings.ToLower(token) {
		return append([]byte{tokenAsHex}, raw...)
	}
	return append([]byte{tokenAsText}, token...)
}

func unpackToken(packed []byte) string {
	switch {
	case len(packed) == 0:
		return ""
	case packed[0] == tokenAsHex:
		return hex.EncodeToString(packed[1:])
	}
	return string(packed[1:])
}
