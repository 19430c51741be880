package access

import "time"

// Role says what somebody may do. This version knows the one that may do everything.
type Role string

// Administrator may do everything.
const Administrator Role = "administrator"

// ParseRole reads a role's word. Case does not matter.
func ParseRole(word string) (Role, bool) {
	switch word {
	case "administrator", "Administrator":
		return Administrator, true
	}
	return "", false
}

// Account is a person who signs in to the console.
type Account struct {
	ID           string // UUIDv7
	Name         string // what they sign in with; unique, case does not matter
	Role         Role
	PasswordHash string // argon2id in PHC form; empty = not set yet
	CreatedAt    time.Time
	LastSignIn   time.Time // zero = never
	Language     string    // that the console speaks to it: a tag such as "fr"; empty = as its browser asks
	Zone         string    // in which it is shown times: an IANA name such as "Europe/Lisbon"; empty = its browser's
}

// Link is a one-time link that sets a password. Only a hash of its secret is kept.
type Link struct {
	Account   string // Account.ID
	ExpiresAt time.Time
}

// Token lets a script call the API. Only a hash of its secret is kept.
type Token struct {
	ID        string // UUIDv7
	Name      string
	Role      Role
	CreatedAt time.Time
	ExpiresAt time.Time // zero = never
	LastUsed  time.Time // zero = never; at most a minute old
}

// Actor is who asks for something: an account at the console or a token at the API.
type Actor struct {
	ID    string // of the account or token
	Name  string
	Role  Role
	Scope Scope
}
