// Command alltests runs go test and lets nothing be left out:
//
//	go run ./internal/alltests -race ./...
//
// It passes its arguments to go test (flags as -name=value), prints a line for each package and the whole
// output of what failed, and fails if any test was skipped, by name. A test that
// skips itself on a machine that lacks something is a test that nobody runs.
// A few failures are looked at once more, each package's alone; what then passes is
// named as unsteady.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
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

// run says whether everything was run and passed; what did not is on out. A few tests that failed are run once more,
// without others beside them: on a busy machine a browser or a server may be slower than any patience.
func run(args []string, out io.Writer) (ok bool, err error) {
	r := newReport(out)
	if err := r.test(args); err != nil {
		return false, err
	}
	flags := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return !strings.HasPrefix(a, "-") })
	for _, s := range r.again() {
		r.announce(s)
		alone := newReport(out)
		if err := alone.test(s.args(flags)); err != nil {
			return false, err
		}
		if alone.complete() {
			r.forgive(s)
		}
	}
	r.close()
	return r.complete(), nil
}

// test runs go test and takes what it says. That tests failed is in the report, not in the error.
func (r *report) test(args []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := r.read(events)
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(r.failures) > 0 { // else it is the go command that complains
		err = nil
	}
	return errors.Join(readErr, err)
}
