// Package smtp simulates a mail submission server: EHLO, STARTTLS, AUTH PLAIN, LOGIN and XOAUTH2, PIPELINING, 8BITMIME,
// SMTPUTF8, SIZE and ENHANCEDSTATUSCODES (RFC 5321, 3207, 4954, 2920, 6152, 6531, 1870, 2034), and the token endpoint
// at which clients of XOAUTH2 get their access tokens.
//
// It accepts every well-formed address, user name, password and token, and is strict where lax servers hide mistakes: lines of
// a message must end in CRLF, parameters must have been announced, and what follows STARTTLS in clear text is refused.
//
// A rule names the stage at which it acts:
//
//	connect ─ ehlo ─ starttls ─ auth ─┬ mail ─ rcpt ─ data ─ end ┐
//	                                  └──────────────────────────┘ one history entry for each "end"
//
// Match is compared with the client's address (connect, starttls), its EHLO name, the user name, the sender (mail), the
// recipient (rcpt), and all of the transaction (data, end). Two rules that are useful to know: stage ehlo with status 250
// answers one line without extensions, so there is no STARTTLS; times 0 at connect with 421 is a server that is down.
package smtp
