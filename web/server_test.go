package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener in memory: what waits for it waits in fake time.
type pipes struct {
	ends   chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func newPipes() *pipes {
	p := &pipes{ends: make(chan net.Conn)}
	p.closed, p.close = context.WithCancel(context.Background())
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ends:
		return c, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.ends <- theirs
	return ours
}

// attack connects to a server of h in fake time.
func attack(t *testing.T, h http.HandlerFunc, do func(t *testing.T, c net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		server := NewServer(h, slog.New(slog.DiscardHandler))
		done := make(chan error, 1)
		go func() { done <- Serve(server, listener, nil) }()
		c := listener.dial()
		do(t, c)
		c.Close()
		time.Sleep(time.Minute) // a refused connection is closed with care
		server.Close()
		if err := <-done; err != nil {
			t.Error("Serve:", err)
		}
	})
}

// trickle writes text one byte a second, and says how long the server took that.
func trickle(c net.Conn, text string) time.Duration {
	start := time.Now()
	for i := range len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			break
		}
		time.Sleep(time.Second)
	}
	return time.Since(start)
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	attack(t, func(http.ResponseWriter, *http.Request) { t.Error("there was no whole request") }, func(t *testing.T, c net.Conn) {
		go io.Copy(io.Discard, c) //nolint:errcheck // the answer does not matter
		if took := trickle(c, "GET / HTTP/1.1\r\nX-Slow: "+strings.Repeat("x", 500)); took > HeaderTime+time.Second {
			t.Errorf("it was borne for %s", took)
		}
	})
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	attack(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Error("the body came to its end")
		}
	}, func(t *testing.T, c net.Conn) {
		go io.Copy(io.Discard, c) //nolint:errcheck // the answer does not matter
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n")
		if took := trickle(c, strings.Repeat("x", 500)); took > ReadTime+2*time.Second {
			t.Errorf("it was borne for %s", took)
		}
	})
}

func TestSlowReadersAreCutOff(t *testing.T) {
	var borne time.Duration
	attack(t, func(w http.ResponseWriter, _ *http.Request) {
		start := time.Now()
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				break
			}
		}
		borne = time.Since(start)
	}, func(t *testing.T, c net.Conn) {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		drip(c)
		synctest.Wait()
		if took := borne; took > WriteTime+time.Second {
			t.Errorf("it was borne for %s", took)
		}
	})
}

// drip reads one byte a second until the other end closes.
func drip(c net.Conn) {
	b := make([]byte, 1)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	attack(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, c net.Conn) {
		start := time.Now()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > IdleTime {
			t.Errorf("it was kept for %s", took)
		}
	})
}

func TestManyHeadersAreRefused(t *testing.T) {
	attack(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler was asked") }, func(t *testing.T, c net.Conn) {
		go func() {
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n")
			for i := range 100_000 {
				if _, err := fmt.Fprintf(c, "X-%d: 1\r\n", i); err != nil {
					return
				}
			}
		}()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("answered %s", answer.Status)
		}
	})
}

// A stream may take longer than any other request, if it moves.
func TestPatientStreams(t *testing.T) {
	for _, c := range []struct {
		name      string
		chunk     int
		every     time.Duration
		want      bool
		atMost    time.Duration
		handlerIs time.Duration // slow itself, for each chunk
	}{
		{"moves", 64 << 10, 10 * time.Second, true, time.Hour, 0},
		{"stands still", 64 << 10, 40 * time.Second, false, 40 * time.Second, 0},
		{"moves by single bytes", 1, 10 * time.Second, false, 50 * time.Second, 0},
		{"is taken slowly by ourselves", 1024, time.Second, true, 2 * time.Hour, 20 * time.Second},
	} {
		t.Run("upload "+c.name, func(t *testing.T) {
			var ended error
			attack(t, func(w http.ResponseWriter, r *http.Request) {
				_, r = Patient(w, r)
				ended = readSlowly(r.Body, c.chunk, c.handlerIs)
			}, func(t *testing.T, conn net.Conn) {
				const chunks = 60
				go func() {
					fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", chunks*c.chunk)
					for range chunks {
						if _, err := conn.Write(make([]byte, c.chunk)); err != nil {
							break
						}
						time.Sleep(c.every)
					}
				}()
				start := time.Now()
				_, _ = io.Copy(io.Discard, conn) // until the server closes
				synctest.Wait()
				if (ended == nil) != c.want {
					t.Errorf("it ended with %v", ended)
				}
				if took := time.Since(start); took > c.atMost {
					t.Errorf("it was borne for %s", took)
				}
			})
		})
	}
}

func readSlowly(r io.Reader, chunk int, each time.Duration) error {
	for {
		_, err := io.ReadFull(r, make([]byte, chunk))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		time.Sleep(each)
	}
}

func TestPatientAnswersEnd(t *testing.T) {
	var borne time.Duration
	attack(t, func(w http.ResponseWriter, r *http.Request) {
		w, _ = Patient(w, r)
		start := time.Now()
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				break
			}
		}
		borne = time.Since(start)
	}, func(t *testing.T, c net.Conn) {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		drip(c)
		synctest.Wait()
		if took := borne; took > 2*stall {
			t.Errorf("a reader of one byte a second was borne for %s", took)
		}
	})
}
