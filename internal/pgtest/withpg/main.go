// Command withpg runs a command beside a PostgreSQL server of its own:
//
//	go run ./internal/pgtest/withpg go test ./...
//
// The command finds the server's URL in HELIOGRAPH_TEST_POSTGRES, so that the
// tests of many packages share one server instead of starting one each. A URL
// that is already there is left as it is. The exit code is the command's.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"heliograph/internal/child"
	"heliograph/internal/pgtest"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withpg COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(command []string) (code int, err error) {
	if os.Getenv(pgtest.Env) != "" {
		return runCommand(command)
	}
	cluster, err := pgtest.NewCluster()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	if err := os.Setenv(pgtest.Env, cluster.URL()); err != nil {
		return 1, err
	}
	return runCommand(command)
}

// runCommand passes on the signals that ask to stop, so that the command ends
// first and the server is stopped after it.
func runCommand(command []string) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	process, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return 1, err
	}
	for {
		select {
		case sig := <-signals:
			if err := process.Signal(sig.(syscall.Signal)); err != nil {
				return 1, err
			}
		case <-process.Done():
			return exitCode(process.Err())
		}
	}
}

// exitCode is 128+n for a command that signal n ended, as a shell has it.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
