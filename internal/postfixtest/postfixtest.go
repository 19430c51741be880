// Package postfixtest runs a real Postfix for tests of what sends mail.
//
// Simulated servers agree with the mind of whoever wrote them; Postfix with Cyrus
// SASL is what stands at the other end in real life. Each has its own configuration,
// queue, certificates and password database in a temporary directory and listens on
// loopback; the system's own Postfix is neither read nor touched. A [Server] is one
// of its ports: [StartAll] opens several, which may differ in TLS and mechanisms.
//
// Whatever the recipient's domain, mail is delivered into one mailbox that the test
// reads with [Server.Messages], except for the addresses that are refused:
//
//	unknown@…   550 5.1.1, for ever
//	later@…     450 4.2.1, try again
//	full@…      552 5.2.2, for ever
//
// Postfix runs as root only. A machine without it, or a test without root, is a
// failure that says so, never a skip. Only -short, which asks for the quick tests
// without real servers, skips.
package postfixtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"heliograph/internal/child"
)

// Packages are the Debian packages that a server needs: Postfix, the command that
// fills the password database, the mechanisms, and the plug-in that reads it.
const Packages = "postfix sasl2-bin libsasl2-modules libsasl2-modules-db"

// TLS is how the server protects its port.
type TLS int

const (
	None     TLS = iota // STARTTLS is not offered
	STARTTLS            // required before AUTH and MAIL
	SSL                 // from the first byte
)

// String is the mode as a test's name.
func (t TLS) String() string { return [...]string{"None", "STARTTLS", "SSL"}[t] }

// Options say what kind of server is wanted. The zero value is one without TLS
// that takes mail from anybody.
type Options struct {
	TLS TLS
	// Auth lists the mechanisms that are offered, for example [AllMechanisms]; who
	// has not signed in with one of them may send nothing. Empty: no AUTH at all.
	Auth []string
	// Config is what its smtpd(8) reads besides, "name = value" each; it wins over
	// the rest.
	Config []string
	// Certificate changes the server's certificate before it is signed; nil = it is
	// as a good one should be.
	Certificate func(*x509.Certificate)
}

// AllMechanisms are those of Cyrus SASL that Debian's packages bring and that mail
// systems use.
var AllMechanisms = []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "NTLM"}

const (
	bootTime  = 30 * time.Second
	mailTime  = 60 * time.Second
	stopGrace = 30 * time.Second
)

// Server is a port of a running Postfix.
type Server struct {
	Host string // 127.0.0.1; the certificate is good for it and for localhost
	Port int
	Addr string // Host:Port

	Username string // the one who may send, if Auth was asked for
	Password string

	CAPEM  []byte         // certificate of the private authority, PEM
	CAPool *x509.CertPool // the same, to be used as RootCAs

	tls  TLS
	name string // of its files
	*instance
}

// instance is one Postfix with all its ports.
type instance struct {
	dir     string
	ports   []*Server
	wanted  []Options // of the ports
	process *child.Process
	output  *child.Output
}

// Start starts a server that runs until tb ends. If tb fails, the server's log is shown.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	return StartAll(tb, o)[0]
}

// StartAll starts one Postfix with a port for each of the options. That takes as long
// as starting one alone. The ports share the user, the authority, the log and the
// mailbox: Messages of any of them are those of all.
func StartAll(tb testing.TB, all ...Options) []*Server {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: a real Postfix is left out")
	}
	if err := requirements(all); err != nil {
		tb.Fatal(err)
	}
	i := &instance{wanted: all, output: &child.Output{}}
	password := rand.Text()
	for n, o := range all {
		i.ports = append(i.ports, &Server{
			Host: "127.0.0.1", Username: "courier", Password: password, tls: o.TLS, name: fmt.Sprintf("smtpd%d", n), instance: i,
		})
	}
	tb.Cleanup(func() { i.close(tb) })
	if err := i.start(); err != nil {
		tb.Fatal(err)
	}
	return i.ports
}

// requirements says what is missing on this machine.
func requirements(all []Options) error {
	if os.Getuid() != 0 {
		return errors.New("a real Postfix starts as root only, and this test does not run as root")
	}
	programs := []string{"postconf", "postfix"}
	if slices.ContainsFunc(all, func(o Options) bool { return len(o.Auth) > 0 }) {
		programs = append(programs, "saslpasswd2")
	}
	for _, program := range programs {
		if _, err := lookSbin(program); err != nil {
			return fmt.Errorf("a real Postfix is needed and not installed: %w (Debian: apt-get install %s)", err, Packages)
		}
	}
	return nil
}

// lookSbin finds programs of the administrator, whose directory is not in every PATH.
func lookSbin(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + program)
}

