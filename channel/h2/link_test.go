package h2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// host is the other side of a link, which a test plays frame by frame.
type host struct {
	t       *testing.T
	frames  *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	link    *link
	changes atomic.Int32
}

// play runs a test in a bubble with fake time, on a connection in memory. The host has sent its settings, and has read
// those of the link.
func play(t *testing.T, settings []http2.Setting, test func(t *testing.T, h *host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		h := &host{t: t, frames: http2.NewFramer(theirs, theirs)}
		h.frames.ReadMetaHeaders = hpack.NewDecoder(defaultTable, nil)
		h.encoder = hpack.NewEncoder(&h.block)
		h.link = newLink(ours, func() { h.changes.Add(1) })
		h.link.start()
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(theirs, preface); err != nil || string(preface) != http2.ClientPreface {
			t.Fatalf("the link began with %q, %v", preface, err)
		}
		read[*http2.SettingsFrame](h)
		h.must(h.frames.WriteSettings(settings...))
		read[*http2.SettingsFrame](h) // the link's acknowledgement
		defer func() {
			h.link.close()
			_ = theirs.Close()
		}()
		test(t, h)
	})
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// read takes the next frame, which must be of a type.
func read[F http2.Frame](h *host) F {
	h.t.Helper()
	frame, err := h.frames.ReadFrame()
	h.must(err)
	f, ok := frame.(F)
	if !ok {
		h.t.Fatalf("the link sent %v", frame)
	}
	return f
}

// answer sends headers, and the end of the stream with them if that is last.
func (h *host) answer(id uint32, last bool, fields ...string) {
	h.t.Helper()
	h.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		h.must(h.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	h.must(h.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.block.Bytes(), EndHeaders: true, EndStream: last}))
}

// posted is what became of a request.
type posted struct {
	answer  Answer
	written bool
	err     error
}

// post sends a request beside the test.
func (h *host) post(r Request) <-chan posted {
	h.t.Helper()
	if !h.link.reserve() {
		h.t.Fatal("no stream is free")
	}
	c := make(chan posted, 1)
	go func() {
		var p posted
		p.answer, p.written, p.err = h.link.post(r, "push.example.com", time.Now().Add(time.Minute))
		c <- p
	}()
	return c
}

func status(t *testing.T, p posted, want int) {
	t.Helper()
	if p.err != nil || p.answer.Status != want {
		t.Errorf("got %d, %v; want %d", p.answer.Status, p.err, want)
	}
}

func request(body string) Request {
	return Request{Path: "/3/device/aa", Body: []byte(body), Header: Header{
		{Name: "apns-topic", Value: "com.example.app"}, {Name: "authorization", Value: "bearer x", Once: true},
	}}
}

func TestRequestAndAnswer(t *testing.T) {
	play(t, nil, func(t *testing.T, h *host) {
		for range 2 {
			done := h.post(request("hello"))
			head := read[*http2.MetaHeadersFrame](h)
			var got []string
			for _, f := range head.Fields {
				got = append(got, f.Name+": "+f.Value)
				if once := f.Name == ":path" || f.Name == "authorization" || f.Name == "content-length"; f.Sensitive != once {
					t.Errorf("%s is never indexed: %t", f.Name, f.Sensitive)
				}
			}
			want := []string{":method: POST", ":scheme: https", ":authority: push.example.com", ":path: /3/device/aa",
				"apns-topic: com.example.app", "authorization: bearer x", "content-length: 5"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the request's headers (-want +got):\n%s", diff)
			}
			if body := read[*http2.DataFrame](h); string(body.Data()) != "hello" || !body.StreamEnded() {
				t.Errorf("body %q, ended: %t", body.Data(), body.StreamEnded())
			}
			id := head.StreamID
			h.answer(id, false, ":status", "103", "link", "</x>")
			h.answer(id, false, ":status", "400", "apns-id", "1")
			h.must(h.frames.WriteData(id, false, []byte(`{"reason":`)))
			h.must(h.frames.WriteDataPadded(id, false, []byte(`"BadTopic"}`), make([]byte, 9)))
			h.answer(id, true, "grpc-status", "0")
			p := <-done
			status(t, p, 400)
			if string(p.answer.Body) != `{"reason":"BadTopic"}` || p.answer.Header.Get("Apns-Id") != "1" || !p.written {
				t.Errorf("got %+v", p)
			}
		}
	})
}

