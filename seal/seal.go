// Package seal encrypts the secrets that the store keeps, and recognises them again without decrypting.
//
// One key file holds everything: sealing keys, of which one seals and all open, and index keys for keyed hashes, of which
// there is one until somebody has reason to change it. Each purpose (push tokens, server settings …) gets its own key by
// HKDF, and each row is bound to its place by associated data, so that a sealed value copied to another row does not open
// there. A backup of the database without the key file is useless to whoever finds it.
//
// Keys change while they are used: a file that was read again brings new ones (Take), and the database says which of
// them seal and hash (Use), so that no node seals with a key that another node does not know yet.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"sync"
)

// Purpose separates the keys of different kinds of secrets.
type Purpose string

const (
	PushToken Purpose = "push-token"
	Server    Purpose = "server-settings"
	Hook      Purpose = "hook-address"

	Certificate Purpose = "certificate" // of our listeners, by ACME

	// Of signing in. Browser only recognises.
	SecondFactor Purpose = "second-factor"
	IDToken      Purpose = "id-token"
	Provider     Purpose = "identity-provider"
	Browser      Purpose = "known-browser"

	// Of mail push. All but the first only recognise: what they hash is nowhere.
	MailToken        Purpose = "mail-token"
	MailSubscription Purpose = "mail-subscription"
	MailServer       Purpose = "mail-server"
	MailWatermark    Purpose = "mail-watermark"
)

const (
	keySize   = 32 // AES-256, and HMAC-SHA-256 as wide as its output
	idSize    = 4  // of a sealing key, before each sealed value
	nonceSize = 12
)

// Seal encrypts a secret for one place. The result is: key id (4 bytes), nonce (12), ciphertext and tag (AES-256-GCM).
func (k *Keys) Seal(p Purpose, place string, secret []byte) []byte {
	r := k.ring.Load()
	s := r.sealing[r.seals]
	nonce := randomBytes(nonceSize)
	out := append(s.prefix[:idSize:idSize], nonce...)
	return s.aead(p).Seal(out, nonce, secret, []byte(place))
}

// ErrSealed says that a sealed value cannot be opened: another key, another place, or damage.
var ErrSealed = errors.New("a sealed value does not open with this key file")

// Open decrypts what Seal made for the same purpose and place.
func (k *Keys) Open(p Purpose, place string, sealed []byte) ([]byte, error) {
	if len(sealed) < idSize+nonceSize {
		return nil, ErrSealed
	}
	for _, s := range k.ring.Load().sealing {
		if string(s.prefix[:]) != string(sealed[:idSize]) {
			continue
		}
		secret, err := s.aead(p).Open(nil, sealed[idSize:idSize+nonceSize], sealed[idSize+nonceSize:], []byte(place))
		if err != nil {
			return nil, ErrSealed
		}
		return secret, nil
	}
	return nil, ErrSealed
}

// KeyOf says which sealing key a value was sealed with, known or not; empty when it is no sealed value.
func KeyOf(sealed []byte) KeyID {
	if len(sealed) < idSize+nonceSize {
		return ""
	}
	return KeyID(hex.EncodeToString(sealed[:idSize]))
}

// Hash recognises a secret: equal secrets of one purpose have equal hashes, and nobody without the key can tell which.
func (k *Keys) Hash(p Purpose, secret []byte) []byte {
	r := k.ring.Load()
	return r.index[r.hashes].hash(p, secret)
}

// Hashes are those that rows may still have: the first is Hash, the others are of index keys that are on their way out
// or in. Look up by all of them, write the first.
func (k *Keys) Hashes(p Purpose, secret []byte) [][]byte {
	r := k.ring.Load()
	list := [][]byte{r.index[r.hashes].hash(p, secret)}
	for i, key := range r.index {
		if i != r.hashes {
			list = append(list, key.hash(p, secret))
		}
	}
	return list
}

type sealingKey struct {
	id     KeyID
	prefix [idSize]byte
	key    []byte
	made   *sync.Map // of cipher.AEAD by Purpose
}

func newSealingKey(key []byte) sealingKey {
	k := sealingKey{key: key, made: new(sync.Map)}
	sum := sha256.Sum256(append([]byte("heliograph key id "), key...))
	copy(k.prefix[:], sum[:])
	k.id = KeyID(hex.EncodeToString(k.prefix[:]))
	return k
}

// aead is made once for each purpose: deriving its key costs more than opening a secret with it.
func (s sealingKey) aead(p Purpose) cipher.AEAD {
	if known, ok := s.made.Load(p); ok {
		return known.(cipher.AEAD) //nolint:forcetypeassert // nothing else is stored
	}
	made := s.derive(p)
	s.made.Store(p, made)
	return made
}

func (s sealingKey) derive(p Purpose) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, s.key, nil, "heliograph seal "+string(p), keySize)
	if err != nil {
		panic(err) // only for a length that HKDF cannot make
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a key of a wrong size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

type indexKey struct {
	id   KeyID
	key  []byte
	macs *sync.Pool // of hash.Hash: making one costs more than hashing with it, and mail push hashes all the time
}

func newIndexKey(key []byte) indexKey {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("heliograph key file"))
	return indexKey{
		id: KeyID(hex.EncodeToString(mac.Sum(nil)[:8])), key: key,
		macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
	}
}

func (i indexKey) hash(p Purpose, secret []byte) []byte {
	mac := i.macs.Get().(hash.Hash) //nolint:forcetypeassert // nothing else is in it
	defer i.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(p))
	mac.Write([]byte{0})
	mac.Write(secret)
	return mac.Sum(nil)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	return b
}
