package h2

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// read is the goroutine that reads, up to the link's end.
func (l *link) read() {
	frames := http2.NewFramer(nil, bufio.NewReaderSize(l.conn, 16<<10))
	frames.SetReuseFrames()
	frames.SetMaxReadFrameSize(defaultFrame)
	frames.ReadMetaHeaders = hpack.NewDecoder(defaultTable, nil)
	frames.MaxHeaderListSize = mostHeaderBytes
	for {
		frame, err := frames.ReadFrame()
		var of http2.StreamError
		switch {
		case errors.As(err, &of):
			l.spoilt(of)
		case err != nil:
			l.end(err)
			return
		default:
			if err := l.handle(frame); err != nil {
				l.end(err)
				return
			}
		}
	}
}

// spoilt ends a stream on which the host broke the rules.
func (l *link) spoilt(e http2.StreamError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reset(e.StreamID, e.Code)
	if s, ok := l.streams[e.StreamID]; ok {
		l.finish(s, e)
	}
}

// mostWaiting is how much output may wait for a host that does not read: more than all requests of a connection take.
const mostWaiting = 16 << 20

func (l *link) handle(frame http2.Frame) (err error) {
	changed := false
	l.mu.Lock()
	l.heard = time.Now()
	if _, ok := frame.(*http2.SettingsFrame); !ok && !l.greeted { // RFC 9113 section 3.4
		l.mu.Unlock()
		return errors.New("the host did not begin with its settings")
	}
	l.greeted = true
	switch f := frame.(type) {
	case *http2.MetaHeadersFrame:
		l.headers(f)
	case *http2.DataFrame:
		l.data(f)
	case *http2.RSTStreamFrame:
		l.wasReset(f)
	case *http2.SettingsFrame:
		changed, err = !f.IsAck(), l.settings(f)
	case *http2.WindowUpdateFrame:
		err = l.widen(f)
	case *http2.PingFrame:
		l.ping(f)
	case *http2.GoAwayFrame:
		l.goAway(f)
		changed = true
	case *http2.PushPromiseFrame:
		err = errors.New("the host promised a push, which was forbidden to it")
	}
	if l.out.Len() > mostWaiting {
		err = errors.New("the host asks for answers and does not read them")
	}
	l.mu.Unlock()
	if changed {
		l.changed()
	}
	return err
}

// headers are an answer's; those after its body say nothing that counts.
func (l *link) headers(f *http2.MetaHeadersFrame) {
	s, ok := l.streams[f.StreamID]
	if !ok {
		return
	}
	if !s.answered {
		status, err := strconv.Atoi(f.PseudoValue("status"))
		if err != nil {
			l.reset(s.id, http2.ErrCodeProtocol)
			l.finish(s, errors.New("the host answered without a status"))
			return
		}
		if status < 200 && !f.StreamEnded() {
			return // 1xx: the answer comes later
		}
		s.answered = true
		s.answer.Status, s.answer.Header = status, fieldsOf(f)
	}
	if f.StreamEnded() {
		l.complete(s)
	}
}

func fieldsOf(f *http2.MetaHeadersFrame) Header {
	fields := f.RegularFields()
	header := make(Header, len(fields))
	for i, field := range fields {
		header[i] = Field{Name: field.Name, Value: field.Value}
	}
	return header
}

// data is a part of an answer's body. Its room is given back to the host: to the connection, for a stream needs no more
// than it has from the start.
func (l *link) data(f *http2.DataFrame) {
	if l.unread += int(f.Length); l.unread > defaultWindow/2 {
		_ = l.frames.WriteWindowUpdate(0, uint32(l.unread)) //nolint:gosec // a frame or two
		l.unread = 0
		l.flush()
	}
	s, ok := l.streams[f.StreamID]
	if !ok {
		return
	}
	if !s.answered {
		l.reset(s.id, http2.ErrCodeProtocol)
		l.finish(s, errors.New("the host sent a body before its headers"))
		return
	}
	s.answer.Body = append(s.answer.Body, f.Data()...)
	s.room -= int(f.Length)
	switch {
	case f.StreamEnded():
		l.complete(s)
	case s.room <= 0: // the rest is not wanted
		l.reset(s.id, http2.ErrCodeCancel)
		l.finish(s, nil)
	}
}

// complete ends a stream whose answer is whole. A host that did not wait for the request's end does not want it.
func (l *link) complete(s *stream) {
	if !s.whole {
		l.reset(s.id, http2.ErrCodeCancel)
	}
	l.finish(s, nil)
}

func (l *link) wasReset(f *http2.RSTStreamFrame) {
	s, ok := l.streams[f.StreamID]
	switch {
	case !ok:
	case f.ErrCode == http2.ErrCodeRefusedStream:
		s.answered = false
		l.finish(s, errRefused)
	default:
		l.finish(s, fmt.Errorf("the host reset the stream: %s", f.ErrCode))
	}
}

// settings takes the host's wishes (RFC 9113 section 6.5.2).
func (l *link) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingMaxConcurrentStreams:
			l.most = int(min(s.Val, lastStream))
		case http2.SettingMaxFrameSize:
			l.frameLimit = int(s.Val)
		case http2.SettingHeaderTableSize:
			l.encoder.SetMaxDynamicTableSizeLimit(s.Val)
			l.encoder.SetMaxDynamicTableSize(min(s.Val, defaultTable))
		case http2.SettingInitialWindowSize:
			l.resize(int64(s.Val))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_ = l.frames.WriteSettingsAck()
	l.pourAll()
	return nil
}

// resize changes what streams may send, also those that are open: it may become less than nothing (section 6.9.2).
func (l *link) resize(window int64) {
	for _, s := range l.streams {
		s.window += window - l.perStream
	}
	l.perStream = window
}

var errWindow = errors.New("the host widened a window beyond its limit")

func (l *link) widen(f *http2.WindowUpdateFrame) error {
	const most = 1<<31 - 1 // RFC 9113 section 6.9.1
	if f.StreamID == 0 {
		if l.window += int64(f.Increment); l.window > most {
			return errWindow
		}
	} else if s, ok := l.streams[f.StreamID]; ok {
		if s.window += int64(f.Increment); s.window > most {
			l.reset(s.id, http2.ErrCodeFlowControl)
			l.finish(s, errWindow)
		}
	}
	l.pourAll()
	return nil
}

func (l *link) ping(f *http2.PingFrame) {
	if f.IsAck() {
		l.pinged = time.Time{}
		l.watcher.Reset(pingAfter)
		return
	}
	_ = l.frames.WritePing(true, f.Data)
	l.flush()
}

// goAway ends the streams that the host says it did not look at, and takes no new ones.
func (l *link) goAway(f *http2.GoAwayFrame) {
	l.leaving = true
	for id, s := range l.streams {
		if id > f.LastStreamID {
			s.answered = false
			l.finish(s, errGone)
		}
	}
}
