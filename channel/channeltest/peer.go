package channeltest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// Peer is one connection of a server that speaks HTTP/2 frame by frame, for what a real server cannot be told to do.
// Frames are RFC 9113 section 6.
type Peer struct {
	net.Conn
	streams uint32
}

// Frame types, flags and error codes of RFC 9113 sections 6 and 7.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7

	flagAck, flagEndStream, flagEndHeaders = 1, 1, 4

	NoError       = 0
	InternalError = 2
	RefusedStream = 7
)

// NewPeers serves each connection with serve, which is given the connection's number, from 0. A connection is closed
// when serve returns.
func NewPeers(t testing.TB, streams uint32, serve func(n int, p *Peer)) *Server {
	t.Helper()
	certificate, ca := selfSigned(t)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{URL: "https://" + listener.Addr().String(), CA: ca}
	var wg sync.WaitGroup
	wg.Go(func() { accept(s, listener, streams, serve, &wg) })
	s.close = sync.OnceFunc(func() {
		_ = listener.Close()
		wg.Wait()
	})
	t.Cleanup(s.close)
	return s
}

func accept(s *Server, listener net.Listener, streams uint32, serve func(int, *Peer), wg *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		n := int(s.conns.Add(1)) - 1
		wg.Go(func() {
			defer func() { _ = conn.Close() }()
			p := &Peer{Conn: conn, streams: streams}
			if p.greet() == nil {
				serve(n, p)
			}
		})
	}
}

// greet reads the client's preface and answers with SETTINGS_MAX_CONCURRENT_STREAMS (3).
func (p *Peer) greet() error {
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(p, preface); err != nil {
		return err
	}
	setting := binary.BigEndian.AppendUint32([]byte{0, 3}, p.streams)
	return p.write(frameSettings, 0, 0, setting)
}

func (p *Peer) write(kind, flags byte, stream uint32, payload []byte) error {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	head = binary.BigEndian.AppendUint32(head, stream)
	_, err := p.Conn.Write(append(head, payload...))
	return err
}

// Next waits for a whole request, and is its stream. ok is false when the client is gone.
func (p *Peer) Next() (stream uint32, ok bool) {
	for {
		kind, flags, stream, payload, err := p.read()
		switch {
		case err != nil:
			return 0, false
		case kind == frameSettings && flags&flagAck == 0:
			_ = p.write(frameSettings, flagAck, 0, nil)
		case kind == framePing && flags&flagAck == 0:
			_ = p.write(framePing, flagAck, 0, payload)
		case (kind == frameData || kind == frameHeaders) && flags&flagEndStream != 0:
			return stream, true
		}
	}
}

func (p *Peer) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(p, head[:]); err != nil {
		return
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(p, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]) &^ (1 << 31), payload, err
}

// Answer sends an empty 200 (its header is entry 8 of HPACK's static table).
func (p *Peer) Answer(stream uint32) {
	_ = p.write(frameHeaders, flagEndStream|flagEndHeaders, stream, []byte{0x88})
}

// Reset ends a stream with an error code.
func (p *Peer) Reset(stream, code uint32) {
	_ = p.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

// GoAway says that streams above last were not looked at.
func (p *Peer) GoAway(last, code uint32) {
	payload := binary.BigEndian.AppendUint32(nil, last)
	_ = p.write(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(payload, code))
}

// Garbage sends bytes that are no frame.
func (p *Peer) Garbage() {
	_, _ = p.Conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\nhello, I am not what you think"))
}

func selfSigned(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(ca)
}
