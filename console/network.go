package console

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"

	"heliograph/access"
	"heliograph/intake"
)

// Network is the door's side that knows what firewalls must let through.
type Network interface {
	// Network lists the connections; NetworkNow looks their names up too.
	Network(ctx context.Context) (intake.Network, error)
	NetworkNow(ctx context.Context) (intake.Network, error)
}

const networkPath = "/settings/network"

// networkPage lists what firewalls must let through. Names are looked up after the page is there, or with it for those
// whose browser runs no script and who asked for it.
type networkPage struct{ intake.Network }

func (p networkPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "network.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

// looked reports whether the names were looked up.
func (p networkPage) looked() bool { return !p.At.IsZero() }

// toward are the connections of one direction.
func (p networkPage) toward(inbound bool) (list []intake.Requirement) {
	for _, r := range p.List {
		if r.Inbound == inbound {
			list = append(list, r)
		}
	}
	return list
}

func (c *console) network(w http.ResponseWriter, r *http.Request) error {
	read := c.Network.Network
	if r.URL.Query().Get("look") != "" {
		read = c.Network.NetworkNow
	}
	n, err := read(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, networkPage{n})
}

// networkNow is the lists with their addresses, for the page to put in place of those without.
func (c *console) networkNow(w http.ResponseWriter, r *http.Request) error {
	n, err := c.Network.NetworkNow(r.Context())
	if err != nil {
		return err
	}
	return c.showPart(w, r, networkPage{n}.lists())
}

// networkCSV is the lists as a file: one row for each connection.
func (c *console) networkCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := inEnglish(r.Context())
	n, err := c.Network.NetworkNow(ctx)
	if err != nil {
		return err
	}
	if err := c.exported(r, access.ANetwork, nil); err != nil {
		return err
	}
	e := export(w, "network-requirements.csv", "direction", "from", "to", "addresses", "port", "other_ports", "protocol", "purpose", "servers", "in_use", "trouble")
	for _, one := range n.List {
		e.row(networkCells(ctx, one)...)
	}
	if err := e.sent(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func networkCells(ctx context.Context, r intake.Requirement) []string {
	direction, trouble := "outbound", ""
	if r.Inbound {
		direction = "inbound"
	}
	if r.Trouble != "" {
		trouble = tf(ctx, "network.trouble", string(r.Trouble))
	}
	return []string{
		direction, callerOf(ctx, r), r.Host, strings.Join(spelledAddresses(r.Addresses), ";"), strconv.Itoa(r.Port), ports(r.Also, ";"),
		r.Protocol, tf(ctx, "network.purpose", string(r.Purpose)), strings.Join(needing(r), ";"), strconv.FormatBool(r.Active()), trouble,
	}
}

// callerOf is who opens a connection.
func callerOf(ctx context.Context, r intake.Requirement) string {
	if !r.Inbound {
		return t(ctx, "shell.product")
	}
	return tf(ctx, "network.from", string(r.Purpose))
}

func spelledAddresses(list []netip.Addr) (words []string) {
	for _, a := range list {
		words = append(words, a.String())
	}
	return words
}

func ports(list []int, between string) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = strconv.Itoa(p)
	}
	return strings.Join(words, between)
}

// needing are the names of the servers that need a connection.
func needing(r intake.Requirement) (names []string) {
	for _, n := range r.Needed {
		names = append(names, n.Name)
	}
	return names
}

// addressWords is what is known of a name's addresses.
func addressWords(ctx context.Context, r intake.Requirement) string {
	words := spelledAddresses(r.Addresses)
	if r.Trouble != "" {
		words = append(words, tf(ctx, "network.trouble", string(r.Trouble)))
	}
	return strings.Join(words, ", ")
}

// text is the lists to be copied into a mail or a ticket, in columns.
func (p networkPage) text(ctx context.Context) string {
	var b strings.Builder
	fmt.Fprintln(&b, t(ctx, "network.text.title", moment(ctx, p.At)))
	for _, inbound := range []bool{false, true} {
		list := p.toward(inbound)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n\n", p.direction(ctx, inbound))
		columns := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, r := range list {
			who := ""
			if inbound {
				who = callerOf(ctx, r) + " → "
			}
			fmt.Fprintf(columns, "  %s%s\tTCP %s\t%s\t%s\t%s\n", who, r.Host, portWords(ctx, r), r.Protocol, whyWords(ctx, r), addressWords(ctx, r))
		}
		_ = columns.Flush() // a Builder takes everything
	}
	return b.String()
}

func (p networkPage) direction(ctx context.Context, inbound bool) string {
	if inbound {
		return t(ctx, "network.inbound")
	}
	return t(ctx, "network.outbound")
}

func portWords(ctx context.Context, r intake.Requirement) string {
	if len(r.Also) == 0 {
		return strconv.Itoa(r.Port)
	}
	return t(ctx, "network.port.or", strconv.Itoa(r.Port), ports(r.Also, ", "))
}

// whyWords is the purpose, with the servers that have it.
func whyWords(ctx context.Context, r intake.Requirement) string {
	words := tf(ctx, "network.purpose", string(r.Purpose))
	if names := needing(r); len(names) > 0 {
		words = about(ctx, words, strings.Join(names, ", "))
	}
	if !r.Active() {
		words += " (" + t(ctx, "server.inactive") + ")"
	}
	return words
}
