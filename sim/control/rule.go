package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Action is what happens to a request that a rule matches.
type Action string

// The actions. "Recorded" means that the request appears in the history; with status 0 unless said otherwise.
const (
	Answer  Action = "answer"  // answers as the rule says, or as always when the rule has no status; recorded
	Hang    Action = "hang"    // recorded, never answered: until the client goes or the simulator stops
	Close   Action = "close"   // the connection is closed after reading, nothing recorded: it never arrived
	Reset   Action = "reset"   // recorded, then the connection is torn down with a TCP reset
	Garbage Action = "garbage" // recorded, then Body goes onto the connection as it is, and the connection ends
	GoAway  Action = "goaway"  // recorded and answered, then the server says goodbye (HTTP/2 GOAWAY, SMTP 421)
	Lose    Action = "lose"    // recorded as accepted, then the connection is closed without an answer
)

var actions = []Action{Answer, Hang, Close, Reset, Garbage, GoAway, Lose}

// Rule asks a simulator to fail. The JSON names are those of POST /_sim/fail.
type Rule struct {
	Match       string            `json:"match"`                  // substring of token, address or number; "" = all
	Action      Action            `json:"action"`                 // "" = answer
	Stage       string            `json:"stage,omitempty"`        // of a dialogue with stages (SMTP, OAuth)
	Status      int               `json:"status,omitempty"`       // HTTP status or SMTP code; 0 = the ordinary reply
	HTTPStatus  int               `json:"http_status,omitempty"`  // where Status is not HTTP's and HTTP's is wanted
	Reason      string            `json:"reason,omitempty"`       // APNs reason, FCM errorCode, SMTP reply text
	Detail      string            `json:"detail,omitempty"`       // FCM: FcmError or BadRequest; Vonage: statuses of the parts, "0,1"
	TimestampMS int64             `json:"timestamp_ms,omitempty"` // APNs 410: since when the token is dead; 0 = now
	Headers     map[string]string `json:"headers,omitempty"`      // added to an HTTP answer
	Body        string            `json:"body,omitempty"`         // replaces the body of an HTTP answer; the bytes of garbage
	Times       int               `json:"times"`                  // how often it applies; 0 = for ever
	DelayMS     int               `json:"delay_ms,omitempty"`     // waits so many milliseconds before acting
}

// Delay is how long the rule waits before it acts.
func (r Rule) Delay() time.Duration { return time.Duration(r.DelayMS) * time.Millisecond }

// validate finds what is wrong. own is how far the service's own statuses go, below those of HTTP.
func (r *Rule) validate(own int) error {
	if r.Action == "" {
		r.Action = Answer
	}
	switch {
	case !slices.Contains(actions, r.Action):
		return fmt.Errorf("action %q: must be one of %v", r.Action, actions)
	case r.Times < 0:
		return errors.New("times: must not be negative")
	case r.DelayMS < 0:
		return errors.New("delay_ms: must not be negative")
	case r.Status != 0 && (r.Status < 200 || r.Status > 599) && (r.Status < 0 || r.Status > own):
		return fmt.Errorf("status %d: must be 0 or between 200 and 599", r.Status)
	case r.HTTPStatus != 0 && (r.HTTPStatus < 200 || r.HTTPStatus > 599):
		return fmt.Errorf("http_status %d: must be 0 or between 200 and 599", r.HTTPStatus)
	}
	return r.canonicalHeaders()
}

// canonicalHeaders gives the rule a map of its own, with the names that net/http writes.
func (r *Rule) canonicalHeaders() error {
	if r.Headers == nil {
		return nil
	}
	headers := make(map[string]string, len(r.Headers))
	for name, value := range r.Headers {
		if name == "" || strings.ContainsAny(name, " :\r\n") || strings.ContainsAny(value, "\r\n") {
			return fmt.Errorf("headers: %q is not a header", name)
		}
		headers[http.CanonicalHeaderKey(name)] = value
	}
	r.Headers = headers
	return nil
}

// Rules are the failures asked for, newest first. The zero value is ready and has none.
type Rules struct {
	// Normalize adapts a new rule to the simulator (its stages), or refuses it. nil = every stage is cleared,
	// as most services have none.
	Normalize func(*Rule) error
	// OwnStatuses is the highest status of the service's own, where it has some below those of HTTP. 0 = it has none.
	OwnStatuses int

	active atomic.Int32
	mu     sync.Mutex
	rules  []Rule // oldest first
}

// Add puts a rule in force before all others.
func (s *Rules) Add(rule Rule) error {
	if err := rule.validate(s.OwnStatuses); err != nil {
		return err
	}
	if s.Normalize == nil {
		rule.Stage = ""
	} else if err := s.Normalize(&rule); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, rule)
	s.active.Store(int32(len(s.rules)))
	return nil
}

// Take finds the newest rule for this stage that matches one of the subjects, and counts it down.
func (s *Rules) Take(stage string, subjects ...string) (Rule, bool) {
	if s.active.Load() == 0 {
		return Rule{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.rules) - 1; i >= 0; i-- {
		rule := s.rules[i]
		if rule.Stage != stage || !matches(rule.Match, subjects) {
			continue
		}
		s.countDown(i)
		return rule, true
	}
	return Rule{}, false
}

// countDown spends one use of rule i; the last use removes it. 0 = for ever.
func (s *Rules) countDown(i int) {
	switch s.rules[i].Times {
	case 0:
	case 1:
		s.rules = slices.Delete(s.rules, i, i+1)
		s.active.Store(int32(len(s.rules)))
	default:
		s.rules[i].Times--
	}
}

// List returns the rules in force, newest first.
func (s *Rules) List() []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append([]Rule{}, s.rules...)
	slices.Reverse(list)
	return list
}

// Clear forgets all rules.
func (s *Rules) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
	s.active.Store(0)
}

func matches(match string, subjects []string) bool {
	if match == "" {
		return true
	}
	for _, subject := range subjects {
		if strings.Contains(subject, match) {
			return true
		}
	}
	return false
}

// Magic is an address that always fails, in the way of its Rule.
type Magic struct {
	Value   string `json:"value"`   // what to write into the address, the token or the number
	Where   string `json:"where"`   // how it is recognised
	Does    string `json:"does"`    // what happens, for people
	Example string `json:"example"` // one whole address to copy
	Rule    Rule   `json:"-"`
}
