// Package vonage carries SMS through Vonage (formerly Nexmo).
//
// Each message is one form, posted to /sms/json (Vonage, "SMS API"). The service answers 200 whatever it thinks of it,
// with one status for each part of the text; the worst of them is what became of the message. The table statuses says
// what each means. Later it reports to a callback whether the message arrived: see receipt.go.
//
// The service takes so many requests a second and no more, and numbers of North America have a rate and a sender of
// their own, so a sender has two lanes.
package vonage

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"heliograph/channel"
	"heliograph/channel/gsm"
	"heliograph/message"
)

// Provider is the SMS gateway.
var Provider = channel.Provider{
	Kind:    "sms",
	Title:   "Vonage",
	Channel: message.SMS,
	Default: func() channel.Settings {
		return &Settings{
			HTTPS: true, Country: "+93", RatePerSecond: 30, RatePerSecondUS: 1,
			SignatureMethod: MD5, MaxRetries: 5, TimeoutSeconds: 30,
		}
	},
	Fields: []channel.Field{
		{Name: "key", Type: "text", Required: true},
		{Name: "secret", Type: "secret", Required: true, Secret: true, GoesTo: []string{"endpoint", "https"}},
		{Name: "virtual_number", Type: "text"},
		{Name: "https", Type: "switch", Risky: "false"},
		{Name: "country", Type: "country", Required: true},
		{Name: "sender", Type: "text", Advanced: true},
		{Name: "rate_per_second", Type: "number", Required: true, Advanced: true},
		{Name: "rate_per_second_us", Type: "number", Required: true, Advanced: true},
		{Name: "signature_secret", Type: "secret", Secret: true, Advanced: true},
		{Name: "signature_method", Type: "choice", Choices: methodNames, Advanced: true},
		{Name: "retries", Type: "number", Required: true, Advanced: true},
		{Name: "timeout_seconds", Type: "number", Required: true, Advanced: true},
		{Name: "endpoint", Type: "text", Advanced: true},
		{Name: "trusted_ca", Type: "multiline", Advanced: true},
	},
	Batch:   500,
	Workers: 4,
	Rules:   printed,
	Costly:  true,
}

// Limits of a message.
const (
	maxCharacters  = 3200
	minTTL, maxTTL = 20 * time.Second, 7 * 24 * time.Hour
)

// nameless is the sender of those who have neither a number nor a name: the service wants one.
const nameless = "Heliograph"

// sender is one account.
type sender struct {
	settings Settings
	callback string
	wire     *wire
	lanes    [2]*lane // by index: everywhere, northAmerica
}

const (
	everywhere = iota
	northAmerica
)

// open makes a sender of settings that were checked.
func open(s Settings, env channel.Env) (*sender, error) {
	w, err := newWire(s)
	if err != nil {
		return nil, err
	}
	return &sender{settings: s, callback: env.Callback, wire: w,
		lanes: [2]*lane{newLane(s.RatePerSecond, false), newLane(s.RatePerSecondUS, true)}}, nil
}

func (s *sender) Close() { s.wire.close() }

// Send lets each lane go at its own pace; what ends one ends the other.
func (s *sender) Send(ctx context.Context, batch []message.Message) []message.Outcome {
	outcomes := make([]message.Outcome, len(batch))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		streak channel.Streak
		wg     sync.WaitGroup
		ways   [2][]int
	)
	for i, m := range batch {
		n := s.settings.laneOf(m.Address)
		ways[n] = append(ways[n], i)
	}
	one := func(ctx context.Context, m message.Message) message.Outcome {
		o := s.one(ctx, m)
		if channel.Stops(&streak, m.ID, o) {
			stop()
		}
		return o
	}
	for n, way := range ways {
		wg.Go(func() {
			for i, o := range channel.Each(ctx, pick(batch, way), cap(s.lanes[n].slots), one) {
				outcomes[way[i]] = o
			}
		})
	}
	wg.Wait()
	return outcomes
}

func pick(batch []message.Message, way []int) []message.Message {
	picked := make([]message.Message, len(way))
	for i, n := range way {
		picked[i] = batch[n]
	}
	return picked
}

