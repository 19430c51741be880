package access

import "time"

// Account is a person who signs in to the console.
type Account struct {
	ID           string // UUIDv7
	Name         string // what they sign in with; unique, case does not matter
	Role         Role
	Scope        Scope    // what of the fleet they see
	Groups       []string // names of the groups that they are limited to, sorted; nil when they are not
	Mail         string   // one plain address; empty = none
	Mobile       string   // E.164; empty = none
	Alerts       bool     // they are told by mail and text message when something breaks
	PasswordHash string   // argon2id in PHC form; empty = not set yet
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
	Role      Role     // never more than its maker's is now
	Scope     Scope    // likewise
	Groups    []string // names of the groups that it is limited to, sorted; nil when it is not
	Maker     string   // Account.ID of who made it, directly or by another token; empty = the command line did
	MadeBy    string   // the maker's name when it was made
	CreatedAt time.Time
	ExpiresAt time.Time // zero = never
	LastUsed  time.Time // zero = never; at most a minute old
}

// AlertRecipient is where an administrator is told when something breaks. Mail and Mobile are empty when they have none.
type AlertRecipient struct {
	Mail, Mobile string
	Language     string // a tag such as "fr"; empty = the organisation's
}
