// Package listener is what mail servers call: Exchange posts here when something changed in a mailbox.
//
//	POST /ews/<capability>            the inbox
//	POST /ews/<capability>/calendar   the calendar
//	POST /ews/<capability>/other      any other folder, and several at once
//
// The address alone says which device an event is for. The body is read whole and decoded before anything is answered, so
// that a client that asked first whether it may send (Expect: 100-continue) hears yes. The two answers that a mail server
// understands are byte for byte those of mailbox/ews; every other one makes it try again. Nothing of a body is ever logged:
// it names servers and mailboxes.
package listener

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"heliograph/mailbox"
	"heliograph/mailbox/ews"
	"heliograph/message"
)

// Waker is who takes events.
type Waker interface {
	Touch(ctx context.Context, e mailbox.Event) mailbox.Answer
	// Refused counts a post that was no event; why is a word of a closed set.
	Refused(why string)
}

// Options of a listener. The zero value works.
type Options struct {
	Logger *slog.Logger     // nil = silent
	Now    func() time.Time // nil = the machine's clock

	// Client is the address that a request came from, as far as proxies are believed; nil = whoever is connected.
	Client func(*http.Request) string
	// Health answers /livez and /readyz; nil = nobody does.
	Health http.Handler
}

// New answers mail servers.
func New(w Waker, o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = func(r *http.Request) string {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			return host
		}
	}
	return &face{w, o, rate.NewLimiter(1, 20)}
}

// face routes by hand: there is one path, and it is the hot one.
type face struct {
	waker   Waker
	options Options
	spoken  *rate.Limiter // of the log: all are counted
}

// Reasons why a post is refused, beside those of ews.Decode.
const (
	refusedPath     = "path"
	refusedMethod   = "method"
	refusedEncoding = "encoding"
	refusedBody     = "body" // it broke off
)

func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	capability, folder, ok := address(r.URL.Path)
	switch {
	case !ok && f.options.Health != nil && (r.URL.Path == "/livez" || r.URL.Path == "/readyz"):
		f.options.Health.ServeHTTP(w, r)
	case !ok:
		f.refuse(w, http.StatusNotFound, refusedPath)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		f.refuse(w, http.StatusMethodNotAllowed, refusedMethod)
	case encoded(r):
		f.refuse(w, http.StatusUnsupportedMediaType, refusedEncoding)
	default:
		f.take(w, r, capability, folder)
	}
}

// address reads /ews/<capability>, with /calendar or /other behind.
func address(path string) (c mailbox.Capability, f mailbox.Folder, ok bool) {
	rest, ok := strings.CutPrefix(path, mailbox.ListenerPath)
	if !ok {
		return c, f, false
	}
	secret, name, named := strings.Cut(rest, "/")
	f = mailbox.Inbox
	if named {
		if f, ok = mailbox.ParseFolder(name); !ok || f == mailbox.Inbox {
			return c, f, false
		}
	}
	c, ok = mailbox.ParseCapability(secret)
	return c, f, ok
}

// encoded reports whether the body is compressed or the like, which no mail server does.
func encoded(r *http.Request) bool {
	how := r.Header["Content-Encoding"]
	return len(how) > 0 && !(len(how) == 1 && strings.EqualFold(how[0], "identity"))
}

// take reads an event and answers when it is safe.
func (f *face) take(w http.ResponseWriter, r *http.Request, capability mailbox.Capability, folder mailbox.Folder) {
	arrived := f.options.Now()
	buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
	defer buffers.Put(buffer)
	body, err := readBody(r, buffer)
	if err != nil {
		status, why := http.StatusBadRequest, refusedBody
		if errors.Is(err, errLarge) {
			status, why = http.StatusRequestEntityTooLarge, string(ews.TooLarge)
		}
		f.refuse(w, status, why)
		return
	}
	n, err := ews.Decode(body)
	if err != nil {
		reason := ews.ReasonOf(err)
		f.refuse(w, statusOf(reason), string(reason))
		return
	}
	event := mailbox.Event{Capability: capability, Folder: folder, Source: mailbox.EWS, Arrived: arrived}
	event.From, _ = netip.ParseAddr(f.options.Client(r))
	var few [2]mailbox.Signal
	event.Signals = signals(few[:0], n, folder)
	f.answer(w, f.waker.Touch(r.Context(), event))
}

