package exchange

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/sim/control"
)

// command makes a handler of something that a tester asks for: JSON in (nothing at all is an empty object), JSON out, 422
// for what cannot be.
func command[In, Out any](do func(In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, control.MaxBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
			control.Problem(w, http.StatusUnprocessableEntity, "the command cannot be read: "+err.Error())
			return
		}
		out, err := do(in)
		if err != nil {
			control.Problem(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		control.JSON(w, http.StatusOK, out)
	}
}

// maxMails bounds one command.
const maxMails = 10_000

// Mail is new mail for a mailbox, which is made when it does not exist.
type Mail struct {
	Mailbox string `json:"mailbox"`
	Count   *int   `json:"count"`   // nil = 1
	Folder  Folder `json:"folder"`  // "" = inbox
	From    string `json:"from"`    // "" = somebody
	Subject string `json:"subject"` // "" = something
}

// MailboxState is a mailbox after a command.
type MailboxState struct {
	Mailbox       string `json:"mailbox"`
	Server        string `json:"server"`
	Unread        int    `json:"unread"` // in the inbox
	Items         int    `json:"items"`  // in the inbox
	Changed       int    `json:"changed"`
	Subscriptions int    `json:"subscriptions"`
}

// Deliver puts new mail into a mailbox and tells its subscriptions.
func (s *Server) Deliver(in Mail) (MailboxState, error) {
	count := 1
	if in.Count != nil {
		count = *in.Count
	}
	in.Folder = cmp.Or(in.Folder, Inbox)
	switch {
	case in.Mailbox == "":
		return MailboxState{}, errNoMailbox
	case count < 0 || count > maxMails:
		return MailboxState{}, fmt.Errorf("count: must be between 0 and %d", maxMails)
	case !slices.Contains(folders, in.Folder):
		return MailboxState{}, errors.New("folder: must be inbox or calendar")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mailbox(in.Mailbox)
	for range count {
		_, events := m.receive(in.Folder, in.From, in.Subject, time.Now())
		s.tell(m, events)
	}
	return s.stateOf(m, count), nil
}

var errNoMailbox = errors.New("mailbox: is missing")

// mailbox finds or makes one. What is before the @ is its alias, which finds it too.
func (s *Server) mailbox(name string) *mailbox {
	key := strings.ToLower(name)
	if m := cmp.Or(s.mailboxes[key], s.aliases[key]); m != nil {
		return m
	}
	m := newMailbox(name)
	s.mailboxes[key] = m
	if alias, _, ok := strings.Cut(key, "@"); ok && s.aliases[alias] == nil {
		s.aliases[alias] = m
	}
	return m
}

func (s *Server) stateOf(m *mailbox, changed int) MailboxState {
	return MailboxState{
		Mailbox: m.name, Server: s.servers[m.server], Unread: m.unread(Inbox), Items: len(m.in(Inbox)), Changed: changed,
		Subscriptions: len(m.subs),
	}
}

func (s *Server) commandMail(in Mail) (MailboxState, error) { return s.Deliver(in) }

// some are a number of a mailbox's mails.
type some struct {
	Mailbox string `json:"mailbox"`
	Count   int    `json:"count"`
}

// change does something to a mailbox's mails and tells its subscriptions.
func (s *Server) change(in some, do func(*mailbox, int, time.Time) (int, []event)) (MailboxState, error) {
	if in.Mailbox == "" {
		return MailboxState{}, errNoMailbox
	}
	if in.Count < 0 {
		return MailboxState{}, errors.New("count: must not be negative")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mailbox(in.Mailbox)
	n, events := do(m, in.Count, time.Now())
	s.tell(m, events)
	return s.stateOf(m, n), nil
}

// Read marks unread mails as read on another client, the oldest first; count 0 = all.
func (s *Server) Read(mailbox string, count int) (MailboxState, error) {
	return s.commandRead(some{mailbox, count})
}

func (s *Server) commandRead(in some) (MailboxState, error) { return s.change(in, (*mailbox).markRead) }

func (s *Server) commandDelete(in some) (MailboxState, error) {
	in.Count = max(in.Count, 1)
	return s.change(in, (*mailbox).remove)
}

// lost says how many subscriptions a command ended.
type lost struct {
	Mailbox   string `json:"mailbox,omitempty"`
	Server    string `json:"server,omitempty"`
	Forgotten int    `json:"forgotten"`
}

// Restart forgets the subscriptions of a server; "" = of all. It returns how many there were.
func (s *Server) Restart(server string) (int, error) {
	out, err := s.commandRestart(serverName{server})
	return out.Forgotten, err
}

type serverName struct {
	Server string `json:"server"`
}

func (s *Server) commandRestart(in serverName) (lost, error) {
	if in.Server != "" && !slices.Contains(s.servers, in.Server) {
		return lost{}, s.unknownServer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := lost{Server: in.Server}
	for _, sub := range s.subs {
		if in.Server == "" || sub.server == in.Server {
			s.end(sub, forgotten)
			out.Forgotten++
		}
	}
	return out, nil
}

func (s *Server) unknownServer() error {
	return fmt.Errorf("server: must be one of %s", strings.Join(s.servers, ", "))
}

type moveTo struct {
	Mailbox string `json:"mailbox"`
	Server  string `json:"server"`
}

func (s *Server) commandMove(in moveTo) (lost, error) {
	if in.Mailbox == "" {
		return lost{}, errNoMailbox
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mailbox(in.Mailbox)
	to := slices.Index(s.servers, in.Server)
	if in.Server == "" {
		to = (m.server + 1) % len(s.servers)
	}
	if to < 0 {
		return lost{}, s.unknownServer()
	}
	m.server = to
	out := lost{Mailbox: m.name, Server: s.servers[to], Forgotten: len(m.subs)}
	for _, sub := range slices.Clone(m.subs) {
		s.end(sub, moved)
	}
	return out, nil
}

type errorPush struct {
	Mailbox string `json:"mailbox"` // "" = every mailbox, of Server if that is given
	Server  string `json:"server"`
	Code    string `json:"code"` // "" = ErrorReadEventsFailed
	Text    string `json:"text"` // localised, for people; "" = a German one
	Keep    bool   `json:"keep"` // the subscription survives it
}

// defaultText is in the server's language, not in that of who reads it.
const defaultText = "Beim Lesen der Ereignisse ist ein Fehler aufgetreten."

func (s *Server) commandError(in errorPush) (map[string]int, error) {
	if in.Server != "" && !slices.Contains(s.servers, in.Server) {
		return nil, s.unknownServer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	told := 0
	for _, sub := range s.subs {
		if in.Mailbox != "" && !strings.EqualFold(sub.mailbox.name, in.Mailbox) || in.Server != "" && sub.server != in.Server {
			continue
		}
		told++
		sub.failure = &failure{code: cmp.Or(in.Code, "ErrorReadEventsFailed"), text: cmp.Or(in.Text, defaultText), keep: in.Keep}
		s.wake(sub)
	}
	return map[string]int{"told": told}, nil
}

// timing is the simulator's time.
type timing struct {
	Scale     *float64 `json:"scale"`
	TimeoutMS *int64   `json:"timeout_ms"`
}

func (s *Server) serveTime(w http.ResponseWriter, _ *http.Request) {
	control.JSON(w, http.StatusOK, s.timing())
}

func (s *Server) timing() timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return timing{Scale: new(s.clock.scale), TimeoutMS: new(s.timeout.Load() / int64(time.Millisecond))}
}

// SetScale lets retries and heartbeats come so many times faster than the clock.
func (s *Server) SetScale(scale float64) error {
	_, err := s.setTime(timing{Scale: &scale})
	return err
}

func (s *Server) serveSetTime(w http.ResponseWriter, r *http.Request) { command(s.setTime)(w, r) }

func (s *Server) setTime(in timing) (timing, error) {
	if in.Scale != nil && (*in.Scale <= 0 || *in.Scale > 1e6) {
		return timing{}, errors.New("scale: must be above 0 and at most 1,000,000")
	}
	if in.TimeoutMS != nil && *in.TimeoutMS <= 0 {
		return timing{}, errors.New("timeout_ms: must be above 0")
	}
	if in.TimeoutMS != nil {
		s.timeout.Store(*in.TimeoutMS * int64(time.Millisecond))
	}
	if in.Scale != nil {
		s.mu.Lock()
		s.setScale(*in.Scale)
		s.mu.Unlock()
	}
	return s.timing(), nil
}

// Subscription is one as the control shows it.
type Subscription struct {
	ID        string     `json:"id"`
	Mailbox   string     `json:"mailbox"`
	Server    string     `json:"server"`
	URL       string     `json:"url"`
	Folders   []Folder   `json:"folders"` // null = all
	Types     []string   `json:"event_types"`
	Frequency int        `json:"status_frequency_minutes"`
	State     State      `json:"state"`
	Why       string     `json:"ended_by,omitempty"` // unsubscribed, retries_exhausted, restart, move, error
	Created   time.Time  `json:"created_at"`
	Accepted  int64      `json:"accepted"` // notifications
	Attempts  int        `json:"attempts"` // that failed in a row
	Pending   int        `json:"pending"`  // events
	LastAt    *time.Time `json:"last_at"`
	Last      string     `json:"last"` // what became of the last notification
}

func (sub *subscription) view() Subscription {
	v := Subscription{
		ID: sub.id, Mailbox: sub.mailbox.name, Server: sub.server, URL: sub.url, Folders: sub.folders, Types: sub.types,
		Frequency: sub.frequency, State: sub.state, Why: sub.why, Created: sub.created, Accepted: sub.sent, Attempts: sub.attempts,
		Pending: len(sub.pending), Last: sub.last,
	}
	if !sub.lastAt.IsZero() {
		v.LastAt = new(sub.lastAt)
	}
	return v
}

// Subscriptions are those of a mailbox ("" = of all) in a state ("" = any), the newest first.
func (s *Server) Subscriptions(mailbox string, state State) []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Subscription{}
	add := func(sub *subscription) {
		if (mailbox == "" || strings.EqualFold(sub.mailbox.name, mailbox)) && (state == "" || sub.state == state) {
			found = append(found, sub.view())
		}
	}
	for _, sub := range s.subs {
		add(sub)
	}
	for _, sub := range s.ended {
		add(sub)
	}
	slices.SortFunc(found, func(a, b Subscription) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return found
}

// defaultListed is how many items a list has when nobody says.
const defaultListed = 1000

func (s *Server) serveSubscriptions(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	found := s.Subscriptions(query.Get("mailbox"), State(query.Get("state")))
	count := map[State]int{Active: 0, Retrying: 0, Ended: 0}
	for _, sub := range found {
		count[sub.State]++
	}
	limit := defaultListed
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			control.Problem(w, http.StatusUnprocessableEntity, "limit: must be a whole number, 0 or more")
			return
		}
		limit = n
	}
	control.JSON(w, http.StatusOK, map[string]any{"count": len(found), "states": count, "items": found[:min(limit, len(found))]})
}

func (s *Server) serveMailboxes(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	list := []MailboxState{}
	for _, m := range s.mailboxes {
		list = append(list, s.stateOf(m, 0))
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b MailboxState) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	control.JSON(w, http.StatusOK, map[string]any{"count": len(list), "items": list[:min(defaultListed, len(list))]})
}
