package mailbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/channel"
	"heliograph/message"
)

// lane is one server of a push provider, with what this node has lately seen of it.
type lane struct {
	channel.Server
	waker channel.Waker

	mu       sync.Mutex
	rests    time.Time // nothing is pushed before; zero = it is well
	step     int       // how often in a row
	troubles int       // in a row
}

// How long a lane rests that is down. Its pending rows wait, and one of them probes.
const (
	firstRest   = 5 * time.Second
	longestRest = 30 * time.Second
	troublesMax = 3 // in a row make it down
)

// down reports whether nothing is to be pushed now.
func (l *lane) down(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.rests)
}

// doubtful reports whether the lane was down and nothing has been accepted since.
func (l *lane) doubtful() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.step > 0
}

// note draws conclusions from an outcome, and reports whether the lane went down or came up. What was accepted only after
// those who wake had given up says that it is alive, not that it is well.
func (l *lane) note(o message.Outcome, late bool, now time.Time) (turned bool) {
	f := o.Failure
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case o.Accepted && late, !o.Handed():
		return false
	case f == nil, f.Scope == message.RecipientFinal, f.Uncounted:
		turned = l.step > 0
		l.rests, l.step, l.troubles = time.Time{}, 0, 0
		return turned
	case f.Scope == message.WholeServer:
		return l.rest(f.RetryAfter, now)
	case channel.Troubling(o):
		if l.troubles++; l.troubles >= troublesMax {
			return l.rest(f.RetryAfter, now)
		}
	}
	return false
}

func (l *lane) rest(asked time.Duration, now time.Time) (turned bool) {
	if now.Before(l.rests) { // what was on the wire when another one failed says nothing new
		return false
	}
	turned = l.step == 0
	l.rests = now.Add(max(min(firstRest<<min(l.step, 8), longestRest), asked))
	l.step++
	return turned
}

// lanes are all servers that wakes can leave by.
type lanes struct {
	servers Providers
	env     channel.Env
	log     *slog.Logger

	routes atomic.Pointer[map[Route]*lane]
	mu     sync.Mutex
	open   map[string]*lane // by the server's id
}

// kinds of providers that carry wakes.
var wakeProviders = []string{string(IOS.Provider()), string(Android.Provider()), string(Web.Provider())}

func newLanes(p Providers, env channel.Env, log *slog.Logger) *lanes {
	ls := &lanes{servers: p, env: env, log: log, open: map[string]*lane{}}
	ls.routes.Store(&map[Route]*lane{})
	return ls
}

// of is the lane of a route; nil = nothing serves it.
func (ls *lanes) of(r Route) *lane {
	routes := *ls.routes.Load()
	if l := routes[r]; l != nil {
		return l
	}
	return routes[Route{r.Kind, r.App, ""}]
}

// look reads the servers again.
func (ls *lanes) look(ctx context.Context) error {
	list, err := ls.servers.Servers(ctx, wakeProviders...)
	if err != nil {
		return fmt.Errorf("reading the push providers: %w", err)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	routes, used := map[Route]*lane{}, map[string]bool{}
	for _, s := range list {
		if !s.Active || s.Settings == nil {
			continue
		}
		l, err := ls.opened(s)
		if err != nil {
			ls.log.Error("a push provider cannot be opened", "server", s.Name, "error", err)
			continue
		}
		used[s.ID] = true
		routes[Route{s.Kind, s.Route.App, s.Route.Environment}] = l
	}
	ls.routes.Store(&routes)
	for id, l := range ls.open {
		if !used[id] {
			l.close()
			delete(ls.open, id)
		}
	}
	return nil
}

// opened keeps a lane as long as its server's settings stay.
func (ls *lanes) opened(s channel.Server) (*lane, error) {
	before := ls.open[s.ID]
	if before != nil && before.UpdatedAt.Equal(s.UpdatedAt) {
		return before, nil
	}
	sender, err := s.Settings.Open(ls.env)
	if err != nil {
		return nil, err
	}
	waker, ok := sender.(channel.Waker)
	if !ok {
		sender.Close()
		return nil, fmt.Errorf("%s carries no wakes", s.Kind)
	}
	if before != nil {
		before.close()
	}
	l := &lane{Server: s, waker: waker}
	ls.open[s.ID] = l
	return l, nil
}

func (l *lane) close() {
	if sender, ok := l.waker.(channel.Sender); ok {
		sender.Close()
	}
}

func (ls *lanes) close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for id, l := range ls.open {
		l.close()
		delete(ls.open, id)
	}
	ls.routes.Store(&map[Route]*lane{})
}