// TestBadAnswers: a stream that ends badly ends alone, and the link goes on.
func TestBadAnswers(t *testing.T) {
	cases := []struct {
		name   string
		behave func(h *host, id uint32)
		reset  bool // the link resets the stream
		status int  // 0 = an error
		err    error
	}{
		{"no status", func(h *host, id uint32) { h.answer(id, true, "x", "y") }, true, 0, nil},
		{"a status that is none", func(h *host, id uint32) { h.answer(id, true, ":status", "fine") }, true, 0, nil},
		{"a body first", func(h *host, id uint32) { h.must(h.frames.WriteData(id, true, []byte("x"))) }, true, 0, nil},
		{"two statuses", func(h *host, id uint32) { h.answer(id, true, ":status", "200", ":status", "400") }, true, 0, nil},
		{"refused", func(h *host, id uint32) { h.must(h.frames.WriteRSTStream(id, http2.ErrCodeRefusedStream)) }, false, 0, errRefused},
		{"reset", func(h *host, id uint32) { h.must(h.frames.WriteRSTStream(id, http2.ErrCodeInternal)) }, false, 0, nil},
		{"reset in the middle of a body", func(h *host, id uint32) {
			h.answer(id, false, ":status", "200")
			h.must(h.frames.WriteRSTStream(id, http2.ErrCodeInternal))
		}, false, 200, nil},
		{"a stream of nobody", func(h *host, id uint32) {
			h.must(h.frames.WriteRSTStream(id+100, http2.ErrCodeInternal))
			h.must(h.frames.WriteData(id+100, true, []byte("x")))
			h.must(h.frames.WriteWindowUpdate(id+100, 5))
			h.answer(id+100, true, ":status", "200")
			h.answer(id, true, ":status", "200")
		}, false, 200, nil},
		{"a window beyond its limit", func(h *host, id uint32) {
			h.must(h.frames.WriteWindowUpdate(id, 1<<31-1))
		}, true, 0, errWindow},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, h *host) {
				done := h.post(request("x"))
				id := read[*http2.MetaHeadersFrame](h).StreamID
				read[*http2.DataFrame](h)
				c.behave(h, id)
				if c.reset {
					read[*http2.RSTStreamFrame](h)
				}
				p := <-done
				if p.answer.Status != c.status || (p.err == nil) != (c.status != 0) || c.err != nil && !errors.Is(p.err, c.err) || !p.written {
					t.Errorf("got %+v", p)
				}
				next := h.post(request(""))
				h.answer(read[*http2.MetaHeadersFrame](h).StreamID, true, ":status", "200")
				status(t, <-next, 200)
			})
		})
	}
}

// TestBrokenRules: what breaks the rules of the connection ends it, and what was written may have been acted upon.
func TestBrokenRules(t *testing.T) {
	cases := map[string]func(h *host){
		"an unknown setting's value": func(h *host) {
			h.must(h.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}))
		},
		"a promise": func(h *host) {
			h.block.Reset()
			h.must(h.encoder.WriteField(hpack.HeaderField{Name: ":method", Value: "GET"}))
			h.must(h.frames.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: h.block.Bytes(), EndHeaders: true}))
		},
		"a window beyond its limit": func(h *host) { h.must(h.frames.WriteWindowUpdate(0, 1<<31-1)) },
		"a frame that is too long": func(h *host) {
			_ = h.frames.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, defaultFrame+1))
		},
		"questions without end": func(h *host) {
			h.link.mu.Lock()
			h.link.out.Write(make([]byte, mostWaiting))
			h.link.mu.Unlock()
			h.must(h.frames.WritePing(false, [8]byte{}))
		},
		"no end of headers": func(h *host) {
			h.must(h.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}}))
			h.must(h.frames.WriteData(1, true, nil))
		},
		"headers that do not unpack": func(h *host) {
			h.must(h.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff}, EndHeaders: true}))
		},
	}
	for name, behave := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, h *host) {
				done := h.post(request("x"))
				read[*http2.MetaHeadersFrame](h)
				read[*http2.DataFrame](h)
				go func() { _, _ = io.Copy(io.Discard, readerOf(h)) }()
				behave(h)
				if p := <-done; p.err == nil || !p.written {
					t.Errorf("got %+v", p)
				}
				synctest.Wait()
				if h.link.failed() == nil || h.link.reserve() || h.changes.Load() == 0 {
					t.Errorf("the link goes on: %v", h.link.failed())
				}
			})
		})
	}
}

