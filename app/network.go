package app

import (
	"context"
	"net"
	"os"

	"heliograph/channel"
	"heliograph/intake"
	"heliograph/store"
)

// own is what this installation needs of the network beside its servers, as far as this process knows: the database, the
// OpenID provider, and its listeners.
func (a *App) own(ctx context.Context) intake.Own {
	o := a.started()
	if p, err := a.store.IdentityProvider(ctx); err == nil && p.Active { // there need not be one
		o.Called = append(o.Called, a.openID.Peers(p)...)
	}
	called, open := a.acmePeers()
	o.Called, o.Open = append(o.Called, called...), append(o.Open, open...)
	return o
}

// started is what this process was started with.
func (a *App) started() intake.Own {
	o := intake.Own{Called: store.DatabasePeers(a.options.url())}
	if console := a.addr.Console; console != "" {
		here := a.listener(channel.ForConsole, console, a.options.Listen)
		if a.options.PublicURL != "" {
			o.Open = channel.PeersAt(channel.ForConsole, a.options.PublicURL)
			here = a.listener(channel.ForProxy, console, a.options.Listen)
		}
		o.Open = append(o.Open, here...)
		if a.addr.Redirect != "" {
			o.Open = append(o.Open, a.listener(channel.ForConsole, a.addr.Redirect, a.options.ListenRedirect)...)
		}
		o.Receipts = channel.PeersAt(channel.ForReceipts, a.origin())
	}
	o.Open = append(o.Open, a.mailPeers()...)
	o.Open = append(o.Open, a.listener(channel.ForMetrics, a.addr.Metrics, a.options.ListenMetrics)...)
	return o
}

// listener is a listener as others reach it: one on every address by the machine's name. origin is where it listens,
// wanted what was asked for.
func (a *App) listener(why channel.Purpose, origin, wanted string) []channel.Peer {
	peers := channel.PeersAt(why, origin)
	if len(peers) == 0 || net.ParseIP(peers[0].Host) == nil { // it has a name already, that of its certificate
		return peers
	}
	host, _, err := net.SplitHostPort(wanted)
	if err != nil {
		return peers
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return peers
	}
	if name, err := os.Hostname(); err == nil {
		for i := range peers {
			peers[i].Host = name
		}
	}
	return peers
}
