package h2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// stream is one request and its answer.
type stream struct {
	id     uint32
	rest   []byte // of the body, which waits for a window
	window int64  // bytes of it that the host takes now
	end    int64  // of the whole request among all that was ever written; 0 = something of it still waits
	whole  bool   // the request is complete in the output

	answer   Answer
	answered bool  // the answer's headers are there
	room     int   // bytes of flow that are left to the answer
	err      error // how it ended badly
	done     chan struct{}
	timer    *time.Timer
}

// What a request may come to instead of an answer, besides the link's own end.
var (
	errLate    = fmt.Errorf("no answer came in time: %w", context.DeadlineExceeded)
	errRefused = errors.New("the host refused the stream")               // REFUSED_STREAM: it was not looked at
	errGone    = errors.New("the host takes no more on this connection") // GOAWAY below the stream: not looked at either
)

// mostAnswer is how much of an answer's body is kept; it is also all that the host may send without being asked for more.
const mostAnswer = 64<<10 - 1

// post sends a request on a stream that was reserved, and waits for its answer until some time. written says that the
// whole of it may have left; without that no host acted upon it.
func (l *link) post(r Request, authority string, until time.Time) (a Answer, written bool, err error) {
	s, err := l.begin(r, authority, until)
	if err != nil {
		return Answer{}, false, err
	}
	select {
	case <-s.done:
		s.timer.Stop()
	case <-s.timer.C:
		l.giveUp(s)
	}
	return l.take(s)
}

// begin opens the stream and puts the request into the output.
func (l *link) begin(r Request, authority string, until time.Time) (*stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved--
	if l.err != nil || l.leaving {
		return nil, errGone
	}
	s := l.newStream()
	s.rest, l.used = r.Body, time.Now()
	s.timer.Reset(time.Until(until))
	l.streams[s.id] = s
	l.encode(r, authority)
	l.writeHeaders(s.id, len(r.Body) == 0)
	if s.whole = len(r.Body) == 0; !s.whole {
		l.pour(s)
	}
	if s.whole {
		s.end = l.written()
	} else {
		l.blocked = append(l.blocked, s)
	}
	l.flush()
	if l.next > lastStream {
		l.leaving = true
	}
	return s, nil
}

func (l *link) newStream() (s *stream) {
	if n := len(l.spare); n > 0 {
		s, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		s = &stream{done: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	}
	*s = stream{id: l.next, window: l.perStream, room: mostAnswer, done: s.done, timer: s.timer}
	l.next += 2
	return s
}

// encode writes the header block. What comes only once is not remembered by either side (RFC 7541 section 6.2.3).
func (l *link) encode(r Request, authority string) {
	l.block.Reset()
	l.field(Field{Name: ":method", Value: "POST"})
	l.field(Field{Name: ":scheme", Value: "https"})
	l.field(Field{Name: ":authority", Value: authority})
	l.field(Field{Name: ":path", Value: r.Path, Once: true})
	for _, f := range r.Header {
		l.field(f)
	}
	l.field(Field{Name: "content-length", Value: strconv.Itoa(len(r.Body)), Once: true})
}

func (l *link) field(f Field) {
	_ = l.encoder.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value, Sensitive: f.Once})
}

// writeHeaders cuts the header block into frames that the host takes.
func (l *link) writeHeaders(id uint32, last bool) {
	block := l.block.Bytes()
	n := min(len(block), l.frameLimit)
	_ = l.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: block[:n], EndHeaders: n == len(block), EndStream: last,
	})
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n = min(len(block), l.frameLimit)
		_ = l.frames.WriteContinuation(id, n == len(block), block[:n])
	}
}

// pour writes as much of a body as the host takes now.
func (l *link) pour(s *stream) {
	for !s.whole {
		n := int(min(int64(len(s.rest)), int64(l.frameLimit), l.window, s.window))
		if n <= 0 {
			return
		}
		s.whole = n == len(s.rest)
		_ = l.frames.WriteData(s.id, s.whole, s.rest[:n])
		s.rest = s.rest[n:]
		l.window -= int64(n)
		s.window -= int64(n)
	}
}

// written is how many bytes ever went into the output.
func (l *link) written() int64 { return l.begun + int64(l.out.Len()) }

// pourAll goes on with the bodies that waited for a window.
func (l *link) pourAll() {
	l.blocked = slices.DeleteFunc(l.blocked, func(s *stream) bool {
		l.pour(s)
		if s.whole {
			s.end = l.written()
		}
		return s.whole
	})
	l.flush()
}

// giveUp ends a stream whose answer did not come in time, unless it just came.
func (l *link) giveUp(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[s.id] != s {
		return // its end is in done
	}
	l.reset(s.id, http2.ErrCodeCancel)
	l.finish(s, errLate)
}

// reset tells the host that nobody waits for a stream any more.
func (l *link) reset(id uint32, code http2.ErrCode) {
	_ = l.frames.WriteRSTStream(id, code)
	l.flush()
}

// finish ends a stream. An answer that breaks off still has its status, and that is what counts.
func (l *link) finish(s *stream, reason error) {
	if !s.answered {
		s.err = reason
	}
	delete(l.streams, s.id)
	if !s.whole {
		l.blocked = slices.DeleteFunc(l.blocked, func(other *stream) bool { return other == s })
	}
	s.done <- struct{}{}
}

// take is the end of a stream, for whoever waited for it.
func (l *link) take(s *stream) (Answer, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-s.done: // of a stream that was given up
	default:
	}
	a, written, err := s.answer, s.whole && s.end <= l.begun, s.err
	s.rest, s.answer = nil, Answer{}
	l.spare = append(l.spare, s)
	return a, written, err
}
