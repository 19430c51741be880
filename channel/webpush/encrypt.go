package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"heliograph/fleet"
)

// Sizes of an encrypted message, in bytes (RFC 8188 section 2.1, RFC 8291 section 4).
const (
	recordSize = 4096
	saltSize   = 16
	headerSize = saltSize + 4 + 1 + 65 // salt, record size, length of the key, key
	maxPayload = recordSize - headerSize - 1 - 16
)

// encrypt makes of a payload the body that only the subscription's app can read (RFC 8291): one record, with a key and a
// salt that are used this once.
func encrypt(payload []byte, to fleet.Subscription) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return seal(payload, to, key, salt)
}

func seal(payload []byte, to fleet.Subscription, key *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	gcm, nonce, err := recordCipher(to, key, salt)
	if err != nil {
		return nil, err
	}
	own := key.PublicKey().Bytes()
	body := make([]byte, 0, headerSize+len(payload)+1+gcm.Overhead())
	body = append(body, salt...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, byte(len(own)))
	body = append(body, own...)
	const last = 2 // ends the payload of the last record
	return gcm.Seal(body, nonce, append(payload[:len(payload):len(payload)], last), nil), nil
}

// recordCipher derives the key of the content from what both sides know (RFC 8291 section 3.4).
func recordCipher(to fleet.Subscription, key *ecdh.PrivateKey, salt []byte) (gcm cipher.AEAD, nonce []byte, err error) {
	shared, err := key.ECDH(to.Key)
	if err != nil {
		return nil, nil, err
	}
	info := "WebPush: info\x00" + string(to.Key.Bytes()) + string(key.PublicKey().Bytes())
	secret, err := hkdf.Key(sha256.New, shared, to.Auth, info, sha256.Size)
	if err != nil {
		return nil, nil, err
	}
	content, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, err
	}
	if nonce, err = hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12); err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(content)
	if err != nil {
		return nil, nil, err
	}
	gcm, err = cipher.NewGCM(block)
	return gcm, nonce, err
}
