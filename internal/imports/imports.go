// Package imports keeps the direction of the code: its only content is a test.
//
// The code is layered: nouns ← stations ← edges ← app ← cmd. A noun is a value and
// its rules; a station is behaviour that declares the few things it needs; an edge
// knows the world (a database, HTTP, a job engine); app knows everyone. What is
// stable imports nothing that changes more often, and a provider can be added
// without the rest noticing. The rules are the table in imports_test.go; a package
// that is not in it fails the test: say where it belongs.
package imports
