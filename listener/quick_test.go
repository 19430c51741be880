package listener

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair are both ends of a TCP connection; the first is quick.
func pair(t *testing.T) (q, other *net.TCPConn, ours net.Conn) {
	t.Helper()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	far, err := net.Dial("tcp", port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := port.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near.(*net.TCPConn), far.(*net.TCPConn), quick(near)
}

// TestQuick: a connection that is read and written past the runtime behaves as any other.
func TestQuick(t *testing.T) {
	t.Run("more than fits, both ways at once", func(t *testing.T) {
		_, far, q := pair(t)
		sent := make([]byte, 8<<20)
		rand.Read(sent) //nolint:errcheck // never fails (crypto/rand)
		failed := make(chan error, 3)
		go func() { _, err := q.Write(sent); failed <- err }()
		go func() { _, err := far.Write(sent); failed <- err }()
		go func() {
			got := make([]byte, len(sent))
			_, err := io.ReadFull(far, got)
			if err == nil && !bytes.Equal(got, sent) {
				err = errors.New("what was written is not what was read")
			}
			failed <- err
		}()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(q, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("what was read is not what was written: %v", err)
		}
		for range 3 {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("nothing", func(t *testing.T) {
		_, _, q := pair(t)
		if n, err := q.Read(nil); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := q.Write(nil); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("the end", func(t *testing.T) {
		_, far, q := pair(t)
		_ = far.CloseWrite()
		if n, err := q.Read(make([]byte, 9)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d, %v", n, err)
		}
		if _, err := q.Write([]byte("still heard")); err != nil {
			t.Error(err)
		}
	})
	t.Run("a deadline that is over, and one that comes", func(t *testing.T) {
		_, far, q := pair(t)
		_ = q.SetReadDeadline(time.Unix(1, 0))
		wantLate(t, q)
		_ = q.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		wantLate(t, q)
		_ = q.SetReadDeadline(time.Time{})
		_, _ = far.Write([]byte("x"))
		if n, err := q.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("a deadline moved by another", func(t *testing.T) {
		near, _, q := pair(t)
		go near.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // the read tells
		wantLate(t, q)
	})
	t.Run("nobody reads", func(t *testing.T) {
		_, _, q := pair(t)
		_ = q.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		n, err := q.Write(make([]byte, 64<<20))
		if n == 0 || n == 64<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("the other is gone", func(t *testing.T) {
		_, far, q := pair(t)
		_ = far.SetLinger(0)
		far.Close()
		_, err := q.Read(make([]byte, 9))
		var broken *net.OpError
		if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &broken) {
			t.Errorf("reading: %v", err)
		}
		if _, err := q.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) || !errors.As(err, &broken) {
			t.Errorf("writing: %v", err)
		}
	})
	t.Run("closed here", func(t *testing.T) {
		_, _, q := pair(t)
		q.Close()
		if _, err := q.Read(make([]byte, 9)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading: %v", err)
		}
		if _, err := q.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing: %v", err)
		}
	})
	t.Run("of another kind", func(t *testing.T) {
		one, two := net.Pipe()
		defer two.Close()
		if quick(one) != one {
			t.Error("a pipe has no socket")
		}
	})
}

func wantLate(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := c.Read(make([]byte, 9))
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
