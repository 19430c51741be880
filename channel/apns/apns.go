// Package apns carries pushes through Apple's push service.
//
// Each message is one HTTP/2 request (Apple, "Sending notification requests to APNs"). The sender says who it is either
// with a provider token, which it signs itself with the key of the developer team, or with a client certificate. What
// Apple answers is translated by one table, answers; a few answers ask for something else first (a new token, another
// connection), and then the message goes again without anybody hearing of it.
package apns

import (
	"context"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// Provider is Apple's push service.
var Provider = channel.Provider{
	Kind:    "apns",
	Title:   "Apple Push Notification service",
	Channel: message.Push,
	Default: func() channel.Settings { return &Settings{Environment: Production} },
	Fields: []channel.Field{
		{Name: "app", Type: "text", Required: true},
		{Name: "environment", Type: "choice", Choices: []string{Production, Sandbox}, Required: true},
		{Name: "key_p8", Type: "secret_multiline", Secret: true, GoesTo: []string{"endpoint"}},
		{Name: "key_id", Type: "text"},
		{Name: "team_id", Type: "text"},
		{Name: "certificate", Type: "secret_multiline", Secret: true, Advanced: true},
		{Name: "endpoint", Type: "text", Advanced: true},
		{Name: "trusted_ca", Type: "multiline", Advanced: true},
	},
	Batch:   500,
	Workers: 4,
	Rules:   printed,
}

// width is how many messages of one Send are on the wire at once, as far as the connections have streams.
const width = 1000

// sender is one credential of one app.
type sender struct {
	pool   *h2.Pool
	tokens *tokens // nil = the certificate says who we are
	topic  string
}

func (s *sender) Close() { s.pool.Close() }

func (s *sender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	return channel.Each(ctx, batch, width, s.one)
}

// Wake is channel.Waker's.
func (s *sender) Wake(ctx context.Context, m message.Message) message.Outcome { return s.one(ctx, m) }

// one sends a message, again when the answer asks for something that has not been tried yet.
func (s *sender) one(ctx context.Context, m message.Message) message.Outcome {
	if !plausible(m.Address) {
		return message.Fail(noToken)
	}
	body := bodyOf(m)
	for tried := remedy(0); ; {
		token := s.bearer()
		answer, failure := s.pool.Do(ctx, s.request(ctx, m, token, body))
		if failure != nil {
			return message.Fail(*failure)
		}
		if answer.Status == 0 {
			return message.Outcome{}
		}
		outcome, wanted := judge(answer, m)
		if wanted == 0 || tried&wanted != 0 {
			return outcome
		}
		tried |= wanted
		s.apply(wanted, token)
		answer.Retire()
	}
}

func (s *sender) bearer() *bearer {
	if s.tokens == nil {
		return nil
	}
	return s.tokens.get()
}

// apply does what an answer asks for, besides a new connection, which each of them asks for.
func (s *sender) apply(wanted remedy, used *bearer) {
	switch {
	case s.tokens == nil:
	case wanted == newToken:
		s.tokens.renew(used)
	case wanted == olderToken:
		s.tokens.revert(used)
	}
}

func (s *sender) request(ctx context.Context, m message.Message, token *bearer, body []byte) h2.Request {
	r := h2.Request{Path: "/3/device/" + m.Address, Body: body}
	if m.Wake != nil {
		r.Header = s.wakeHeader(m)
		r.Until, _ = ctx.Deadline()
	} else {
		r.Header = s.textHeader(m)
	}
	if token != nil {
		r.Header = append(r.Header, h2.Field{Name: "authorization", Value: token.header, Once: true})
	}
	return r
}

// mostFields is how many a request has.
const mostFields = 9

// headerOf is what all requests have. What is the same for many is remembered by both sides (HPACK).
func (s *sender) headerOf(pushType, priority string) h2.Header {
	return append(make(h2.Header, 0, mostFields),
		h2.Field{Name: "apns-topic", Value: s.topic},
		h2.Field{Name: "apns-push-type", Value: pushType},
		h2.Field{Name: "apns-priority", Value: priority},
		h2.Field{Name: "content-type", Value: "application/json"},
		h2.Field{Name: "user-agent", Value: "heliograph"},
	)
}

func (s *sender) textHeader(m message.Message) h2.Header {
	header := append(s.headerOf("alert", "10"),
		h2.Field{Name: "apns-id", Value: m.ID.UUID(), Once: true},
		h2.Field{Name: "apns-collapse-id", Value: m.ID.String(), Once: true},
	)
	if !m.Expires.IsZero() {
		header = append(header, expiration(m.Expires))
	}
	return header
}

func expiration(at time.Time) h2.Field {
	return h2.Field{Name: "apns-expiration", Value: strconv.FormatInt(max(at.Unix(), 0), 10), Once: true}
}

// plausible reports whether a token can stand in a path as it is. Apple promises no length and no alphabet.
func plausible(token string) bool {
	for _, c := range []byte(token) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return token != "" && len(token) <= 1024
}

var noToken = message.Failure{
	Reason: message.TokenMismatch,
	Scope:  message.RecipientFinal,
	Detail: "The device's push token is not one of APNs; the app must upload it again.",
}

// Limits of a payload, in bytes.
const (
	maxPayload = 4096
	maxTitle   = 1024 // our own, so that a long title leaves room for the text
)

// payload is the JSON body. A text that is too long is cut, because a cut text is better than none.
func payload(m message.Message) []byte {
	tail := append(make([]byte, 0, 64), `},"sound":`...)
	tail = channel.AppendJSON(tail, soundOf(m))
	if m.Badge != nil {
		tail = append(tail, `,"badge":`...)
		tail = strconv.AppendInt(tail, int64(*m.Badge), 10)
	}
	tail = append(tail, `}}`...)

	body := append(make([]byte, 0, 64+len(m.Subject)+len(m.Text)+len(tail)), `{"aps":{"alert":{`...)
	if m.Subject != "" {
		body = append(body, `"title":`...)
		body = channel.AppendJSONFit(body, m.Subject, maxTitle)
		body = append(body, ',')
	}
	body = append(body, `"body":`...)
	body = channel.AppendJSONFit(body, m.Text, maxPayload-len(body)-len(tail))
	return append(body, tail...)
}

func soundOf(m message.Message) string {
	if m.Sound == "" {
		return "default"
	}
	return m.Sound
}

// open makes a sender of settings that were checked.
func open(s Settings, o h2.Options, now func() time.Time) (*sender, error) {
	endpoint, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	dialer, err := s.dialer()
	if err != nil {
		return nil, err
	}
	made := &sender{pool: h2.New(endpoint, dialer, o), topic: s.App}
	if s.KeyP8 != "" {
		key, err := parseKey(s.KeyP8)
		if err != nil {
			return nil, err
		}
		made.tokens = &tokens{key: key, keyID: s.KeyID, teamID: s.TeamID, now: now}
	}
	return made, nil
}
