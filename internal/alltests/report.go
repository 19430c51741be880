package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	FailedBuild string // of a package that failed: what did not compile
	Test        string // empty: the package itself
	Output      string
}

// name is the test's or the package's.
func (e event) name() string {
	if e.Test == "" {
		return e.Package
	}
	return e.Package + "." + e.Test
}

// report turns events into what a person wants to read.
type report struct {
	out      io.Writer
	output   map[string][]string // of tests that have not ended, by name
	passed   int
	failures []event  // of tests, and of packages
	unbuilt  []string // packages without a test that ran, because they do not compile
	unsteady []string // failed, and passed when they ran alone
	skipped  []string
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[string][]string{}}
}

// read takes events until the end. A line that is none (the go command itself
// complains) is passed on.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.take(e)
			} else {
				r.out.Write(line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading go test's output: %w", err)
		}
	}
}

func (r *report) take(e event) {
	switch e.Action {
	case "build-output":
		io.WriteString(r.out, e.Output)
	case "output":
		r.output[e.name()] = append(r.output[e.name()], e.Output)
	case "pass", "fail", "skip":
		r.end(e)
	}
}

// end is the end of a test, or of a package: then the package's line is shown.
func (r *report) end(e event) {
	output := r.output[e.name()]
	delete(r.output, e.name())
	if e.Test == "" {
		r.endPackage(e, output)
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped = append(r.skipped, e.name())
		r.show(output)
	case "fail":
		r.failures = append(r.failures, e)
		r.show(output)
	}
}

func (r *report) endPackage(e event, output []string) {
	if e.Action != "fail" {
		r.show(output[max(0, len(output)-1):]) // the closing line
		return
	}
	r.failures = append(r.failures, e)
	if e.FailedBuild != "" {
		r.unbuilt = append(r.unbuilt, e.Package)
	}
	// A test that never ended, because of a panic or the time limit, holds the
	// reason in its own output.
	for _, name := range r.unfinished(e.Package) {
		r.show(r.output[name])
		delete(r.output, name)
	}
	r.show(output)
}

func (r *report) unfinished(pkg string) []string {
	var names []string
	for name := range r.output {
		if strings.HasPrefix(name, pkg+".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *report) show(output []string) {
	for _, line := range output {
		if !strings.HasPrefix(line, "=== ") {
			io.WriteString(r.out, line)
		}
	}
}

// close writes the summary.
func (r *report) close() {
	for _, e := range r.failures {
		fmt.Fprintln(r.out, "failed: ", e.name())
	}
	for _, name := range r.unsteady {
		fmt.Fprintln(r.out, "unsteady (failed among the others, passed alone):", name)
	}
	for _, name := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", name)
	}
	fmt.Fprintf(r.out, "%d tests passed, %d failed, %d skipped\n", r.passed, len(r.failures), len(r.skipped))
	if len(r.skipped) > 0 {
		fmt.Fprintln(r.out, "A skipped test is a failure: make it run here, or remove it.")
	}
}

// complete says that something ran and nothing failed or was left out.
func (r *report) complete() bool {
	return r.passed > 0 && len(r.failures) == 0 && len(r.skipped) == 0
}
