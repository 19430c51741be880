package channeltest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

const apart = "CHANNELTEST_APART"

// Apart runs a server in a process of its own, so that neither its CPU nor its memory is counted. The process is the test
// itself once more: its TestMain must begin with ServeApart. what goes to that one; into takes what it returns.
func Apart(b testing.TB, what string, into any) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), apart+"="+what)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // its end tells the server to stop, also when we are killed
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		b.Fatalf("the server apart did not start: %v", err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		b.Fatal(err)
	}
}

// ServeApart runs the server if this process was started for it, and then does not return.
func ServeApart(start func(what string) (any, error)) {
	what, ok := os.LookupEnv(apart)
	if !ok {
		return
	}
	where, err := start(what)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(where)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// CPU is what this process has used so far.
func CPU() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// ReportCPU runs work and reports the CPU of this process for each of n items.
func ReportCPU(b *testing.B, n int, work func()) {
	b.Helper()
	before := CPU()
	b.ResetTimer()
	work()
	b.StopTimer()
	b.ReportMetric(float64((CPU()-before).Nanoseconds())/float64(n)/1000, "cpu-µs/op")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "op/s")
}
