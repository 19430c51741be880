package access

import "time"

// How long somebody stays signed in.
const (
	SessionIdle = 12 * time.Hour     // without doing anything
	SessionMost = 7 * 24 * time.Hour // in any case
)

// SignInMethod is how somebody showed who they are.
type SignInMethod string

const (
	ByPassword SignInMethod = "password" // with the second factor, if there is one
	ByLink     SignInMethod = "link"     // a one-time link, which set a password
	ByProvider SignInMethod = "provider" // OpenID Connect
	ByDemo     SignInMethod = "demo"     // the link of a demonstration
)

// SignInMethods lists them.
var SignInMethods = []SignInMethod{ByPassword, ByLink, ByProvider, ByDemo}

// Session is a browser in which somebody is signed in.
type Session struct {
	ID        string // random; who knows it has nothing yet, for the browser's cookie is another secret
	Account   string // Account.ID
	Method    SignInMethod
	CreatedAt time.Time
	SeenAt    time.Time // at most a minute old
	Address   string    // of the client, when it was seen
	Agent     string    // its User-Agent, as it was at the sign-in
	IDToken   string    // of the provider; empty = none, or not asked for
}

// EndsAt is when a session ends if nothing happens in it.
func (s Session) EndsAt() time.Time {
	idle, most := s.SeenAt.Add(SessionIdle), s.CreatedAt.Add(SessionMost)
	if idle.Before(most) {
		return idle
	}
	return most
}
