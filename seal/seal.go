// Package seal encrypts the secrets that the store keeps, and recognises them again without decrypting.
//
// One key file holds everything: sealing keys, of which the newest seals and all open, and one index key for keyed
// hashes. Each purpose (push tokens, server settings …) gets its own key by HKDF, and each row is bound to its place by
// associated data, so that a sealed value copied to another row does not open there. A backup of the database without
// the key file is useless to whoever finds it.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Purpose separates the keys of different kinds of secrets.
type Purpose string

const (
	PushToken Purpose = "push-token"
	Server    Purpose = "server-settings"
	Hook      Purpose = "hook-address"
)

const keySize = 32 // AES-256, and HMAC-SHA-256 as wide as its output

// Keys seals and opens. It is safe for concurrent use.
type Keys struct {
	sealing []sealingKey // the last one seals
	index   []byte
}

type sealingKey struct {
	id   [4]byte
	key  []byte
	made *sync.Map // of cipher.AEAD by Purpose
}

// keyFile is the form on disk. Keys are base64.
type keyFile struct {
	Sealing []string `json:"sealing"`
	Index   string   `json:"index"`
}

// New makes fresh keys.
func New() *Keys {
	return &Keys{sealing: []sealingKey{newSealingKey(randomBytes(keySize))}, index: randomBytes(keySize)}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	return b
}

func newSealingKey(key []byte) sealingKey {
	k := sealingKey{key: key, made: new(sync.Map)}
	sum := sha256.Sum256(append([]byte("heliograph key id "), key...))
	copy(k.id[:], sum[:])
	return k
}

// Load reads a key file. A file that is missing is reported as fs.ErrNotExist.
func Load(path string) (*Keys, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f keyFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("%s is not a key file", path) // the error of the parser could quote the key
	}
	k := &Keys{}
	for _, text := range f.Sealing {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != keySize {
			return nil, fmt.Errorf("%s holds a sealing key that is not %d bytes in base64", path, keySize)
		}
		k.sealing = append(k.sealing, newSealingKey(key))
	}
	if k.index, err = base64.StdEncoding.DecodeString(f.Index); err != nil || len(k.index) != keySize {
		return nil, fmt.Errorf("%s holds an index key that is not %d bytes in base64", path, keySize)
	}
	if len(k.sealing) == 0 {
		return nil, fmt.Errorf("%s holds no sealing key", path)
	}
	return k, nil
}

// LoadOrCreate reads the key file, or makes one when it is missing and mayCreate is true: beside an empty database, and
// nowhere else, for a new key would lock the old secrets away.
func LoadOrCreate(path string, mayCreate bool) (*Keys, error) {
	k, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if !mayCreate {
		return nil, fmt.Errorf("the key file %s is missing, and the database holds secrets that only it can open: put it back from your backup", path)
	}
	k = New()
	return k, k.Save(path)
}

// Save writes the key file with mode 0600, whole or not at all.
func (k *Keys) Save(path string) error {
	f := keyFile{Index: base64.StdEncoding.EncodeToString(k.index)}
	for _, s := range k.sealing {
		f.Sealing = append(f.Sealing, base64.StdEncoding.EncodeToString(s.key))
	}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the directory of the key file: %w", err)
	}
	return writeWhole(path, append(raw, '\n'))
}

func writeWhole(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("writing the key file: %w", err)
	}
	return os.Rename(tmp.Name(), path)
}

// Fingerprint recognises the key file: the database keeps it and refuses another. It follows the index key, which
// rotation leaves alone.
func (k *Keys) Fingerprint() string {
	mac := hmac.New(sha256.New, k.index)
	mac.Write([]byte("heliograph key file"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Seal encrypts a secret for one place. The result is: key id (4 bytes), nonce (12), ciphertext and tag (AES-256-GCM).
func (k *Keys) Seal(p Purpose, place string, secret []byte) []byte {
	s := k.sealing[len(k.sealing)-1]
	nonce := randomBytes(12)
	out := append(s.id[:len(s.id):len(s.id)], nonce...)
	return s.aead(p).Seal(out, nonce, secret, []byte(place))
}

// ErrSealed says that a sealed value cannot be opened: another key, another place, or damage.
var ErrSealed = errors.New("a sealed value does not open with this key file")

// Open decrypts what Seal made for the same purpose and place.
func (k *Keys) Open(p Purpose, place string, sealed []byte) ([]byte, error) {
	if len(sealed) < 4+12 {
		return nil, ErrSealed
	}
	for _, s := range k.sealing {
		if string(s.id[:]) != string(sealed[:4]) {
			continue
		}
		secret, err := s.aead(p).Open(nil, sealed[4:16], sealed[16:], []byte(place))
		if err != nil {
			return nil, ErrSealed
		}
		return secret, nil
	}
	return nil, ErrSealed
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

// Hash recognises a secret: equal secrets of one purpose have equal hashes, and nobody without the key can tell which.
func (k *Keys) Hash(p Purpose, secret []byte) []byte {
	mac := hmac.New(sha256.New, k.index)
	mac.Write([]byte(p))
	mac.Write([]byte{0})
	mac.Write(secret)
	return mac.Sum(nil)
}
