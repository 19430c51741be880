// Package access knows who may see and do what: administrators, their roles, the tokens of scripts, and the part of
// the fleet that each of them may touch. The log of what they did is here too.
//
// There are two questions, and each is asked in one place. What may somebody do? Actor.May answers from the table in
// permission.go; each route declares the permission that it needs. To what? Their Scope: every query that lists or counts
// takes one.
package access

import "slices"

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

// Within reports whether a scope never reaches beyond another.
func (s Scope) Within(other Scope) bool {
	return other.everything || !s.everything && !slices.ContainsFunc(s.groups, func(g int64) bool { return !slices.Contains(other.groups, g) })
}

// Intersect is what is in both scopes.
func (s Scope) Intersect(other Scope) Scope {
	switch {
	case s.everything:
		return other
	case other.everything:
		return s
	}
	return Limited(slices.DeleteFunc(slices.Clone(s.groups), func(g int64) bool { return !slices.Contains(other.groups, g) })...)
}
