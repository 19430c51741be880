// Command alltests runs go test and lets nothing be left out:
//
//	go run ./internal/alltests -race ./...
//
// It passes its arguments to go test, prints a line for each package and the whole
// output of what failed, and fails if any test was skipped, by name. A test that
// skips itself on a machine that lacks something is a test that nobody runs.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	ok, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "alltests:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run says whether everything was run and passed; what did not is on out.
func run(args []string, out io.Writer) (ok bool, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	report := newReport(out)
	readErr := report.read(events)
	err = cmd.Wait()
	report.close()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return false, readErr // the report has said what failed
	}
	return report.complete(), errors.Join(readErr, err)
}
