// Package webpush carries pushes through the push services of browsers, and through those that speak the same language,
// such as the distributors of UnifiedPush.
//
// A token is a subscription: the endpoint where a push service takes messages, and the keys of the app. Each message is
// one HTTP request to that endpoint (RFC 8030), encrypted for the app alone (RFC 8291), with a token that says who sends
// (VAPID, RFC 8292). There is no one server: endpoints come from devices and lead to as many push services as the devices
// like. So three things are different here from other providers. A guard lets only public addresses be called, and
// networks that the administrator allows. Health is kept for each push service, see origin, and never becomes the
// provider's own. And no answer of a push service can end a message for anybody but its recipient.
package webpush

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"

	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
)

// Provider is Web Push.
var Provider = channel.Provider{
	Kind:    "webpush",
	Title:   "Web Push",
	Channel: message.Push,
	Default: func() channel.Settings { return &Settings{} },
	Fields: []channel.Field{
		{Name: "app", Type: "text", Required: true},
		{Name: "subject", Type: "text", Required: true},
		{Name: "vapid_public_key", Type: "text", ReadOnly: true},
		{Name: "vapid_private_key", Type: "secret", Secret: true, Advanced: true},
		{Name: "allowed_networks", Type: "multiline", Advanced: true},
		{Name: "trusted_ca", Type: "multiline", Advanced: true},
	},
	Batch:   width,
	Workers: 4,
	Rules:   printed,
}

// width is how many messages of one Send are in hand at once: a whole batch, so that those of a slow push service stand
// in nobody's way. How many are on the wire is for each origin to say.
const width = 500

// sender is one VAPID key.
type sender struct {
	vapid   *vapid
	wire    *wire
	origins origins
}

func (s *sender) Close() { s.wire.close() }

func (s *sender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	return channel.Each(ctx, batch, width, s.one)
}

// Wake is channel.Waker's.
func (s *sender) Wake(ctx context.Context, m message.Message) message.Outcome { return s.one(ctx, m) }

// Resting and ProbeNow are channel.Many's.
func (s *sender) Resting() []channel.Resting { return s.origins.resting() }

func (s *sender) ProbeNow() { s.origins.probeNow() }

func (s *sender) one(ctx context.Context, m message.Message) message.Outcome {
	to, err := fleet.ParseSubscription(m.Address)
	if err != nil {
		return message.Fail(noToken)
	}
	o, err := s.origins.take(to.Origin())
	if err != nil {
		return message.Fail(noToken)
	}
	defer s.origins.giveBack(o)
	failure, ok := o.enter(ctx)
	switch {
	case failure != nil:
		return message.Fail(*failure)
	case !ok:
		return message.Outcome{}
	}
	outcome, width := s.post(ctx, o, to, m)
	return o.leave(m.ID, outcome, width)
}

// post sends a message, as far as its origin alone is concerned.
func (s *sender) post(ctx context.Context, o *origin, to fleet.Subscription, m message.Message) (message.Outcome, int) {
	body, err := encrypt(textOf(m), to)
	if err != nil {
		return message.Fail(noToken), alone
	}
	authorization, err := o.authorization(s.vapid)
	if err != nil {
		return message.Fail(noKey), alone
	}
	limit := s.wire.answer
	if until, ok := ctx.Deadline(); ok && m.Wake != nil {
		limit = min(limit, time.Until(until))
	}
	return s.wire.post(o, m, to.Endpoint, header(m, authorization, time.Now()), body, limit)
}

var noToken = message.Failure{
	Reason: message.TokenMismatch,
	Scope:  message.RecipientFinal,
	Detail: "The device's push token is not a subscription of Web Push; the app must upload it again.",
}

var noKey = message.Failure{
	Reason: message.Credentials,
	Scope:  message.WholeServer,
	Detail: "The VAPID key of this provider cannot sign; make a new one.",
}

// Values of headers that are the same for every message.
var (
	coding = []string{"aes128gcm"}
	octets = []string{"application/octet-stream"}
	urgent = []string{"high"} // reaches devices that save their battery
	agent  = []string{"heliograph"}
)

// header is that of RFC 8030. A message with the topic of one that has not arrived yet replaces it, so a repeat does.
func header(m message.Message, authorization []string, now time.Time) http.Header {
	h := http.Header{
		"Authorization":    authorization,
		"Content-Encoding": coding,
		"Content-Type":     octets,
		"Ttl":              {strconv.FormatInt(int64(timeToLive(m, now).Round(time.Second)/time.Second), 10)},
		"Topic":            {topicOf(m)},
		"Urgency":          urgent,
		"User-Agent":       agent,
	}
	if m.Wake != nil && !m.Wake.Urgent {
		h["Urgency"] = usual
	}
	return h
}

// maxTTL is four weeks, as long as any push service keeps a message.
const maxTTL = 28 * 24 * time.Hour

func timeToLive(m message.Message, now time.Time) time.Duration {
	if m.Expires.IsZero() {
		return message.PushLifetime
	}
	return min(max(m.Expires.Sub(now), 0), maxTTL)
}

// maxTitle is our own limit, in bytes, so that a long title leaves room for the text.
const maxTitle = 1024

// payload is the JSON that the app shows: {"id", "title", "body", "badge", "sound"}, of which id and body are always
// there. A text that is too long is cut, because a cut text is better than none.
func payload(m message.Message) []byte {
	tail := make([]byte, 0, 64)
	if m.Badge != nil {
		tail = append(tail, `,"badge":`...)
		tail = strconv.AppendInt(tail, int64(*m.Badge), 10)
	}
	if m.Sound != "" {
		tail = append(tail, `,"sound":`...)
		tail = channel.AppendJSONFit(tail, m.Sound, maxTitle)
	}
	tail = append(tail, '}')

	text := append(make([]byte, 0, 64+len(m.Subject)+len(m.Text)+len(tail)), `{"id":"`...)
	text = strconv.AppendInt(text, int64(m.ID), 10)
	text = append(text, `",`...)
	if m.Subject != "" {
		text = append(text, `"title":`...)
		text = channel.AppendJSONFit(text, m.Subject, maxTitle)
		text = append(text, ',')
	}
	text = append(text, `"body":`...)
	text = channel.AppendJSONFit(text, m.Text, maxPayload-len(text)-len(tail))
	return append(text, tail...)
}

// options are for tests; the zero value is for everybody else.
type options struct {
	resolver *net.Resolver
	answer   time.Duration
}

// open makes a sender of settings that were checked.
func open(s Settings, o options) (*sender, error) {
	key, err := parseKey(s.PrivateKey)
	if err != nil {
		return nil, err
	}
	dialer, err := s.dialer(o)
	if err != nil {
		return nil, err
	}
	if o.answer == 0 {
		o.answer = usualAnswer
	}
	return &sender{
		vapid:   newVapid(key, s.Subject),
		wire:    newWire(dialer, o.answer),
		origins: origins{list: map[string]*origin{}},
	}, nil
}

func (s *Settings) dialer(o options) (channel.Dialer, error) {
	config, err := channel.TLSConfig(s.TrustedCA)
	if err != nil {
		return channel.Dialer{}, err
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	config.ClientSessionCache = tls.NewLRUClientSessionCache(maxIdle)
	allowed, err := parseNetworks(s.AllowedNetworks)
	return channel.Dialer{TLS: config, Resolver: o.resolver, Control: guard{allowed}.control}, err
}
