package mailbox

import "time"

// Health is how mail push does, over all nodes of a region. Nodes write what they count every few seconds.
type Health struct {
	At             time.Time
	ListeningSince time.Time // zero = nobody listens, or never did
	HeardAt        time.Time // when a node last said that it listens

	Registrations []RegistrationCount // by app and state; up to a minute old
	Pending       int64               // wakes that no provider has accepted yet
	PendingSince  time.Time           // the oldest of them; zero = none

	Hours   []HealthHour   // oldest first; an hour in which nothing happened is left out
	Reasons []HealthReason // over the whole time, most frequent first
	Latency []HealthBucket // likewise, by leg and bound
	Servers []HealthServer // that lost or recovered subscriptions, or have an alarm
	Brakes  []Brake
}

// RegistrationCount is how many registrations of an app are in a state.
type RegistrationCount struct {
	Platform Platform
	App      string
	State    State
	N        int64
}

// HealthHour is what was counted in one hour.
type HealthHour struct {
	Hour time.Time
	What Figure
	N    int64
}

// HealthReason is how often something happened for one reason.
type HealthReason struct {
	What   Figure
	Reason string
	N      int64
}

// HealthBucket is how many took so long: less than Bound milliseconds, and not less than the bound before it. 0 = above
// all.
type HealthBucket struct {
	Leg   Leg
	Bound int
	N     int64
}

// HealthServer is a mail server, by the short form of its keyed hash (ServerName).
type HealthServer struct {
	Name            string
	Lost, Recovered int64     // subscriptions, over the whole time
	Alarm           time.Time // since when most of its subscriptions are silent; zero = they are not
	RecoveredAt     time.Time // when its last alarm ended
}

// GatherServers takes what was counted under the names of mail servers out of Reasons, and puts it beside their alarms.
func (h *Health) GatherServers() {
	place := map[string]int{}
	for i, s := range h.Servers {
		place[s.Name] = i
	}
	var others []HealthReason
	for _, r := range h.Reasons {
		if r.What != whatLost && r.What != whatRecovered {
			others = append(others, r)
			continue
		}
		i, ok := place[r.Reason]
		if !ok {
			i = len(h.Servers)
			place[r.Reason] = i
			h.Servers = append(h.Servers, HealthServer{Name: r.Reason})
		}
		if r.What == whatLost {
			h.Servers[i].Lost += r.N
		} else {
			h.Servers[i].Recovered += r.N
		}
	}
	h.Reasons = others
}
