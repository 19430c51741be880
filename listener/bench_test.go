//go:build unix

package listener

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"heliograph/mailbox/ews"
	"heliograph/web"
)

// BenchmarkServe takes a kilobyte over TLS and answers it, by net/http's server and by ours: as fast as it comes, and at
// the rate of a million heartbeats in half an hour. cpu-µs/op is the server's alone: a process beside it is the mail server.
func BenchmarkServe(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
		defer buffers.Put(buffer)
		if _, err := readBody(r, buffer); err != nil {
			b.Error(err)
		}
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = contentType, lengthOK
		_, _ = w.Write(ews.ReplyOK)
	})
	log := slog.New(slog.DiscardHandler)
	config, _ := secured(b)
	theirs, ours := anyPort(b), anyPort(b)
	standard := web.NewServer(answer, log)
	defer standard.Close()
	go web.Serve(standard, theirs, config) //nolint:errcheck // until Close
	own := NewServer(answer, log)
	defer own.Close()
	go own.Serve(ours, config) //nolint:errcheck // until Close
	const often = 30 * time.Minute / 1_000_000
	b.Run("burst/net/http", func(b *testing.B) { serves(b, theirs, 0) })
	b.Run("burst/ours", func(b *testing.B) { serves(b, ours, 0) })
	b.Run("heartbeats/net/http", func(b *testing.B) { serves(b, theirs, often) })
	b.Run("heartbeats/ours", func(b *testing.B) { serves(b, ours, often) })
}

// postsTo, in the environment, makes of the tests a mail server: an address, how many posts, and the time between two.
const postsTo = "HELIOGRAPH_LISTENER_POSTS"

func TestMain(m *testing.M) {
	if order := os.Getenv(postsTo); order != "" {
		if err := posts(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serves has a mail server post b.N times.
func serves(b *testing.B, at net.Listener, every time.Duration) {
	b.ReportAllocs()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", postsTo, at.Addr(), b.N, every))
	child.Stderr = os.Stderr
	begin, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	said, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		b.Fatal("it never connected: ", err)
	}
	b.ResetTimer()
	before := processorTime(b)
	begin.Close()
	if err := child.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// width is how many connections a mail server has open.
const width = 64

// posts connects, says so, waits for the end of the input, and posts.
func posts(order string) error {
	var address string
	var n int
	var every time.Duration
	if _, err := fmt.Sscan(order, &address, &n, &every); err != nil {
		return err
	}
	next := make(chan struct{}, width)
	ended := make(chan error, width)
	for range width {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is ours
		if err != nil {
			return err
		}
		go func() { ended <- turns(conn, next) }()
	}
	fmt.Println("connected")
	_, _ = io.Copy(io.Discard, os.Stdin)
	begun := time.Now()
	for i := range n {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * every)))
		next <- struct{}{}
	}
	close(next)
	for range width {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// turns posts on a connection, and reads answers that are as long as the first one.
func turns(conn net.Conn, next <-chan struct{}) error {
	defer conn.Close()
	body := strings.Repeat("x", 1024)
	request := fmt.Appendf(nil, "POST /ews/AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: listener.example.com\r\nContent-Type: text/xml; charset=utf-8\r\nUser-Agent: ExchangeWebServices\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	answer := make([]byte, 4096)
	length := 0
	for range next {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		n, err := io.ReadAtLeast(conn, answer, max(length, 1))
		if err != nil {
			return err
		}
		if length == 0 {
			length = n // it comes in one record
		}
	}
	return nil
}
