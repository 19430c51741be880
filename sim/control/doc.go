// Package control is what every simulator has in common: it remembers what came in, and it fails on request.
//
//	request ─► the service's own rules give the ordinary reply
//	         ─► Rules.Take: does somebody want a failure here?
//	         ─► History.Add: the witness writes it down, before anything is answered
//	         ─► the reply, or what the rule's Action does instead
//
// A test controls a simulator through Go methods or over HTTP, under /_sim/ of the simulator itself:
//
//	GET  /_sim/history?after=&limit=   what was read, newest last
//	POST /_sim/reset                   forget history and failures
//	POST /_sim/fail                    one Rule
//	GET  /_sim/fail                    the rules still in force
//	GET  /_sim/magic                   the addresses that always fail, and how
//
// The hot path stays small: a history entry holds raw bytes and is decoded when somebody reads the history, and rules
// cost one atomic load while there are none.
package control
