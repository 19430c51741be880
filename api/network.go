package api

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/intake"
)

// Network is the door's side that knows what firewalls must let through.
type Network interface {
	NetworkNow(ctx context.Context) (intake.Network, error)
}

// NetworkRequirements are the connections that the settings ask for.
type NetworkRequirements struct {
	LookedUpAt  time.Time    `json:"looked_up_at"`
	Connections []Connection `json:"connections"`
}

// Connection is one that must be let through.
type Connection struct {
	Direction string   `json:"direction" enum:"inbound,outbound" doc:"As this installation sees it."`
	Purpose   string   `json:"purpose" enum:"mail,text,push,token,receipts,console,proxy,metrics,database,sign_in,certificates,registration,mailbox"`
	Host      string   `json:"host" example:"listener.emea.example.com"`
	Port      int      `json:"port" example:"443"`
	AlsoPorts []int    `json:"also_ports" doc:"Ports at which the same service answers."`
	Protocol  string   `json:"protocol" example:"HTTPS"`
	Addresses []string `json:"addresses" doc:"Of the host now."`
	Trouble   string   `json:"trouble" enum:",no_name,no_answer,link_local" doc:"Why there are no addresses; empty = there are."`
	Needed    []string `json:"needed_by" doc:"Names of the servers and providers that need it; empty = the installation itself does."`
	InUse     bool     `json:"in_use" doc:"It is needed now, and not only by a server that is kept."`
}

func (s *server) getNetwork(ctx context.Context, _ access.Actor, _ *struct{}) (*found[NetworkRequirements], error) {
	n, err := s.door.NetworkNow(ctx)
	if err != nil {
		return nil, err
	}
	out := NetworkRequirements{LookedUpAt: n.At.UTC().Truncate(time.Millisecond), Connections: []Connection{}}
	for _, r := range n.List {
		out.Connections = append(out.Connections, showConnection(r))
	}
	return find(out, nil)
}

func showConnection(r intake.Requirement) Connection {
	c := Connection{
		Direction: "outbound", Purpose: string(r.Purpose), Host: r.Host, Port: r.Port, AlsoPorts: append([]int{}, r.Also...),
		Protocol: r.Protocol, Addresses: []string{}, Trouble: string(r.Trouble), Needed: []string{}, InUse: r.Active(),
	}
	if r.Inbound {
		c.Direction = "inbound"
	}
	for _, address := range r.Addresses {
		c.Addresses = append(c.Addresses, address.String())
	}
	for _, need := range r.Needed {
		c.Needed = append(c.Needed, need.Name)
	}
	return c
}