// one sends a message when its lane has room for it.
func (s *sender) one(ctx context.Context, m message.Message) message.Outcome {
	ready, failure := s.prepare(m)
	if failure != nil {
		return message.Fail(*failure)
	}
	lane := s.lanes[ready.lane]
	if !lane.enter(ctx, ready.size.Parts) {
		return message.Outcome{}
	}
	defer lane.leave()
	return s.transmit(ready)
}

// prepared is a message that can go.
type prepared struct {
	message.Message
	to   string // E.164 without its plus, as the service wants it
	from string
	size gsm.Size
	lane int
}

// prepare finds what can be refused without asking the service.
func (s *sender) prepare(m message.Message) (prepared, *message.Failure) {
	e164, err := s.settings.Number(m.Address)
	if err != nil {
		return prepared{}, &badNumber
	}
	p := prepared{Message: m, to: e164[1:], from: s.settings.sender(), size: gsm.Measure(m.Text)}
	switch {
	case m.Text == "":
		return p, &emptyText
	case p.size.Units > maxCharacters:
		return p, &longText
	}
	if p.lane = s.settings.laneOf(e164); p.lane == northAmerica {
		if p.from = s.settings.VirtualNumber; p.from == "" {
			return p, &noVirtualNumber
		}
	}
	return p, nil
}

func (s *sender) transmit(p prepared) message.Outcome {
	answer, failure := s.wire.post(s.form(p, time.Now()))
	if failure != nil {
		return message.Fail(*failure)
	}
	return judge(answer, s.settings.hide)
}

// form is the body of the request.
func (s *sender) form(p prepared, now time.Time) string {
	values := map[string]string{
		"api_key": s.settings.Key, "from": p.from, "to": p.to, "text": p.Text, "type": "text", "client-ref": p.ID.String(),
	}
	if p.size.Alphabet != gsm.GSM7 {
		values["type"] = "unicode"
	}
	if !p.Expires.IsZero() {
		left := min(max(p.Expires.Sub(now), minTTL), maxTTL)
		values["ttl"] = strconv.FormatInt(left.Milliseconds(), 10)
	}
	if s.callback != "" {
		values["status-report-req"], values["callback"] = "true", s.callback
	}
	if s.settings.Secret != "" {
		values["api_secret"] = s.settings.Secret
	} else {
		values["timestamp"] = strconv.FormatInt(now.Unix(), 10)
		values["sig"] = methods[s.settings.SignatureMethod](values, s.settings.SignatureSecret)
	}
	return encode(values)
}

func encode(values map[string]string) string {
	form := make(url.Values, len(values))
	for name, value := range values {
		form[name] = []string{value}
	}
	return form.Encode()
}

// lane is the way of messages that share a rate.
type lane struct {
	slots   chan struct{} // one for each message on the wire
	limit   *rate.Limiter
	byParts bool // the rate counts parts, not requests
}

// widest is how many messages of a lane are on the wire at most: enough for 1,000 a second when an answer takes 50 ms,
// twice over.
const widest = 100

// newLane has room for one second of its rate, so that answers may take that long before they slow it down.
func newLane(perSecond int, byParts bool) *lane {
	return &lane{
		slots:   make(chan struct{}, min(max(perSecond, 2), widest)),
		limit:   rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/20)),
		byParts: byParts,
	}
}

// enter waits for a slot and for the rate; false = ctx ended first. A text of several parts goes at once, and those
// behind it wait for all of them: so a long one is not kept waiting for ever by a short Send.
func (l *lane) enter(ctx context.Context, parts int) bool {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if l.limit.Wait(ctx) != nil {
		l.leave()
		return false
	}
	if l.byParts {
		for range parts - 1 {
			l.limit.Reserve()
		}
	}
	return true
}

func (l *lane) leave() { <-l.slots }

var (
	_ channel.Patient  = (*Settings)(nil)
	_ channel.Numbered = (*Settings)(nil)
	_ channel.Rated    = (*Settings)(nil)
	_ channel.Receiver = (*Settings)(nil)
)