// statusOf is 413 for what is too large, and 400 for what is no notification.
func statusOf(reason ews.Reason) int {
	if reason == ews.TooLarge {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

var errLarge = errors.New("the body is too large")

// buffers hold a body each, and grow to what servers send: a few KiB.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// readBody reads all of a body, whatever its length is said to be; one byte more than is taken shows that it is too large.
func readBody(r *http.Request, buffer *[]byte) ([]byte, error) {
	if r.ContentLength > ews.MaxBody {
		return nil, errLarge
	}
	body := (*buffer)[:0]
	if n := int(r.ContentLength); n > cap(body) {
		body = make([]byte, 0, n+1)
	}
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if len(body) > ews.MaxBody {
			return nil, errLarge
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if cap(body) <= 64<<10 { // what a huge one has grown is left to the collector
		*buffer = body[:0]
	}
	return body, nil
}

// signals say what a notification means for us.
func signals(list []mailbox.Signal, n ews.Notification, folder mailbox.Folder) []mailbox.Signal {
	for i := range n.Messages {
		list = append(list, signal(&n.Messages[i], folder))
	}
	return list
}

func signal(m *ews.Message, folder mailbox.Folder) mailbox.Signal {
	s := mailbox.Signal{Subscription: m.SubscriptionID, Previous: m.PreviousWatermark, Watermark: m.LastWatermark(), Failed: m.Error}
	if m.SubscriptionID != "" {
		s.Server, _ = ews.Server(m.SubscriptionID)
	}
	for i := range m.Events {
		e := &m.Events[i]
		if e.Kind == ews.Status {
			continue
		}
		if s.Kind == 0 || announces(e.Kind, folder) {
			s.Kind = kindOf(e.Kind, folder)
		}
		if e.TimeStamp.After(s.At) {
			s.At = e.TimeStamp
		}
		if count, ok := e.Badge(); ok && !e.TimeStamp.IsZero() && !e.TimeStamp.Before(s.BadgeAt) { // equal: the later one
			s.Badge, s.BadgeAt = &count, e.TimeStamp
		}
	}
	return s
}

// announces reports whether an event is about something new: a mail, or an entry in the calendar.
func announces(k ews.Kind, folder mailbox.Folder) bool {
	return k == ews.NewMail || folder == mailbox.Calendar && k == ews.Created
}

func kindOf(k ews.Kind, folder mailbox.Folder) message.WakeKind {
	if announces(k, folder) {
		return message.WakeNew
	}
	return message.WakeChange
}

// Header values, made once.
var (
	contentType = []string{ews.ContentType}
	lengthOK    = []string{strconv.Itoa(len(ews.ReplyOK))}
	lengthEnd   = []string{strconv.Itoa(len(ews.ReplyUnsubscribe))}
)

// statuses of answers that a mail server does not understand: it tries again, or gives up by itself.
var statuses = map[mailbox.Answer]int{
	mailbox.Unknown: http.StatusNotFound,
	mailbox.Barred:  http.StatusForbidden,
	mailbox.Busy:    http.StatusServiceUnavailable,
}

func (f *face) answer(w http.ResponseWriter, a mailbox.Answer) {
	reply, length := ews.ReplyOK, lengthOK
	switch a {
	case mailbox.OK:
	case mailbox.Unsubscribe:
		reply, length = ews.ReplyUnsubscribe, lengthEnd
	default:
		f.say(w, statuses[a])
		return
	}
	h := w.Header()
	h["Content-Type"], h["Content-Length"] = contentType, length
	_, _ = w.Write(reply) // a mail server that went away asks again
}

// refuse answers a post that is none, and counts it.
func (f *face) refuse(w http.ResponseWriter, status int, why string) {
	f.waker.Refused(why)
	if f.spoken.Allow() {
		f.options.Logger.Info("a post was refused", "reason", why, "status", status) // nothing of what was posted: it names mailboxes
	}
	f.say(w, status)
}

// say answers with a status in words.
func (f *face) say(w http.ResponseWriter, status int) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // what is left of it is not read
	}
	http.Error(w, http.StatusText(status), status)
}
