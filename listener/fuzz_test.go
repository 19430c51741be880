package listener

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/web"
)

// tape is a connection whose client has said everything already, and listens to the end.
type tape struct {
	mu    sync.Mutex // net/http reads and writes at once
	said  *bytes.Reader
	heard bytes.Buffer
}

func (p *tape) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Read(b)
}

func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard.Write(b)
}

func (*tape) Close() error                     { return nil }
func (*tape) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (*tape) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (*tape) SetDeadline(time.Time) error      { return nil }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) SetWriteDeadline(time.Time) error { return nil }

// held is the memory that a connection keeps between requests, in bytes.
func (c *conn) held() int {
	return c.reader.Size() + cap(c.reply.body) + cap(c.reply.out)
}

// asked is what a handler was asked, to be compared.
func asked(r *http.Request, body []byte, err error) string {
	return fmt.Sprintf("%s %s %s %s %q %t", r.Method, r.RequestURI, r.Proto, r.Host, body, err == nil)
}

// FuzzServer says anything to a server. It answers in whole answers and keeps little; and as long as net/http's server
// takes requests, they are the same ones, and their answers have the same statuses.
func FuzzServer(f *testing.F) {
	for _, e := range exchanges() {
		if text := strings.Join(e.says, ""); len(text) < 2000 && !strings.Contains(text, "/panic") {
			f.Add([]byte(text))
		}
	}
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /a HTTP/1.1\nHost: x\nContent-Length: 1\n\na\n\nGET /b HTTP/1.1\nHost: x\n\n"))
	f.Add([]byte("CONNECT x:1 HTTP/1.1\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		if len(said) > 1<<20 {
			return
		}
		var ours []string
		c := &tape{said: bytes.NewReader(said)}
		s := NewServer(takes(&ours), slog.New(slog.DiscardHandler))
		served := newConn(s, c, nil)
		served.serve()
		if n := served.held(); n > readSize+2*answerLimit {
			t.Errorf("%d bytes are held", n)
		}
		got := answers(t, c.heard.Bytes())

		var theirs []string
		want := judged(t, said, takes(&theirs))
		if !agree(ours, theirs, got, want) {
			t.Errorf("%q\nasks us %q, answered %v\nnet/http %q, answered %v", said, ours, got, theirs, want)
		}
	})
}

// takes notes requests and answers them; those for /half are read in part.
func takes(list *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(1 << 20)
		if r.URL.Path == "/half" {
			limit = 3
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, limit))
		if r.RequestURI != "*" || r.Method != http.MethodOptions { // net/http answers that itself
			*list = append(*list, asked(r, body, err))
		}
		_, _ = io.WriteString(w, "fine")
	})
}

// judged is how net/http's server answers.
func judged(t *testing.T, said []byte, h http.Handler) (statuses []int) {
	synctest.Test(t, func(t *testing.T) {
		s, l := web.NewServer(h, slog.New(slog.DiscardHandler)), newPipes()
		go web.Serve(s, l, nil) //nolint:errcheck // until Close
		c := &tape{said: bytes.NewReader(said)}
		l.ends <- c
		time.Sleep(time.Hour) // it sleeps before it closes
		synctest.Wait()
		statuses = answers(t, c.heard.Bytes())
		s.Close()
		synctest.Wait()
	})
	return statuses
}

// answers are the statuses of what was heard, all of which is answers. What belongs to a HEAD is not known here, so its
// body is not missed.
func answers(t *testing.T, heard []byte) (statuses []int) {
	reader := bufio.NewReader(bytes.NewReader(heard))
	for {
		if _, err := reader.Peek(1); err != nil {
			return statuses
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%q is no answer: %v", heard, err)
		}
		if next, _ := reader.Peek(5); string(next) == "HTTP/" || answer.StatusCode < 200 {
			statuses = append(statuses, answer.StatusCode)
			continue // of a HEAD
		}
		_, _ = io.Copy(io.Discard, answer.Body) // of the last HEAD there is none
		statuses = append(statuses, answer.StatusCode)
	}
}

// agree compares with the judge. Where the two part, and not before, we may refuse and end: a tail shorter than it looks
// at, a Host that names nobody, the preface of HTTP/2. And it refuses a target that names a host with no Host beside.
func agree(ours, theirs []string, got, want []int) bool {
	n := min(len(ours), len(theirs))
	if !slices.Equal(ours[:n], theirs[:n]) {
		return false
	}
	if slices.Equal(got, want) {
		return len(ours) == len(theirs)
	}
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	if same == len(want)-1 && want[same] == http.StatusBadRequest {
		return strings.Contains(strings.Join(ours, " "), "://")
	}
	return same == len(got)-1 && (got[same] == http.StatusBadRequest || got[same] == http.StatusHTTPVersionNotSupported)
}
