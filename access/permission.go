package access

import "slices"

// Permission is what a route needs. Each route of the console and the API declares one where it is registered, and one
// function asks whether somebody has it: Actor.May.
type Permission string

const (
	Open        Permission = "open"         // whoever comes, signed in or not; some hold a secret in the address
	SignedIn    Permission = "signed in"    // whoever signed in: their own profile, password and sessions
	See         Permission = "see"          // the fleet, what was sent, and what became of it
	Send        Permission = "send"         // notifications, and take them back
	Resend      Permission = "resend"       // what failed
	Diagnose    Permission = "diagnose"     // what a support code leads to; it belongs to nobody's groups
	SeeSettings Permission = "see settings" // and administrators and tokens; never a secret
	ReadAudit   Permission = "read audit"   // who did what
	ManageFleet Permission = "manage fleet" // devices, people and groups; imports
	Configure   Permission = "configure"    // servers, providers, templates, and everything else under Settings
	Administer  Permission = "administer"   // administrators, their roles, API tokens
)

// row is one line of the table: who has a permission.
type row struct {
	permission Permission
	roles      []Role
	limited    bool // a role that is limited to groups has it too, within them
}

// table is who may do what. It is the only place that says so.
var table = []row{
	{See, []Role{Administrator, Operator, Support, Auditor}, true},
	{Send, []Role{Administrator, Operator}, true},
	{Resend, []Role{Administrator, Operator, Support}, true},
	{Diagnose, []Role{Administrator, Operator, Support, Auditor}, false},
	{SeeSettings, []Role{Administrator, Auditor}, false},
	{ReadAudit, []Role{Administrator, Auditor}, false},
	{ManageFleet, []Role{Administrator}, false},
	{Configure, []Role{Administrator}, false},
	{Administer, []Role{Administrator}, false},
}

// Permissions lists everything that roles differ in.
func Permissions() []Permission {
	list := make([]Permission, len(table))
	for i, r := range table {
		list[i] = r.permission
	}
	return list
}

// Known reports whether a word is a permission.
func (p Permission) Known() bool {
	return p == Open || p == SignedIn || slices.Contains(Permissions(), p)
}

// Grants reports whether a role has a permission; limited when it is limited to groups.
func Grants(role Role, limited bool, p Permission) bool {
	if !role.Known() {
		return p == Open
	}
	if p == Open || p == SignedIn {
		return true
	}
	i := slices.IndexFunc(table, func(r row) bool { return r.permission == p })
	return i >= 0 && slices.Contains(table[i].roles, role) && (!limited || table[i].limited)
}
