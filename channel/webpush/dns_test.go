package webpush

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// zone is a name server (RFC 1035) that has addresses of IPv4 for names, and can change its mind.
type zone struct {
	mu    sync.Mutex
	names map[string][][]netip.Addr // the n-th look-up gets the n-th answer, and all after it the last
	asked map[string]int
}

// resolver asks the zone, over UDP.
func (z *zone) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	z.asked = map[string]int{}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		z.serve(conn)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (z *zone) serve(conn net.PacketConn) {
	question := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(question)
		if err != nil {
			return
		}
		if n > 12 {
			_, _ = conn.WriteTo(z.answer(question[:n]), from)
		}
	}
}

// answer repeats the question's head and name, and adds the addresses when A records are asked for.
func (z *zone) answer(question []byte) []byte {
	var labels []string
	at := 12
	for question[at] != 0 {
		end := at + 1 + int(question[at])
		labels = append(labels, string(question[at+1:end]))
		at = end
	}
	kind, end := binary.BigEndian.Uint16(question[at+1:]), at+5
	out := append([]byte{}, question[:end]...)
	copy(out[2:], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer, by who knows; one question
	if kind != 1 {
		return out
	}
	addresses := z.next(strings.ToLower(strings.Join(labels, ".")))
	out[7] = byte(len(addresses))
	for _, ip := range addresses {
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name above, A, IN, no time to keep it, 4 bytes
		out = append(out, ip.AsSlice()...)
	}
	return out
}

func (z *zone) next(name string) []netip.Addr {
	z.mu.Lock()
	defer z.mu.Unlock()
	answers := z.names[name]
	if len(answers) == 0 {
		return nil
	}
	z.asked[name]++
	return answers[min(z.asked[name], len(answers))-1]
}

func addresses(list ...string) (out []netip.Addr) {
	for _, text := range list {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}