// readerOf swallows what the link still says.
func readerOf(h *host) io.Reader { return frameReader{h.frames} }

type frameReader struct{ frames *http2.Framer }

func (r frameReader) Read([]byte) (int, error) {
	_, err := r.frames.ReadFrame()
	return 0, err
}

func TestFirstFrame(t *testing.T) {
	ours, theirs := net.Pipe()
	l := newLink(ours, func() {})
	l.start()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	if err := http2.NewFramer(theirs, nil).WritePing(false, [8]byte{}); err != nil {
		t.Fatal(err)
	}
	<-l.ended
	if err := l.failed(); err == nil || !strings.Contains(err.Error(), "settings") {
		t.Errorf("ended with %v", err)
	}
}

// TestWindows: bodies go out as far as the host allows, in pieces, and go on where they stopped.
func TestWindows(t *testing.T) {
	narrow := []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 4}}
	play(t, narrow, func(t *testing.T, h *host) {
		done := h.post(request("0123456789"))
		id := read[*http2.MetaHeadersFrame](h).StreamID
		piece := func(want string, last bool) {
			t.Helper()
			if f := read[*http2.DataFrame](h); string(f.Data()) != want || f.StreamEnded() != last {
				t.Errorf("got %q, last: %t; want %q, %t", f.Data(), f.StreamEnded(), want, last)
			}
		}
		piece("0123", false)
		// The window becomes less than nothing, so that what is given first goes unused.
		h.must(h.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}))
		read[*http2.SettingsFrame](h)
		h.must(h.frames.WriteWindowUpdate(id, 3))
		h.must(h.frames.WritePing(false, [8]byte{1}))
		read[*http2.PingFrame](h) // and no piece before it
		h.must(h.frames.WriteWindowUpdate(id, 5))
		piece("45678", false)
		h.must(h.frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}))
		read[*http2.SettingsFrame](h)
		piece("9", true)
		h.answer(id, true, ":status", "200")
		status(t, <-done, 200)
	})
}

// TestWindowOfConnection: all bodies share one window.
func TestWindowOfConnection(t *testing.T) {
	play(t, nil, func(t *testing.T, h *host) {
		body := strings.Repeat("x", 40_000)
		one, two := h.post(request(body)), h.post(request(body))
		took := map[uint32]int{}
		take := func(until int) {
			for sum := 0; sum < until; {
				frame, err := h.frames.ReadFrame()
				h.must(err)
				if f, ok := frame.(*http2.DataFrame); ok {
					if len(f.Data()) > defaultFrame {
						t.Errorf("a frame of %d bytes", len(f.Data()))
					}
					sum += len(f.Data())
					took[f.StreamID] += len(f.Data())
				}
			}
		}
		take(defaultWindow)
		h.must(h.frames.WritePing(false, [8]byte{1}))
		read[*http2.PingFrame](h) // nothing more comes
		h.must(h.frames.WriteWindowUpdate(0, 100_000))
		take(80_000 - defaultWindow)
		for id, n := range took {
			if n != 40_000 {
				t.Errorf("%d bytes of stream %d", n, id)
			}
			h.answer(id, true, ":status", "200")
		}
		status(t, <-one, 200)
		status(t, <-two, 200)
	})
}

// TestEarlyAnswer: who answers before the whole request is there does not want the rest.
func TestEarlyAnswer(t *testing.T) {
	play(t, []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1}}, func(t *testing.T, h *host) {
		done := h.post(request("long"))
		id := read[*http2.MetaHeadersFrame](h).StreamID
		read[*http2.DataFrame](h)
		h.answer(id, true, ":status", "413")
		if f := read[*http2.RSTStreamFrame](h); f.StreamID != id {
			t.Errorf("stream %d was reset", f.StreamID)
		}
		p := <-done
		status(t, p, 413)
		if p.written {
			t.Error("half a request counts as written")
		}
	})
}

