package smtp

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/message"
)

// fastServer takes every mail as quickly as it can, for measuring the client and for crowds of sessions.
type fastServer struct {
	net.Listener

	mu       sync.Mutex
	sessions int            // connections so far
	mails    map[string]int // by recipient
	refuse   int            // connections from the one with this number on get 421; 0 = none
	conns    sync.WaitGroup
}

func listenFast() (*fastServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	return &fastServer{Listener: l, mails: map[string]int{}}, err
}

// serve runs until the listener is closed and all clients are gone.
func (s *fastServer) serve() {
	for {
		conn, err := s.Accept()
		if err != nil {
			break
		}
		s.mu.Lock()
		s.sessions++
		full := s.refuse > 0 && s.sessions >= s.refuse
		s.mu.Unlock()
		s.conns.Go(func() {
			defer conn.Close()
			if full {
				fmt.Fprint(conn, "421 4.3.2 Too many connections\r\n")
				return
			}
			s.talk(bufio.NewReader(conn), bufio.NewWriter(conn))
		})
	}
	s.conns.Wait()
}

func (s *fastServer) talk(in *bufio.Reader, out *bufio.Writer) {
	out.WriteString("220 fast ESMTP\r\n")
	var to [][]byte
	data := false
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case data && string(line) == ".\r\n":
			data = false
			s.keep(to)
			out.WriteString("250 2.0.0 Ok: queued as 4cXyZ123\r\n")
		case data:
		case bytes.HasPrefix(line, []byte("EHLO")):
			out.WriteString("250-fast\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			data = true
			out.WriteString("354 go on\r\n")
		case bytes.HasPrefix(line, []byte("MAIL")):
			to = to[:0]
			out.WriteString("250 2.1.0 Ok\r\n")
		case bytes.HasPrefix(line, []byte("RCPT")):
			to = append(to, bytes.Clone(line))
			out.WriteString("250 2.1.5 Ok\r\n")
		default:
			out.WriteString("250 2.0.0 Ok\r\n")
		}
	}
}

func (s *fastServer) keep(to [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range to {
		s.mails[strings.TrimSuffix(strings.TrimPrefix(string(path), "RCPT TO:<"), ">\r\n")]++
	}
}

func (s *fastServer) port() int { return s.Addr().(*net.TCPAddr).Port }

// startFast runs a fast server for a test.
func startFast(t *testing.T, refuse int) *fastServer {
	t.Helper()
	s, err := listenFast()
	if err != nil {
		t.Fatal(err)
	}
	s.refuse = refuse
	done := make(chan struct{})
	go func() { s.serve(); close(done) }()
	t.Cleanup(func() { s.Close(); <-done })
	return s
}

// TestCrowd: a large batch goes over several sessions, and each message goes once.
func TestCrowd(t *testing.T) {
	for _, refuse := range []int{0, 2} {
		t.Run(fmt.Sprintf("421 from session %d on", refuse), func(t *testing.T) {
			s := startFast(t, refuse)
			sender, err := fastSettings(s.port()).Open(channel.Env{})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			batch := crowd(500)
			for i, o := range sender.Send(t.Context(), batch) {
				if !o.Accepted {
					t.Fatalf("message %d: %s", i, inWords(o))
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, m := range batch {
				if s.mails[m.Address] != 1 {
					t.Errorf("%s got %d mails", m.Address, s.mails[m.Address])
				}
			}
			if s.sessions > sessionLimit {
				t.Errorf("%d sessions", s.sessions)
			}
		})
	}
}

// TestSendsAtOnce: Send may be called from several goroutines, and all share the sessions.
func TestSendsAtOnce(t *testing.T) {
	s := startFast(t, 0)
	sender, err := fastSettings(s.port()).Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	var sends sync.WaitGroup
	for range 10 {
		sends.Go(func() {
			for i, o := range sender.Send(t.Context(), crowd(100)) {
				if !o.Accepted {
					t.Errorf("message %d: %s", i, inWords(o))
				}
			}
		})
	}
	sends.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions > sessionLimit {
		t.Errorf("%d sessions, want %d at most", s.sessions, sessionLimit)
	}
}

func fastSettings(port int) *Settings {
	set := settings()
	set.Host, set.Port = "127.0.0.1", port
	return &set
}

func crowd(n int) []message.Message {
	batch := make([]message.Message, n)
	for i := range batch {
		batch[i] = message.Message{
			ID: message.DeliveryID(1<<40 + i), Channel: message.SMTP, Address: fmt.Sprintf("user%05d@corp.test", i),
			Subject: fmt.Sprintf("Your phone %d needs an update", i),
			Text: fmt.Sprintf("Hello user %d,\n\n", i) + strings.Repeat("Your device has not reported for several days. Please open the app.\n", 6) +
				"\nBest regards — the service desk\n",
		}
	}
	return batch
}

// servePeer is the variable that makes the test program a fast server, in a process of its own.
const servePeer = "HELIOGRAPH_TEST_FAST_SMTP"

func TestMain(m *testing.M) {
	if os.Getenv(servePeer) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	s, err := listenFast()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.port())
	s.serve()
}

// BenchmarkPersonal sends 10,000 personal mails a round and reports the processor time of this process for each; the
// server is a process of its own.
func BenchmarkPersonal(b *testing.B) {
	benchmark(b, crowd(10_000))
}

// BenchmarkShared sends mails of one text to 100 recipients each.
func BenchmarkShared(b *testing.B) {
	batch := crowd(10_000)
	for i := range batch {
		batch[i].Shared, batch[i].Text, batch[i].Subject = "0190.en", batch[0].Text, batch[0].Subject
	}
	benchmark(b, batch)
}

func benchmark(b *testing.B, batch []message.Message) {
	sender, err := fastSettings(peerProcess(b)).Open(channel.Env{})
	if err != nil {
		b.Fatal(err)
	}
	defer sender.Close()
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	for range b.N {
		for start := 0; start < len(batch); start += Provider.Batch {
			for _, o := range sender.Send(b.Context(), batch[start:start+Provider.Batch]) {
				if !o.Accepted {
					b.Fatal(inWords(o))
				}
			}
		}
	}
	n := float64(b.N) * float64(len(batch))
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/1000/n, "cpu-µs/mail")
	b.ReportMetric(n/b.Elapsed().Seconds(), "mails/s")
}

func peerProcess(b *testing.B) (port int) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), servePeer+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := fmt.Fscan(out, &port); err != nil {
		b.Fatal(err)
	}
	return port
}

// processorTime is what this process has used, in user and kernel.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
