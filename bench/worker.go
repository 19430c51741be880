package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"strings"

	"heliograph/app"
)

// WorkerCommand is the hidden command that runs Worker.
const WorkerCommand = "bench-worker"

// Roles are what a worker can be.
var Roles = []string{"fill", "serve", "bare", "load", "barewake"}

// task is what a worker is told first.
type task struct {
	Dir, Database string
	Sims          string // ready file of the simulator
	Subject       string // key of subjects
	Case          string
	Devices       int
	Profile       string // file for a processor profile; empty = none
	Cert, Key     string // files of the listener's TLS
}

func (t task) database() app.Database { return app.Database{DataDir: t.Dir, URL: t.Database} }

// Worker is one of the processes of a bench: it reads its task and the words after it from in, and answers on out.
func Worker(ctx context.Context, role string, in io.Reader, out io.Writer, log *slog.Logger) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return fmt.Errorf("a worker of the bench is told what to do on standard input: %w", io.ErrUnexpectedEOF)
	}
	var t task
	if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	answers := json.NewEncoder(out)
	switch role {
	case "fill":
		return fill(ctx, t, answers, log)
	case "serve":
		return serve(ctx, t, lines, answers, log)
	case "load":
		return press(ctx, t, lines, answers)
	case "barewake":
		return bareWake(ctx, t, lines, answers)
	default:
		return bare(ctx, t, answers)
	}
}

// started is the first answer of a sender.
type started struct {
	API      string
	Listener string // of mail servers
}

// serve is the sending process.
func serve(ctx context.Context, t task, lines *bufio.Scanner, answers *json.Encoder, log *slog.Logger) error {
	stop, err := profile(t.Profile)
	if err != nil {
		return err
	}
	defer stop()
	app.TuneMemory()
	a, err := app.New(ctx, t.options(log))
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	if t.Subject == expand {
		if err := pauseServers(ctx, a.Store()); err != nil {
			return err
		}
	}
	for t.Subject == wake && t.Database == "" && !a.Store().RemembersTargets() { // what it reads at its start is not of the events
		if err := sleep(ctx, settleTime/100); err != nil {
			return err
		}
	}
	if err := answers.Encode(started{a.Addr().API(), a.Addr().Listener}); err != nil {
		return err
	}
	for lines.Scan() {
		u, err := measureSelf(ctx, t, a.Store())
		if err != nil {
			return err
		}
		if err := answers.Encode(u); err != nil {
			return err
		}
	}
	return a.Stop(ctx)
}

// options are those of a whole installation.
func (t task) options(log *slog.Logger) app.Options {
	o := app.Options{Database: t.database(), Listen: anyPort, ListenMetrics: anyPort, Logger: log}
	o.MailPush.ListenRegistration, o.MailPush.ListenMailbox = anyPort, anyPort
	if t.Subject == wake {
		o.MailPush.MailboxTLS = app.TLS{CertFile: t.Cert, KeyFile: t.Key}
	}
	return o
}

const anyPort = "127.0.0.1:0"

// profile writes where the processor's time goes.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); file.Close() }, nil
}

// profilePath is a file for each run.
func (b *bench) profilePath(p *place) string {
	if b.Profile == "" {
		return ""
	}
	p.senders++
	return strings.Join([]string{b.Profile, fmt.Sprintf("%s-%d-%d.pprof", b.What, p.devices, p.senders)}, string(os.PathSeparator))
}
