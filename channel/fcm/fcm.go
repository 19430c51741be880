// Package fcm carries pushes through Firebase Cloud Messaging.
//
// Each message is one HTTP/2 request of the HTTP v1 API (Google, "FCM HTTP v1: projects.messages.send"). The sender says
// who it is with an access token, which it gets from Google's token endpoint for an assertion that the service account
// signs, about once an hour. What FCM answers is translated by two tables, codes and statuses.
package fcm

import (
	"context"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/channel/h2"
	"heliograph/message"
)

// Provider is Google's push service.
var Provider = channel.Provider{
	Kind:    "fcm",
	Title:   "Firebase Cloud Messaging",
	Channel: message.Push,
	Default: func() channel.Settings { return &Settings{} },
	Fields: []channel.Field{
		{Name: "app", Type: "text", Required: true},
		{Name: "service_account", Type: "secret_multiline", Required: true, Secret: true, GoesTo: []string{"endpoint"}},
		{Name: "endpoint", Type: "text", Advanced: true},
		{Name: "trusted_ca", Type: "multiline", Advanced: true},
	},
	Batch:   500,
	Workers: 4,
	Rules:   printed,
}

// width is how many messages of one Send are on the wire at once, as far as the connections have streams.
const width = 1000

// sender is one Firebase project.
type sender struct {
	pool   *h2.Pool
	tokens *tokens
	path   string
}

func (s *sender) Close() {
	s.pool.Close()
	s.tokens.close()
}

func (s *sender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	return channel.Each(ctx, batch, width, s.one)
}

// Wake is channel.Waker's.
func (s *sender) Wake(ctx context.Context, m message.Message) message.Outcome { return s.one(ctx, m) }

// one sends a message, and once more with a fresh access token when the first was refused.
func (s *sender) one(ctx context.Context, m message.Message) message.Outcome {
	if m.Address == "" || len(m.Address) > maxToken {
		return message.Fail(noToken)
	}
	body := bodyOf(m, time.Now())
	for fresh := false; ; fresh = true {
		token, failure := s.tokens.get(ctx)
		if failure != nil {
			return message.Fail(*failure)
		}
		if token == nil {
			return message.Outcome{}
		}
		answer, failure := s.pool.Do(ctx, s.request(ctx, m, token, body))
		if failure != nil {
			return message.Fail(*failure)
		}
		if answer.Status == 0 {
			return message.Outcome{}
		}
		outcome, refused := judge(answer)
		if fresh || !refused {
			return outcome
		}
		s.tokens.Forget(token)
	}
}

func (s *sender) request(ctx context.Context, m message.Message, token *channel.Access, body []byte) h2.Request {
	r := h2.Request{Path: s.path, Body: body, Header: h2.Header{
		{Name: "authorization", Value: token.Header, Once: true},
		{Name: "content-type", Value: "application/json"},
		{Name: "user-agent", Value: "heliograph"},
	}}
	if m.Wake != nil {
		r.Until, _ = ctx.Deadline()
	}
	return r
}

var noToken = message.Failure{
	Reason: message.TokenMismatch,
	Scope:  message.RecipientFinal,
	Detail: "The device's push token is not one of FCM; the app must upload it again.",
}

// Limits. FCM counts keys and values of data and notification; counting all of the JSON but the token is stricter.
const (
	maxPayload = 4096 // bytes
	maxTitle   = 1024 // bytes; our own, so that a long title leaves room for the text
	maxToken   = 4096 // bytes
	maxTTL     = 28 * 24 * time.Hour
)

// payload is the JSON body. A text that is too long is cut, because a cut text is better than none.
//
// The text is a notification, which Android shows by itself; its tag is the delivery, so that a repeat replaces the
// first. The same identity is in data for the app.
func payload(m message.Message, now time.Time) []byte {
	tail := appendAndroid(make([]byte, 0, 256), m, now)
	body := make([]byte, 0, 128+len(m.Address)+len(m.Subject)+len(m.Text)+len(tail))
	body = append(body, `{"message":{"token":`...)
	body = channel.AppendJSON(body, m.Address)
	room := maxPayload + len(m.Address)
	body = append(body, `,"notification":{`...)
	if m.Subject != "" {
		body = append(body, `"title":`...)
		body = channel.AppendJSONFit(body, m.Subject, maxTitle)
		body = append(body, ',')
	}
	body = append(body, `"body":`...)
	body = channel.AppendJSONFit(body, m.Text, room-len(body)-len(tail))
	return append(body, tail...)
}

// appendAndroid writes what follows the text, to the end of the body.
func appendAndroid(dst []byte, m message.Message, now time.Time) []byte {
	dst = append(dst, `},"data":{"id":"`...)
	dst = strconv.AppendInt(dst, int64(m.ID), 10)
	dst = append(dst, `"},"android":{"priority":"high",`...)
	if !m.Expires.IsZero() {
		left := min(max(m.Expires.Sub(now), 0), maxTTL)
		dst = append(dst, `"ttl":"`...)
		dst = strconv.AppendInt(dst, int64(left/time.Second), 10)
		dst = append(dst, `s",`...)
	}
	dst = append(dst, `"notification":{"tag":"`...)
	dst = strconv.AppendInt(dst, int64(m.ID), 10)
	dst = append(dst, `","sound":`...)
	dst = channel.AppendJSON(dst, soundOf(m))
	if m.Badge != nil {
		dst = append(dst, `,"notification_count":`...)
		dst = strconv.AppendInt(dst, int64(*m.Badge), 10)
	}
	return append(dst, `}}}}`...)
}

func soundOf(m message.Message) string {
	if m.Sound == "" {
		return "default"
	}
	return m.Sound
}

// open makes a sender of settings that were checked.
func open(s Settings, o h2.Options) (*sender, error) {
	account, err := parseAccount(s.ServiceAccount)
	if err != nil {
		return nil, err
	}
	endpoint, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	config, err := channel.TLSConfig(s.TrustedCA)
	if err != nil {
		return nil, err
	}
	dialer := channel.Dialer{TLS: config}
	return &sender{
		pool:   h2.New(endpoint, dialer, o),
		tokens: newTokens(account, dialer),
		path:   "/v1/projects/" + account.ProjectID + "/messages:send",
	}, nil
}
