package listener

import (
	"io"
	"math"
	"net"
	"time"

	"heliograph/web"
)

// Limits of what may be read, in bytes.
const (
	headerLimit = web.MaxHeader + 4<<10 // as net/http counts
	unlimited   = math.MaxInt64
)

// early is how much before its time a deadline may come: at most once in that time is it moved, on a busy connection.
const early = time.Second

// wire reads from a connection no more, and no longer, than it is told.
type wire struct {
	conn net.Conn
	left int64     // bytes
	by   time.Time // for what is read next
	set  time.Time // what the connection knows of that
}

// until says how long may be read. The connection is told when there is something to wait for: most requests are in memory
// by then.
func (w *wire) until(t time.Time) {
	if sooner := t.Sub(w.set); sooner < 0 || sooner >= early {
		w.by = t
	} else {
		w.by = w.set
	}
}

func (w *wire) arm() {
	if w.by != w.set {
		_ = w.conn.SetReadDeadline(w.by) // what fails here fails again with the next byte
		w.set = w.by
	}
}

// Read implements io.Reader.
func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, io.EOF
	}
	w.arm()
	n, err := w.conn.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	return n, err
}
