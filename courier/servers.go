package courier

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/channel"
)

// servers keeps an open sender for each server, and opens it again when its settings changed.
type servers struct {
	store   Store
	options Options

	mu   sync.Mutex
	open map[string]*open
}

// open is a server with its sender, and its run of troubles on this node.
type open struct {
	channel.Server
	provider channel.Provider
	sender   channel.Sender
	streak   *channel.Streak
}

func newServers(s Store, o Options) *servers {
	return &servers{store: s, options: o, open: map[string]*open{}}
}

// get returns the server as it is now. Its sender is kept as long as its settings stay.
func (s *servers) get(ctx context.Context, id string) (*open, error) {
	list, err := s.store.AllServers(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the servers: %w", err)
	}
	for _, server := range list {
		if server.ID == id {
			return s.opened(server)
		}
	}
	return nil, fmt.Errorf("server %s is not in the database", id)
}

func (s *servers) opened(server channel.Server) (*open, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.open[server.ID]
	if before != nil && before.UpdatedAt.Equal(server.UpdatedAt) {
		now := *before
		now.Server = server
		return &now, nil
	}
	now := &open{Server: server, streak: new(channel.Streak)}
	for _, p := range s.options.Providers {
		if p.Kind == server.Kind {
			now.provider = p
		}
	}
	if server.Settings != nil { // a deleted server has none left
		env := s.options.Env
		if s.options.Callback != nil {
			env.Callback = s.options.Callback(server.ID)
		}
		sender, err := server.Settings.Open(env)
		if err != nil {
			return nil, fmt.Errorf("opening server %s: %w", server.Name, err)
		}
		now.sender = sender
	}
	if before != nil && before.sender != nil {
		before.sender.Close()
	}
	s.open[server.ID] = now
	return now, nil
}

// usualTime is how long a batch may take when its provider does not say otherwise.
const usualTime = time.Minute

// time is how long a batch of a server may take: handing over, waiting for what is on the wire, writing.
func (s *servers) time(id string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[id]; o != nil {
		if p, ok := o.Settings.(channel.Patient); ok {
			return max(usualTime, handOverFor+p.Patience()+writeWithin)
		}
	}
	return usualTime
}

// known is the provider of a kind of server.
func (s *servers) known(kind string) (channel.Provider, bool) {
	for _, p := range s.options.Providers {
		if p.Kind == kind {
			return p, true
		}
	}
	return channel.Provider{}, false
}

// many are the senders that pause hosts by themselves, by the servers' ids.
func (s *servers) many() map[string]channel.Many {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]channel.Many{}
	for id, o := range s.open {
		if many, ok := o.sender.(channel.Many); ok {
			found[id] = many
		}
	}
	return found
}

func (s *servers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		if o.sender != nil {
			o.sender.Close()
		}
	}
	s.open = map[string]*open{}
}

// paused reports until when the server is paused, and whether it is.
func (o *open) paused(now time.Time) (time.Duration, bool) {
	if o.Pause == nil || !o.Pause.Until.After(now) {
		return 0, false
	}
	return o.Pause.Until.Sub(now), true
}
