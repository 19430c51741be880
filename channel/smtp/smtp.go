// Package smtp hands e-mail over to the organisation's mail server.
//
// A server is used through sessions: connections that have greeted, negotiated TLS and signed in, and that then carry one
// transaction after the other. Setting one up costs as much as thirty mails, so sessions are kept between Sends and
// given up after a minute without work. Within a transaction MAIL, RCPT and DATA leave in one write where the server
// offers PIPELINING (RFC 2920), and the answers are read in order.
//
// Signing in is by user name and password, by NTLM where the administrator turned SPA on, or by an OAuth 2.0 access token
// of the client credentials grant, as Microsoft 365 wants it. Tokens are kept and shared by all sessions of a server.
//
// Mails with the same text go to many envelope recipients at once, each with an outcome of its own; a personal mail has
// one recipient, who is named in its header. What an answer means is in one table, see Rules.
//
// The envelope's sender is always the server's own From address: bounces go there, and a server that refuses it refuses
// us, not one message. A sender that a text brings along stands in the header only.
package smtp

import (
	"heliograph/channel"
	"heliograph/message"
)

// Provider describes SMTP servers.
var Provider = channel.Provider{
	Kind:    "smtp",
	Title:   "SMTP",
	Channel: message.SMTP,
	Default: func() channel.Settings { return defaults() },
	Fields:  fields,
	Batch:   500,
	Workers: 2,
	Rules:   printed,
}

var fields = []channel.Field{
	{Name: "host", Type: "text", Required: true},
	{Name: "security", Type: "choice", Choices: []string{None, TLS, SSL}, Required: true},
	{Name: "port", Type: "number", Required: true, Follows: &channel.Follow{
		Field: "security", Values: map[string]string{None: "25", TLS: "25", SSL: "465"},
	}},
	{Name: "authentication", Type: "switch"},
	{Name: "username", Type: "text", Required: true, ShownIf: "authentication=true"},
	{Name: "password", Type: "secret", Required: true, ShownIf: "authentication=true", Secret: true, GoesTo: []string{"host"}},
	{Name: "spa", Type: "switch", ShownIf: "authentication=true"},
	{Name: "from_name", Type: "text"},
	{Name: "from_email", Type: "text", Required: true},
	{Name: "trusted_ca", Type: "multiline", Advanced: true},
	{Name: "oauth.token_url", Type: "text", Advanced: true, ShownIf: "authentication=true"},
	{Name: "oauth.client_id", Type: "text", Advanced: true, ShownIf: "authentication=true"},
	{Name: "oauth.client_secret", Type: "secret", Secret: true, Advanced: true, ShownIf: "authentication=true",
		GoesTo: []string{"host", "oauth.token_url"}},
	{Name: "oauth.secret_expires", Type: "text", Advanced: true, ShownIf: "authentication=true"},
	{Name: "oauth.scope", Type: "text", Advanced: true, ShownIf: "authentication=true"},
	{Name: "retries", Type: "number", Advanced: true},
	{Name: "timeout_seconds", Type: "number", Advanced: true},
	{Name: "max_recipients", Type: "number", Advanced: true},
}
