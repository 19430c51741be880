// Command heliograph sends notifications to fleets of mobile devices. Run it with -h.
//
// Here are flags, signals and words for people; what runs is made in package app.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"heliograph/app"
)

// Exit codes: what scripts may rely on.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	surviveLimits()
	os.Exit(run(os.Args[1:], terminal{os.Stdin, os.Stdout, os.Stderr}))
}

// terminal is where a command reads and writes: results to out, everything else to err.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// cli is every command. Flags have an environment twin each, HELIOGRAPH_ and the flag's name.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run Heliograph: console, API and the workers that send."`
	Demo    demoCmd    `cmd:"" help:"Run Heliograph with a made-up fleet and simulated providers, to look at it."`
	Sim     simCmd     `cmd:"" help:"Run the simulated providers alone, for tests."`
	Migrate migrateCmd `cmd:"" help:"Bring the database up to date, and do nothing else."`
	Admin   adminCmd   `cmd:"" help:"Make administrators, and let them in again."`
	Backup  backupCmd  `cmd:"" help:"Write the database into a file, also while it is in use."`
	Keys    keysCmd    `cmd:"" help:"Look at the keys of the stored secrets, and rotate them."`
	Doctor  doctorCmd  `cmd:"" help:"Examine an installation, or the way to one, and say what to change."`
	Token   tokenCmd   `cmd:"" help:"Make tokens that let scripts call the API."`
	Import  importCmd  `cmd:"" help:"Read devices and people from a CSV or NDJSON file into a running Heliograph."`
	Send    sendCmd    `cmd:"" help:"Send a notification by a running Heliograph."`
	Bench   benchCmd   `cmd:"" help:"Measure what a message costs, against simulated providers."`
	Version versionCmd `cmd:"" help:"Print the version."`

	BenchWorker benchWorkerCmd `cmd:"" hidden:""` // what bench starts

	Log logging `embed:"" prefix:"log-" group:"Logging"`
}

const description = `Notifications for fleets of mobile devices, by push, e-mail and SMS.

Look at it, with nothing set up and nothing really sent:

    heliograph demo

Run it, with everything in the directory ./data:

    heliograph serve

Each command explains itself: heliograph COMMAND -h. Every flag can be given in the environment instead, under the name that stands behind it.
Secrets are read from files or standard input, never from arguments.

Exit codes: 0 done, 1 failed, 2 used wrongly.`

// run is main without the process, and returns the exit code.
func run(args []string, term terminal) int {
	var c cli
	left := -1 // set when kong has answered by itself, as for -h
	parser, err := newParser(&c, kong.Writers(term.out, term.err), kong.Exit(func(code int) { left = code }))
	if err != nil {
		fmt.Fprintln(term.err, "heliograph:", err) // the table of commands itself is wrong
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	switch {
	case left >= 0:
		return left
	case err != nil:
		return wrong(term, parsed, err)
	}
	return execute(parsed, &c, term)
}

func newParser(c *cli, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("heliograph"),
		kong.Description(description),
		kong.DefaultEnvars("HELIOGRAPH"),
		kong.Vars{"acme_directory": app.DefaultDirectory},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	}, more...)...)
}

// execute runs the chosen command until it is done or a signal asks it to stop; a second signal ends the process at once.
func execute(parsed *kong.Context, c *cli, term terminal) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	parsed.BindTo(ctx, (*context.Context)(nil))
	level := "info"
	if parsed.Command() == "demo" { // its visitor looks for the link
		level = "warn"
	}
	err := parsed.Run(term, c.Log.logger(term.err, level))
	var misuse *usage
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &misuse):
		return wrong(term, parsed, err)
	case errors.Is(err, errSaid):
		return exitFailed
	}
	fmt.Fprintln(term.err, "heliograph:", err)
	return exitFailed
}

// wrong says what is wrong with how a command was used, and where its help is.
func wrong(term terminal, parsed *kong.Context, err error) int {
	fmt.Fprintln(term.err, "heliograph:", err)
	help := "heliograph -h"
	if parsed == nil {
		var pe *kong.ParseError
		if errors.As(err, &pe) {
			parsed = pe.Context
		}
	}
	if parsed != nil && parsed.Selected() != nil {
		help = parsed.Selected().FullPath() + " -h"
	}
	fmt.Fprintf(term.err, "Try %s\n", help)
	return exitUsage
}

// usage is an error of whoever typed the command, found after its flags were read.
type usage struct{ text string }

func (u *usage) Error() string { return u.text }

func misused(format string, args ...any) error { return &usage{fmt.Sprintf(format, args...)} }

// errSaid ends a command with exit code 1 when everything there is to say was printed already.
var errSaid = errors.New("failed")
