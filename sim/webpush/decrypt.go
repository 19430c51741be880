package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// The parts of a message in the coding aes128gcm (RFC 8188 section 2.1): salt, record size, length of the key's name,
// and the name, which RFC 8291 makes the sender's public key.
const (
	saltLength   = 16
	recordSizeAt = saltLength
	nameLengthAt = recordSizeAt + 4
	nameAt       = nameLengthAt + 1
	pointLength  = 65
	headLength   = nameAt + pointLength
	tagLength    = 16
)

// errNotForUs is a message that the browser drops.
var errNotForUs = errors.New("the message is not encrypted for this subscription")

// decrypt reads a message as the browser does: one record, its end marked by 2 and filled up with zeros.
func (b browser) decrypt(body []byte) ([]byte, error) {
	if len(body) < headLength+tagLength+1 || body[nameLengthAt] != pointLength {
		return nil, errNotForUs
	}
	if size := binary.BigEndian.Uint32(body[recordSizeAt:]); int64(size) < int64(len(body)-headLength) {
		return nil, errNotForUs // several records: RFC 8291 section 4 allows one
	}
	sender, err := ecdh.P256().NewPublicKey(body[nameAt:headLength])
	if err != nil {
		return nil, errNotForUs
	}
	gcm, nonce, err := b.cipher(sender, body[:saltLength])
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, body[headLength:], nil)
	if err != nil {
		return nil, errNotForUs
	}
	for len(plain) > 0 && plain[len(plain)-1] == 0 {
		plain = plain[:len(plain)-1]
	}
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errNotForUs
	}
	return plain[:len(plain)-1], nil
}

// cipher follows RFC 8291 section 3.4.
func (b browser) cipher(sender *ecdh.PublicKey, salt []byte) (cipher.AEAD, []byte, error) {
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, nil, errNotForUs
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender.Bytes())
	material, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, err
	}
	nonce, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, nonce, err
}