func (i *instance) start() error {
	var err error
	if i.dir, err = os.MkdirTemp("", "heliograph-postfix-"); err != nil {
		return fmt.Errorf("directory for Postfix: %w", err)
	}
	if err := i.prepare(); err != nil {
		return err
	}
	for range 5 { // another process may take a port that was free
		if err = i.configure(); err != nil {
			return err
		}
		if err = i.boot(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// errPortTaken is the one failure that another attempt may cure.
var errPortTaken = errors.New("the port is taken")

// supervise runs its arguments in a process group of their own, because a
// master that is told to end ends its whole group, and passes SIGTERM on. Postfix
// itself cannot be told that its parent died: Linux forgets that wish when a
// process changes its user, and the master does so all the time.
const supervise = `set -m; "$@" & master=$!; trap 'kill $master' TERM; wait $master; wait $master`

// boot runs the master and waits for its greeting.
func (i *instance) boot() error {
	daemons, err := postconf("daemon_directory")
	if err != nil {
		return err
	}
	// -d: stay in the foreground.
	cmd := exec.Command("bash", "-c", supervise, "bash", filepath.Join(daemons, "master"), "-c", i.path("etc"), "-d")
	cmd.Dir = i.dir
	cmd.Env = cleanEnv()
	cmd.Stdout, cmd.Stderr = i.output, i.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the test's to handle
	process, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	if err := i.awaitGreeting(process); err != nil {
		return errors.Join(err, process.Stop(syscall.SIGTERM, stopGrace))
	}
	i.process = process
	return nil
}

func (i *instance) awaitGreeting(process *child.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := i.ports[0].greet(ctx) // they all listen before one of them greets
		if err == nil {
			return nil
		}
		// A master goes on without the daemon that cannot start.
		if log := i.Log(); strings.Contains(log, "fatal: ") {
			return i.bootFailure(log)
		}
		select {
		case <-process.Done():
			return i.bootFailure(i.Log())
		case <-ctx.Done():
			return fmt.Errorf("postfix does not greet after %v: %w\n%s", bootTime, err, i.Log())
		case <-tick.C:
		}
	}
}

func (i *instance) bootFailure(log string) error {
	if strings.Contains(log, "Address already in use") {
		os.Remove(i.path("log"))
		return errPortTaken
	}
	return errors.New("postfix does not start:\n" + log)
}

// greet connects and reads the greeting; it must name this very server, because
// behind the port there could be that of a quicker process. Whether the certificate
// is any good is the test's business.
func (s *Server) greet(ctx context.Context) error {
	config := s.TLSConfig()
	config.InsecureSkipVerify = true
	conn, err := s.dialWith(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, greeting, err := textproto.NewReader(bufio.NewReader(conn)).ReadResponse(220)
	if err != nil {
		return err
	}
	if !strings.Contains(greeting, filepath.Base(s.dir)) {
		return errors.New("another server answers: " + greeting)
	}
	return nil
}

func (i *instance) close(tb testing.TB) {
	if i.process != nil {
		if err := i.process.Stop(syscall.SIGTERM, stopGrace); err != nil {
			tb.Error(err)
		}
	}
	if tb.Failed() {
		tb.Logf("Postfix's log:\n%s", i.Log())
	}
	if i.dir != "" {
		if err := os.RemoveAll(i.dir); err != nil {
			tb.Error(err)
		}
	}
}

// Log is what the server has logged so far.
func (i *instance) Log() string {
	logged, _ := os.ReadFile(i.path("log"))
	return i.output.String() + string(logged)
}

func (i *instance) path(name string) string { return filepath.Join(i.dir, name) }

// Message is one delivered mail, for one recipient: a mail to three recipients is
// delivered three times.
type Message struct {
	From string // the envelope's sender; empty for a bounce
	To   string // the envelope's recipient
	Raw  []byte // as delivered: three lines of the delivery on top, LF line ends
}

// Parse is the message's header and body.
func (m Message) Parse() (*mail.Message, error) { return mail.ReadMessage(bytes.NewReader(m.Raw)) }

// Messages waits until n mails have been delivered and returns them, ordered by
// recipient and then by time. More or fewer than n are a failure of tb.
func (i *instance) Messages(tb testing.TB, n int) []Message {
	tb.Helper()
	deadline := time.Now().Add(mailTime)
	for {
		files, err := filepath.Glob(i.path("mail/inbox/new/*"))
		if err != nil {
			tb.Fatal(err)
		}
		if len(files) >= n && i.queueEmpty() {
			return i.read(tb, n)
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%d mails delivered within %v, want %d", len(files), mailTime, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// queueEmpty says that nothing that was accepted is still on its way.
func (i *instance) queueEmpty() bool {
	for _, queue := range []string{"maildrop", "incoming", "active"} {
		waiting := false
		filepath.WalkDir(i.path("queue/"+queue), func(_ string, d os.DirEntry, err error) error {
			waiting = waiting || err == nil && d.Type().IsRegular()
			return nil
		})
		if waiting {
			return false
		}
	}
	return true
}

func (i *instance) read(tb testing.TB, n int) []Message {
	tb.Helper()
	files, err := filepath.Glob(i.path("mail/inbox/new/*"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) != n {
		tb.Fatalf("%d mails delivered, want %d", len(files), n)
	}
	slices.SortFunc(files, byTime)
	messages := make([]Message, n)
	for k, file := range files {
		if messages[k], err = readMessage(file); err != nil {
			tb.Fatalf("reading a delivered mail: %v", err)
		}
	}
	slices.SortStableFunc(messages, func(a, b Message) int { return cmp.Compare(a.To, b.To) })
	return messages
}

func byTime(a, b string) int {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Or(x.ModTime().Compare(y.ModTime()), cmp.Compare(a, b))
}

// readMessage reads a file of the mailbox. Virtual(8) puts the envelope on top:
// Return-Path, X-Original-To, Delivered-To.
func readMessage(file string) (Message, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Message{}, err
	}
	m := Message{Raw: raw}
	parsed, err := m.Parse()
	if err != nil {
		return Message{}, err
	}
	m.From = strings.Trim(parsed.Header.Get("Return-Path"), "<>")
	m.To = parsed.Header.Get("X-Original-To")
	return m, nil
}

// postconf is a setting of the system's Postfix, for where its programs live.
func postconf(name string) (string, error) {
	path, err := lookSbin("postconf")
	if err != nil {
		return "", err
	}
	// -d: the built-in value, so that no file of the system is needed.
	out, err := exec.Command(path, "-d", "-h", name).Output()
	if err != nil {
		return "", fmt.Errorf("postconf %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// cleanEnv is an environment without MAIL_CONFIG and the like.
func cleanEnv() []string {
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) setPort(port int) {
	s.Port = port
	s.Addr = net.JoinHostPort(s.Host, strconv.Itoa(port))
}
