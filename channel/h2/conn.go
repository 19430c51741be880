package h2

import (
	"sync/atomic"
	"time"

	"heliograph/message"
)

// conn is a connection with what the pool knows of it.
type conn struct {
	link    *link
	born    time.Time
	warmth  atomic.Int32
	busy    atomic.Int32  // streams taken
	retired atomic.Bool   // takes no new requests
	heard   atomic.Int64  // when it last answered, in Unix nanoseconds
	end     message.Event // that the connection broke, to all who waited for an answer on it
}

// Warmth of a connection: cold → trying → warm. A try that takes too long is late; it may still end well.
const (
	cold   = iota // nobody has been answered yet
	trying        // its first request is on the way
	late          // that one is not answered in good time
	warm
)

// reserve takes a free stream.
func (c *conn) reserve() bool {
	if c.retired.Load() || c.warmth.Load() != warm && !c.warmth.CompareAndSwap(cold, trying) {
		return false
	}
	c.busy.Add(1)
	if c.link.reserve() {
		return true
	}
	c.settle(false)
	c.busy.Add(-1)
	return false
}

// unreserve gives back a stream that was taken and not used.
func (c *conn) unreserve() { c.link.release() }

// settle ends the try of a cold connection.
func (c *conn) settle(welcome bool) {
	var end int32 = cold
	if welcome {
		end = warm
	}
	_ = c.warmth.CompareAndSwap(trying, end) || c.warmth.CompareAndSwap(late, end)
}

// warming reports whether the connection will soon be warm, as far as anyone can tell.
func (c *conn) warming() bool {
	warmth := c.warmth.Load()
	return (warmth == cold || warmth == trying) && c.link.failed() == nil
}

// late reports whether the connection's first request hangs.
func (c *conn) late() bool { return c.warmth.Load() == late }

// hopeful reports whether those who wait may expect a stream of the connection.
func (c *conn) hopeful() bool { return !c.late() }

// spent reports whether nothing runs on the connection and nothing can: it is closed, or was told to go away.
func (c *conn) spent() bool {
	return c.busy.Load() == 0 && c.link.spent() && c.busy.Load() == 0
}

// silentSince reports whether the connection has answered nothing since then.
func (c *conn) silentSince(then time.Time) bool { return c.heard.Load() < then.UnixNano() }
