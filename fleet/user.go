package fleet

import (
	"net/mail"
	"strings"

	"golang.org/x/text/language"
)

// UserID is chosen by whoever feeds the fleet, like DeviceID.
type UserID string

// User is a person who carries devices.
type User struct {
	Key         int64 // the database's own key; 0 before it is stored
	ID          UserID
	Username    string
	Domain      string
	DisplayName string
	GivenName   string
	Surname     string
	Mail        string
	Mobile      string // E.164
	Language    string // BCP 47; empty = the organisation's
	Groups      []string
	Properties  map[string]string
}

// Name is what to call the person: the display name, else given name and surname, else the user name, else the id.
func (u User) Name() string {
	for _, name := range []string{u.DisplayName, strings.TrimSpace(u.GivenName + " " + u.Surname), u.Username} {
		if name != "" {
			return name
		}
	}
	return string(u.ID)
}

// LoginName is username@domain, or the user name alone.
func (u User) LoginName() string {
	if u.Domain == "" || u.Username == "" {
		return u.Username
	}
	return u.Username + "@" + u.Domain
}

// Check finds everything that is wrong with the user.
func (u User) Check() []Problem {
	c := checker{}
	c.id("id", string(u.ID))
	for _, f := range []struct{ name, text string }{
		{"username", u.Username}, {"domain", u.Domain}, {"display_name", u.DisplayName},
		{"given_name", u.GivenName}, {"surname", u.Surname},
	} {
		c.text(f.name, f.text)
	}
	if u.Mail != "" && !ValidMail(u.Mail) {
		c.add("mail", "is not a mail address")
	}
	c.number("mobile", u.Mobile)
	if _, err := language.Parse(u.Language); u.Language != "" && err != nil {
		c.add("language", "is not a language tag such as en, fr or pt-BR")
	}
	c.groups(u.Groups)
	c.properties(u.Properties)
	return c.found
}

// ValidMail reports whether an address is one plain address (RFC 5321 section 4.1.2), without name, comment, line
// break or blank: what may stand in an SMTP envelope.
func ValidMail(address string) bool {
	if len(address) > 254 || strings.ContainsAny(address, " \t\r\n\x00<>,;\"") {
		return false
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" {
		return false
	}
	local, domain, ok := strings.Cut(address, "@")
	return ok && local != "" && len(local) <= 64 && domain != ""
}
