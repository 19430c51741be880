// Package channeltest is the kit with which every provider is tested.
//
// A provider brings a Table: how to start a service that answers as it is told, and for each answer what must come out
// of its sender. The kit runs the rows, and checks with each of them what is true of every provider: one outcome for
// each message and in order, no secret in anything that an administrator or a log can see, and nothing left running.
// Cancellation checks that the end of a context ends the handing over and nothing else.
//
// Servers for providers that speak HTTP/2 are here too: NewServer for answers, NewPeers for misbehaviour.
package channeltest
