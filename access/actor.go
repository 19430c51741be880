package access

// ActorKind says what somebody is who asks for something.
type ActorKind string

const (
	ByAccount ActorKind = "account" // a person at the console
	ByToken   ActorKind = "token"   // a script at the API
	BySystem  ActorKind = "system"  // Heliograph itself, or its command line
	ByNobody  ActorKind = "nobody"  // who has not signed in
)

// Actor is who asks for something: an account at the console or a token at the API.
type Actor struct {
	Kind  ActorKind // empty = BySystem
	ID    string    // of the account or token
	Name  string
	Role  Role
	Scope Scope
	From  string // the address that they ask from; empty = this machine
}

// System is Heliograph itself, as what does something that nobody asked for.
var System = Actor{Kind: BySystem, Name: "heliograph", Role: Administrator, Scope: Everything}

// CommandLine is whoever may run commands on the machine.
var CommandLine = Actor{Kind: BySystem, Name: "command line", Role: Administrator, Scope: Everything}

// May is the one question about who may do what.
func (a Actor) May(p Permission) bool { return Grants(a.Role, !a.Scope.All(), p) }

// Actor is what an account may do, from an address.
func (a Account) Actor(from string) Actor {
	return Actor{Kind: ByAccount, ID: a.ID, Name: a.Name, Role: a.Role, Scope: a.Scope, From: from}
}

// Actor is what a token may do, from an address.
func (t Token) Actor(from string) Actor {
	return Actor{Kind: ByToken, ID: t.ID, Name: t.Name, Role: t.Role, Scope: t.Scope, From: from}
}
