package h2

import (
	"bytes"
	"runtime"
)

// flush asks the writer to write what is in the output. Needs the lock.
func (l *link) flush() {
	select {
	case l.wake <- struct{}{}:
	default: // it was asked already
	}
}

// write is the goroutine that writes: all that came since it last wrote, at once.
func (l *link) write() {
	var taken bytes.Buffer
	for {
		select {
		case <-l.wake:
		case <-l.ended:
			return
		}
		runtime.Gosched() // whoever is about to send may join
		l.mu.Lock()
		taken, l.out = l.out, taken
		l.begun += int64(taken.Len())
		l.mu.Unlock()
		if _, err := l.conn.Write(taken.Bytes()); err != nil {
			l.end(err)
			return
		}
		taken.Reset()
		if taken.Cap() > mostSpare {
			taken = bytes.Buffer{}
		}
	}
}

// mostSpare is how much memory of a rush is kept for the next.
const mostSpare = 256 << 10
