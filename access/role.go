package access

import (
	"slices"
	"strings"
)

// Role says what somebody may do; see the table in permission.go.
type Role string

const (
	Administrator Role = "administrator" // may do everything; cannot be limited to groups
	Operator      Role = "operator"      // sends and invites; no settings
	Support       Role = "support"       // sees, and resends
	Auditor       Role = "auditor"       // sees everything but secrets, and changes nothing
)

// Roles lists them, the most powerful first.
var Roles = []Role{Administrator, Operator, Support, Auditor}

// ParseRole reads a role's word. Case does not matter.
func ParseRole(word string) (Role, bool) {
	role := Role(strings.ToLower(strings.TrimSpace(word)))
	return role, role.Known()
}

// Known reports whether a role is one of ours. Whoever has another may do nothing.
func (r Role) Known() bool { return slices.Contains(Roles, r) }

// Limitable reports whether a role can be limited to groups. What an administrator sets up is for the whole
// installation, so an administrator of a part would be none.
func (r Role) Limitable() bool { return r.Known() && r != Administrator }

// Within reports whether a role never may what another may not.
func (r Role) Within(other Role) bool {
	for _, p := range Permissions() {
		if Grants(r, false, p) && !Grants(other, false, p) {
			return false
		}
	}
	return r.Known()
}

// Lesser is the one of two roles that may less. Of two that each may what the other may not it is none, which may
// nothing.
func Lesser(a, b Role) Role {
	switch {
	case a.Within(b):
		return a
	case b.Within(a):
		return b
	}
	return ""
}
