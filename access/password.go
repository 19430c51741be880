package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Rules of passwords. Length is what helps; a limit keeps the hashing of a hostile one short.
const (
	MinPassword = 10   // characters
	MaxPassword = 1000 // bytes
)

// PasswordProblem is what is wrong with a new password.
type PasswordProblem string

const (
	PasswordFine    PasswordProblem = ""
	PasswordShort   PasswordProblem = "short"
	PasswordLong    PasswordProblem = "long"
	PasswordUniform PasswordProblem = "uniform"  // one character again and again
	PasswordIsName  PasswordProblem = "is_name"  // it holds little but the account's name
	PasswordNotUTF8 PasswordProblem = "not_utf8" // it could never be typed again
	PasswordDiffers PasswordProblem = "differs"  // the repetition is another one
)

// PasswordProblems lists all of them.
var PasswordProblems = []PasswordProblem{
	PasswordShort, PasswordLong, PasswordUniform, PasswordIsName, PasswordNotUTF8, PasswordDiffers,
}

// Costs of a hash: the second recommendation of RFC 9106 section 4.
const (
	passwordMemory   = 64 * 1024 // KiB
	passwordTime     = 3         // passes
	passwordThreads  = 4
	passwordSaltSize = 16 // bytes
	passwordKeySize  = 32 // bytes
)

// CheckNewPassword judges a password that somebody wants to use from now on, typed twice.
func CheckNewPassword(account, password, again string) PasswordProblem {
	switch {
	case !utf8.ValidString(password):
		return PasswordNotUTF8
	case utf8.RuneCountInString(password) < MinPassword:
		return PasswordShort
	case len(password) > MaxPassword:
		return PasswordLong
	case strings.Trim(password, password[:1]) == "":
		return PasswordUniform
	case holdsLittleElse(password, account):
		return PasswordIsName
	case password != again:
		return PasswordDiffers
	}
	return PasswordFine
}

// holdsLittleElse reports whether a password without the account's name would be shorter than half of the least length.
func holdsLittleElse(password, account string) bool {
	rest := strings.ReplaceAll(strings.ToLower(password), strings.ToLower(account), "")
	return account != "" && len(rest) < len(password) && utf8.RuneCountInString(rest) < MinPassword/2
}

// Passwords hashes and compares passwords with argon2id. Each takes 64 MiB while it runs, so only a few run at once and
// the others wait; not too many, for whoever guesses would keep everybody waiting.
type Passwords struct {
	turns  chan struct{}
	queue  chan struct{}
	memory uint32 // KiB
	absent string // hash of a password that nobody has
}

// NewPasswords allows so many hashes at once.
func NewPasswords(atOnce int) *Passwords { return NewPasswordsOf(atOnce, passwordMemory) }

// NewPasswordsOf is NewPasswords with hashes that take so many KiB: for machines that have little memory, and for tests.
func NewPasswordsOf(atOnce int, memory uint32) *Passwords {
	p := &Passwords{turns: make(chan struct{}, max(1, atOnce)), queue: make(chan struct{}, longestQueue), memory: memory}
	p.absent = p.form(randomBytes(passwordSaltSize), randomBytes(passwordKeySize)) // what no password has
	return p
}

// longestQueue is how many wait for their turn before others are sent away: some seconds' worth.
const longestQueue = 32

// ErrBusy says that too many passwords are being compared already.
var ErrBusy = errors.New("too many people sign in at the same moment")

// Hash is the PHC form of a password with a new salt: $argon2id$v=19$m=…,t=…,p=…$salt$key. It fails only when ctx ends
// before its turn comes, or with ErrBusy.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return p.hash(password), nil
}

// Match reports whether password is the one behind hash. An empty hash matches nothing, and takes as long to say so: an
// account that does not exist looks like one with another password.
func (p *Passwords) Match(ctx context.Context, hash, password string) (bool, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	if len(password) > MaxPassword {
		return false, nil
	}
	if hash == "" {
		_, err := match(p.absent, password)
		return false, err
	}
	return match(hash, password)
}

func (p *Passwords) enter(ctx context.Context) (leave func(), err error) {
	select {
	case p.queue <- struct{}{}:
		defer func() { <-p.queue }()
	default:
		return nil, ErrBusy
	}
	select {
	case p.turns <- struct{}{}:
		return func() { <-p.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Passwords) hash(password string) string {
	salt := randomBytes(passwordSaltSize)
	return p.form(salt, argon2.IDKey([]byte(password), salt, passwordTime, p.memory, passwordThreads, passwordKeySize))
}

func (p *Passwords) form(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, passwordTime, passwordThreads,
		phc.EncodeToString(salt), phc.EncodeToString(key))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

var phc = base64.RawStdEncoding

var errHash = errors.New("the stored password hash cannot be read")

func match(hash, password string) (bool, error) {
	h, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	key := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1, nil
}

type passwordHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// parseHash reads the PHC form. Bounds keep a tampered row from taking the machine's memory.
func parseHash(text string) (h passwordHash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, errHash
	}
	if h.memory > 1<<20 || h.time < 1 || h.time > 100 || h.threads < 1 {
		return h, errHash
	}
	salt, errSalt := phc.DecodeString(parts[4])
	key, errKey := phc.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(salt) < 8 || len(key) < 16 || len(key) > 128 {
		return h, errHash
	}
	h.salt, h.key = salt, key
	return h, nil
}
