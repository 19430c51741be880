package mailbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Capability is the secret in the address that a mail server posts to. Whoever knows it can wake the device, and do
// nothing else.
type Capability [16]byte

// NewCapability makes one that nobody can guess.
func NewCapability() (c Capability) {
	rand.Read(c[:]) //nolint:errcheck // never fails (crypto/rand)
	return c
}

// ParseCapability reads the 22 characters of base64url that Capability.String writes, and nothing else.
func ParseCapability(text string) (c Capability, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(c) {
		return c, false
	}
	return Capability(raw), true
}

func (c Capability) String() string { return base64.RawURLEncoding.EncodeToString(c[:]) }

// Hash is what the database keeps of it. Plain SHA-256 is enough, for there is nothing to guess in 128 random bits.
func (c Capability) Hash() []byte {
	sum := sha256.Sum256(c[:])
	return sum[:]
}

// ListenerPath is where listeners take what mail servers of Exchange's kind post: the path before the capability.
const ListenerPath = "/ews/"

// Path is the path of a folder's address: /ews/<capability> for the inbox, with /calendar or /other behind for others.
func (c Capability) Path(f Folder) string {
	path := ListenerPath + c.String()
	if f == Inbox {
		return path
	}
	return path + "/" + f.String()
}

// Support codes are read to somebody over a telephone: no vowels, which would make words, and nothing that looks like
// something else.
const (
	codeLetters = "23456789BCDFGHJKMNPQRSTVWXYZ"
	codeLength  = 8
)

// NewSupportCode makes one by chance. Beside a million others it is one of them once in 380,000 tries; the store then asks
// for another.
func NewSupportCode() string {
	code := make([]byte, 0, codeLength)
	random := make([]byte, 4*codeLength)
	for len(code) < codeLength {
		rand.Read(random) //nolint:errcheck // never fails (crypto/rand)
		for _, b := range random {
			if limit := byte(256 - 256%len(codeLetters)); b < limit && len(code) < codeLength {
				code = append(code, codeLetters[int(b)%len(codeLetters)])
			}
		}
	}
	return string(code)
}

// ShowSupportCode writes a code in two halves, as people read it.
func ShowSupportCode(code string) string {
	if len(code) != codeLength {
		return code
	}
	return code[:codeLength/2] + "-" + code[codeLength/2:]
}

// ParseSupportCode reads a code as somebody typed it: case, spaces and hyphens do not matter.
func ParseSupportCode(typed string) (code string, ok bool) {
	code = strings.ToUpper(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\t' || r == '\u2011' || r == '\u2013' {
			return -1
		}
		return r
	}, typed))
	return code, len(code) == codeLength && strings.Trim(code, codeLetters) == ""
}
