// Package access knows who may see and do what: administrators, their roles, the tokens of scripts, and the part of
// the fleet that each of them may touch.
package access

// Scope is the part of the fleet that somebody may see, count, export and address. Every query that lists or counts
// takes one, so that a role limited to groups can never leak. The zero Scope sees nothing.
type Scope struct {
	everything bool
	groups     []int64
}

// Everything is the scope of a role that is not limited.
var Everything = Scope{everything: true}

// Limited is a scope of fixed groups, by the database's keys of the groups. Without groups it sees nothing.
func Limited(groups ...int64) Scope { return Scope{groups: groups} }

// All reports whether the scope leaves nothing out.
func (s Scope) All() bool { return s.everything }

// Groups lists the groups of a limited scope.
func (s Scope) Groups() []int64 { return s.groups }
