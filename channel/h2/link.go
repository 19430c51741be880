package h2

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// link is the client's side of one HTTP/2 connection (RFC 9113), made for small requests in great numbers. Requests that
// come while others are being written go out together, in one write and one record of TLS: that, and headers without a map
// each, is what it has over net/http, which takes more than twice the time for each request.
//
// What the host does wrong ends the connection; a stream that ends badly ends alone.
type link struct {
	conn    net.Conn
	changed func() // told when streams became free by other ways than a request's end, and when the link ended
	wake    chan struct{}
	ended   chan struct{}

	mu       sync.Mutex
	streams  map[uint32]*stream // by their id; open ones
	spare    []*stream          // ended ones, to be used again
	next     uint32             // id of the next stream
	reserved int                // streams that were promised and are not open yet
	most     int                // streams the host allows at once
	leaving  bool               // takes no new streams
	err      error              // why the link ended; nil = it did not

	out     bytes.Buffer // frames to be written
	frames  *http2.Framer
	encoder *hpack.Encoder
	block   bytes.Buffer // of headers that were just encoded
	begun   int64        // bytes of those that the connection was given, and that it may have sent

	window     int64     // bytes of bodies that the host takes now, of all streams
	perStream  int64     // the same of a new stream
	frameLimit int       // bytes of a frame that the host takes
	blocked    []*stream // wait for a window, in this order

	unread  int       // bytes of answers whose room was not given back to the host
	greeted bool      // the host's SETTINGS came
	heard   time.Time // when the host last sent a frame
	used    time.Time // when a request last began
	pinged  time.Time // zero = no PING waits for its answer
	watcher *time.Timer
}

// What a link assumes before the host's SETTINGS came, and what it asks for (RFC 9113 section 6.5.2).
const (
	firstStreams    = 100
	defaultWindow   = 65535
	defaultFrame    = 16384
	defaultTable    = 4096
	lastStream      = 1<<31 - 1
	mostHeaderBytes = 64 << 10
)

// newLink is for a connection on which TLS agreed on h2. changed is called without the link's lock.
func newLink(conn net.Conn, changed func()) *link {
	now := time.Now()
	l := &link{
		conn: conn, changed: changed, wake: make(chan struct{}, 1), ended: make(chan struct{}),
		streams: map[uint32]*stream{}, next: 1, most: firstStreams,
		window: defaultWindow, perStream: defaultWindow, frameLimit: defaultFrame, heard: now, used: now,
	}
	l.frames = http2.NewFramer(&l.out, nil)
	l.encoder = hpack.NewEncoder(&l.block)
	return l
}

// start begins to talk.
func (l *link) start() {
	l.mu.Lock()
	l.out.WriteString(http2.ClientPreface)
	_ = l.frames.WriteSettings( // writing into memory does not fail
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: mostHeaderBytes},
	)
	l.flush()
	l.watcher = time.AfterFunc(pingAfter, l.watch)
	l.mu.Unlock()
	go l.write()
	go l.read()
}

// reserve promises a stream to whoever calls. It reports false when none is free.
func (l *link) reserve() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.leaving || l.reserved+len(l.streams) >= l.most {
		return false
	}
	l.reserved++
	return true
}

// release takes a promise back that was not used.
func (l *link) release() {
	l.mu.Lock()
	l.reserved--
	l.mu.Unlock()
}

// failed is why the link ended; nil = it did not.
func (l *link) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// spent reports whether nothing runs on the link and nothing can.
func (l *link) spent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil || l.leaving && len(l.streams) == 0
}

var errClosed = errors.New("the connection was closed")

// close ends the link, and the requests on it.
func (l *link) close() { l.end(errClosed) }

// end ends the link and every stream; the first reason counts.
func (l *link) end(reason error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = reason
	l.watcher.Stop()
	close(l.ended)
	for _, s := range l.streams {
		l.finish(s, reason)
	}
	l.mu.Unlock()
	_ = l.conn.Close()
	l.changed()
}

// watch finds connections that a firewall has forgotten, and closes those that nobody needs.
func (l *link) watch() {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	silent := time.Since(l.heard)
	switch {
	case len(l.streams)+l.reserved == 0 && time.Since(l.used) >= idleLimit:
		l.mu.Unlock()
		l.end(errClosed)
		return
	case !l.pinged.IsZero() && time.Since(l.pinged) >= pingTimeout:
		l.mu.Unlock()
		l.end(errors.New("the host did not answer a ping"))
		return
	case !l.pinged.IsZero():
		l.watcher.Reset(pingTimeout - time.Since(l.pinged))
	case silent >= pingAfter:
		l.pinged = time.Now()
		_ = l.frames.WritePing(false, [8]byte{'h', 'e', 'l', 'i', 'o'})
		l.flush()
		l.watcher.Reset(pingTimeout)
	default:
		l.watcher.Reset(pingAfter - silent)
	}
	l.mu.Unlock()
}