// TestLongAnswer: a body is kept up to a limit, and the host gets its room back.
func TestLongAnswer(t *testing.T) {
	play(t, nil, func(t *testing.T, h *host) {
		for range 3 {
			done := h.post(request(""))
			id := read[*http2.MetaHeadersFrame](h).StreamID
			h.answer(id, false, ":status", "500")
			var room int
			for sent := 0; sent < mostAnswer; {
				n := min(defaultFrame, mostAnswer-sent)
				go func() { h.must(h.frames.WriteData(id, false, make([]byte, n))) }()
				synctest.Wait()
				sent += n
			}
			for {
				frame, err := h.frames.ReadFrame()
				h.must(err)
				if f, ok := frame.(*http2.WindowUpdateFrame); ok {
					room += int(f.Increment)
				}
				if f, ok := frame.(*http2.RSTStreamFrame); ok && f.StreamID == id {
					break
				}
			}
			p := <-done
			status(t, p, 500)
			if len(p.answer.Body) != mostAnswer || room < mostAnswer/2 {
				t.Errorf("%d bytes of the body, room for %d was given back", len(p.answer.Body), room)
			}
		}
	})
}

// TestLate: who waited long enough takes the stream back, and says so to the host.
func TestLate(t *testing.T) {
	play(t, nil, func(t *testing.T, h *host) {
		done := h.post(request("x"))
		id := read[*http2.MetaHeadersFrame](h).StreamID
		read[*http2.DataFrame](h)
		if f := read[*http2.RSTStreamFrame](h); f.StreamID != id || f.ErrCode != http2.ErrCodeCancel {
			t.Errorf("got %v", f)
		}
		if p := <-done; !errors.Is(p.err, errLate) || !p.written {
			t.Errorf("got %+v", p)
		}
		h.answer(id, true, ":status", "200") // too late, and it harms nobody
		next := h.post(request(""))
		h.answer(read[*http2.MetaHeadersFrame](h).StreamID, true, ":status", "200")
		status(t, <-next, 200)
	})
}

// TestUnwritten: of a request that waits behind a write that does not end, the host knows nothing.
func TestUnwritten(t *testing.T) {
	play(t, nil, func(t *testing.T, h *host) {
		stuck := h.post(request("x")) // nobody reads it
		synctest.Wait()
		waits := h.post(request("y"))
		if p := <-stuck; !errors.Is(p.err, errLate) || !p.written {
			t.Errorf("the first: %+v", p)
		}
		if p := <-waits; !errors.Is(p.err, errLate) || p.written {
			t.Errorf("the second: %+v", p)
		}
	})
}

// TestTogether: requests that come while the link writes go out in one write.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		counted := &countingConn{Conn: ours}
		l := newLink(counted, func() {})
		l.start()
		synctest.Wait() // the link writes its preface, and nobody reads
		var wg sync.WaitGroup
		for range 50 {
			if !l.reserve() {
				t.Fatal("no stream is free")
			}
			wg.Go(func() { _, _, _ = l.post(request("x"), "push.example.com", time.Now().Add(time.Minute)) })
		}
		synctest.Wait()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		synctest.Wait()
		if n := counted.writes.Load(); n != 2 {
			t.Errorf("%d writes for the preface and 50 requests", n)
		}
		l.close()
		_ = theirs.Close()
		wg.Wait()
	})
}

type countingConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func TestStreamsAllowed(t *testing.T) {
	play(t, []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 2}}, func(t *testing.T, h *host) {
		l := h.link
		for i := range 3 {
			if l.reserve() != (i < 2) {
				t.Error("not two streams")
			}
		}
		before := h.changes.Load()
		h.must(h.frames.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 3}))
		read[*http2.SettingsFrame](h)
		synctest.Wait()
		if h.changes.Load() == before || !l.reserve() || l.reserve() {
			t.Error("not three streams")
		}
		l.release()
		h.must(h.frames.WriteGoAway(0, http2.ErrCodeNo, nil))
		synctest.Wait()
		if l.reserve() || !l.spent() {
			t.Error("a stream after GOAWAY")
		}
	})
}

