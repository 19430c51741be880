// Package mailbox wakes mail apps that are asleep when their mailbox changed, and knows nothing of whose mailbox it is.
//
// A device registers (Registrations.Create) and gets an address that is a secret of its own, a capability. Its app hands
// that address to the mail server, which posts there whenever something changed, without saying what. Each post is an
// event; an event becomes a wake, which a push provider carries to the device; the app then fetches from its mail server
// what is new. Nothing of a mail passes through here.
//
// What is kept of a device is what its row says: a platform, an app, a sealed token, times and counters. What is kept of
// a subscription are keyed hashes. Nobody can read from them who it is, where the mailbox lives or what is in it.
//
// A mail server that is answered Unsubscribe forgets the device for good, so this is rare: only a Tombstone is answered
// so, and only a provider that says the app is gone, or the app itself, makes one (see Verdict). When too many of an app
// die at once, it is the provider that is wrong or a setting, and a brake holds all Unsubscribes back until an
// administrator has looked (see Brake).
package mailbox
