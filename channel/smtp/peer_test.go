package smtp

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"heliograph/channel"
	"heliograph/message"
)

// peer is a mail server that follows a script, one for each connection, in order. Lines of a script:
//
//	S text   says text; \r\n in it is a line end
//	C text   expects a line that begins with text
//	empty    expects an empty line
//	mail     reads a mail up to its final dot and keeps it
//	hang     says nothing more until the client goes
//	wait     calls the test back
//	close    closes the connection, as the end of a script does
//	quit     takes QUIT or the end of the connection
//
// At the end of a script the connection is closed.
type peer struct {
	t       *testing.T
	scripts []string

	wait func() // called by "wait"

	mu    sync.Mutex
	next  int
	mails []string
	heard [][]string // lines of the client, for each connection
	done  sync.WaitGroup
}

func newPeer(t *testing.T, scripts ...string) *peer {
	return &peer{t: t, scripts: scripts, heard: make([][]string, len(scripts))}
}

// dial is a connection to the peer, without a network.
func (p *peer) dial(context.Context) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.next
	if n == len(p.scripts) {
		p.t.Errorf("connection %d was not expected", n+1)
		return nil, serverDown("connect", message.Unreachable, "No script.")
	}
	p.next++
	ours, theirs := net.Pipe()
	p.done.Go(func() {
		defer theirs.Close()
		if err := p.play(n, theirs); err != nil {
			p.t.Errorf("connection %d: %v", n+1, err)
		}
	})
	return ours, nil
}

func (p *peer) play(n int, conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 1<<16)
	for line := range strings.SplitSeq(strings.TrimSpace(p.scripts[n]), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := p.step(n, conn, in, word, rest); err != nil {
			return fmt.Errorf("at %q: %w", line, err)
		}
	}
	return nil
}

func (p *peer) step(n int, conn net.Conn, in *bufio.Reader, word, rest string) error {
	switch word {
	case "S":
		_, err := conn.Write([]byte(strings.ReplaceAll(rest, `\r\n`, "\r\n") + "\r\n"))
		return err
	case "C":
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		return p.expect(n, line, rest)
	case "empty":
		line, err := in.ReadString('\n')
		if err == nil && line != "\r\n" {
			return fmt.Errorf("got %q", line)
		}
		return err
	case "mail":
		return p.readMail(in)
	case "wait":
		p.wait()
		return nil
	case "close":
		return nil
	case "hang":
		for {
			if _, err := in.ReadByte(); err != nil {
				return nil
			}
		}
	case "quit":
		line, err := in.ReadString('\n')
		if err == nil && line != "QUIT\r\n" {
			return fmt.Errorf("got %q", line)
		}
		return nil
	default:
		return fmt.Errorf("unknown word %q", word)
	}
}

func (p *peer) expect(n int, line, want string) error {
	text, found := strings.CutSuffix(line, "\r\n")
	if !found || !strings.HasPrefix(text, want) {
		return fmt.Errorf("got %q", line)
	}
	p.mu.Lock()
	p.heard[n] = append(p.heard[n], text)
	p.mu.Unlock()
	return nil
}

// readMail takes CRLF.CRLF for the end, and nothing else.
func (p *peer) readMail(in *bufio.Reader) error {
	var mail strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if line == ".\r\n" {
			break
		}
		mail.WriteString(line)
	}
	p.mu.Lock()
	p.mails = append(p.mails, mail.String())
	p.mu.Unlock()
	return nil
}

// finish waits for the scripts to end and checks that all were needed.
func (p *peer) finish() {
	p.done.Wait()
	if p.next != len(p.scripts) {
		p.t.Errorf("%d connections were made, want %d", p.next, len(p.scripts))
	}
}

// settings are those that most tests use.
func settings(change ...func(*Settings)) Settings {
	s := *defaults()
	s.Host, s.FromName, s.FromEmail = "mail.corp.test", "Corp IT", "it@corp.test"
	for _, c := range change {
		c(&s)
	}
	return s
}

// senderTo makes a sender that talks to p.
func senderTo(t *testing.T, p *peer, s Settings) *sender {
	t.Helper()
	srv := serverTo(t, p, s)
	return newSender(srv)
}

func serverTo(t *testing.T, p *peer, s Settings) *server {
	t.Helper()
	srv, err := newServer(s, channel.Env{Hello: "client.corp.test"})
	if err != nil {
		t.Fatal(err)
	}
	srv.dial = p.dial
	return srv
}

// personal makes messages with ids 1, 2, … for the addresses.
func personal(addresses ...string) []message.Message {
	batch := make([]message.Message, len(addresses))
	for i, a := range addresses {
		batch[i] = message.Message{ID: message.DeliveryID(i + 1), Channel: message.SMTP, Address: a, Subject: "Hello", Text: "Text.\n"}
	}
	return batch
}

// shared makes messages with the same text.
func shared(addresses ...string) []message.Message {
	batch := personal(addresses...)
	for i := range batch {
		batch[i].Shared = "0190-abc.en"
	}
	return batch
}

// inWords is an outcome in one line: what a table of tests compares.
func inWords(o message.Outcome) string {
	switch {
	case o.Accepted:
		return strings.TrimSpace("accepted " + o.ProviderID)
	case o.Failure == nil:
		return "nothing"
	default:
		return strings.TrimSpace(fmt.Sprintf("%s: %s: %s", o.Failure.Scope, o.Failure.Reason, o.Failure.Answer))
	}
}

func allInWords(outcomes []message.Outcome) []string {
	words := make([]string, len(outcomes))
	for i, o := range outcomes {
		words[i] = inWords(o)
	}
	return words
}
