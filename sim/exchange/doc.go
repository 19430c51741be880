// Package exchange simulates the part of an Exchange server that mail push needs: Exchange Web Services at
// /EWS/Exchange.asmx, and the push notifications that the server posts by itself.
//
//	phone ─ Subscribe ──► subscription ─┬─ something changed ──► POST SendNotification ──► listener
//	control ─ /_sim/mail ──► mailbox ───┘      every StatusFrequency of silence: a StatusEvent
//
//	            accepted (2xx with OK)
//	active ◄──────────────────────────────┐
//	  │ any other answer, or none          │
//	  ▼                                    │
//	retrying: after 30 s, 60 s, 120 s …  ──┘        Unsubscribe, in any state: ended
//	  │ the next wait would exceed StatusFrequency
//	  ▼
//	ended, and nobody is told
//
// A server keeps subscriptions in memory: a restart and the move of a mailbox end them silently, too. Ids name the server
// and the mailbox the way real ones do. Time can be made to pass faster: waits are divided by the scale, while the times
// in events stay those of the clock. Only loopback addresses are called.
//
// What it does not imitate: throttling, delegates, folders other than inbox and calendar, and everything else that a mail
// client does. Any user name is a mailbox, and any password is right; a name without @ finds the mailbox of that alias.
//
// Control, beside that of package control, all by POST with JSON:
//
//	/_sim/mail     {"mailbox", "count", "folder", "from", "subject"}   new mail; folder inbox (or calendar: meetings)
//	/_sim/read     {"mailbox", "count"}      read on another client; count 0 = all
//	/_sim/delete   {"mailbox", "count"}      deleted on another client, the newest first
//	/_sim/restart  {"server"}                forgets subscriptions: of one server, or "" = of all
//	/_sim/move     {"mailbox", "server"}     to another server; "" = the next one
//	/_sim/error    {"mailbox", "server", "code", "text", "keep"}   an error push to the subscriptions of one or all
//	/_sim/time     {"scale", "timeout_ms"}   how many times faster than the clock
//
// and by GET /_sim/subscriptions?mailbox=&state=&limit=, /_sim/mailboxes and /_sim/time. A rule of /_sim/fail applies to
// requests of mail clients, or with "stage": "push" to what is posted: answer (with a status, as if the listener had
// answered it), close (nothing is posted), lose (posted, and its answer is lost), delay_ms. Match is the mailbox.
//
// Reference: MS-OXWSPSNTIF, MS-OXWSNTIF, MS-OXWSSYNC.
package exchange