// TestSilence: a connection that a firewall has forgotten is found, and one that nobody uses is closed.
func TestSilence(t *testing.T) {
	t.Run("no answer to a ping", func(t *testing.T) {
		play(t, nil, func(t *testing.T, h *host) {
			start := time.Now()
			read[*http2.PingFrame](h)
			<-h.link.ended
			if after := time.Since(start); after != pingAfter+pingTimeout {
				t.Errorf("ended after %s", after)
			}
		})
	})
	t.Run("idle", func(t *testing.T) {
		play(t, nil, func(t *testing.T, h *host) {
			start := time.Now()
			go func() {
				for {
					frame, err := h.frames.ReadFrame()
					if err != nil {
						return
					}
					if f, ok := frame.(*http2.PingFrame); ok {
						_ = h.frames.WritePing(true, f.Data)
					}
				}
			}()
			<-h.link.ended
			if after := time.Since(start); after < idleLimit || after > idleLimit+2*pingAfter {
				t.Errorf("closed after %s", after)
			}
		})
	})
}

// TestHeaderTable: the host says how much of headers is remembered.
func TestHeaderTable(t *testing.T) {
	play(t, []http2.Setting{{ID: http2.SettingHeaderTableSize, Val: 0}}, func(t *testing.T, h *host) {
		h.frames.ReadMetaHeaders.SetAllowedMaxDynamicTableSize(0)
		for range 2 {
			done := h.post(request(""))
			head := read[*http2.MetaHeadersFrame](h)
			if len(head.Fields) != 7 {
				t.Errorf("got %v", head.Fields)
			}
			h.answer(head.StreamID, true, ":status", "200")
			status(t, <-done, 200)
		}
	})
}

// TestLongHeaders: a header block that is longer than a frame goes on in others.
func TestLongHeaders(t *testing.T) {
	play(t, nil, func(t *testing.T, h *host) {
		r := request("")
		r.Header = append(r.Header, Field{Name: "x", Value: strings.Repeat("\x7f", 20_000), Once: true})
		h.frames.ReadMetaHeaders.SetMaxStringLength(1 << 20)
		h.frames.ReadMetaHeaders = nil
		done := h.post(r)
		head := read[*http2.HeadersFrame](h)
		if head.HeadersEnded() || !head.StreamEnded() {
			t.Error("the first frame says that it is all")
		}
		var last bool
		for !last {
			last = read[*http2.ContinuationFrame](h).HeadersEnded()
		}
		h.answer(head.StreamID, true, ":status", "431")
		status(t, <-done, 431)
	})
}

// script is a connection on which the host says what it says, whatever is written.
type script struct {
	net.Conn
	said *bytes.Reader
}

func (s script) Read(b []byte) (int, error)  { return s.said.Read(b) }
func (s script) Write(b []byte) (int, error) { return len(b), nil }
func (s script) Close() error                { return nil }

// FuzzHost: whatever a host says, every request ends, once.
func FuzzHost(f *testing.F) {
	var said bytes.Buffer
	frames := http2.NewFramer(&said, nil)
	_ = frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2})
	_ = frames.WriteWindowUpdate(1, 100)
	_ = frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}, EndHeaders: true})
	_ = frames.WriteData(1, true, []byte("{}"))
	f.Add(bytes.Clone(said.Bytes()))
	_ = frames.WriteRSTStream(3, http2.ErrCodeRefusedStream)
	_ = frames.WriteGoAway(1, http2.ErrCodeNo, nil)
	f.Add(bytes.Clone(said.Bytes()))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		l := newLink(script{said: bytes.NewReader(said)}, func() {})
		var wg sync.WaitGroup
		for range 3 {
			if !l.reserve() {
				t.Fatal("no stream is free before the host said anything")
			}
			wg.Go(func() { _, _, _ = l.post(request("body"), "push.example.com", time.Now().Add(time.Hour)) })
		}
		l.start()
		wg.Wait()
		<-l.ended // the script is over
	})
}
