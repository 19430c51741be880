// Package child starts processes that cannot outlive the one that started them.
//
// A test that is killed runs no clean-up, and a database or mail server that it
// started would stay behind, holding its port. Linux can send a child a signal
// when its parent dies, but "parent" means the thread that forked (prctl(2),
// PR_SET_PDEATHSIG). So each child has a goroutine that is locked to its thread
// and waits there for the child's end.
package child

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a running or ended child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read after done is closed
}

// Start starts cmd. When this process dies, by whatever means, the child
// receives onDeath. Other fields of cmd.SysProcAttr are kept.
func Start(cmd *exec.Cmd, onDeath syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr, onDeath)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	return p, nil
}

// run is the child's parent thread.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits for the end of the child and says how it ended; nil is exit code 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends sig; a child that has already ended is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !p.ended() {
		return fmt.Errorf("sending %v to %s: %w", sig, p.cmd.Path, err)
	}
	return nil
}

// ended tells a child that ended between the look and the signal from one that
// could not be signalled.
func (p *Process) ended() bool {
	return p.cmd.Process.Signal(syscall.Signal(0)) != nil
}

// Stop sends sig and waits; a child that is still there after grace is killed,
// and that is an error. Stopping twice is fine.
func (p *Process) Stop(sig syscall.Signal, grace time.Duration) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return fmt.Errorf("%s did not stop within %v of %v: killed", p.cmd.Path, grace, sig)
}

// Output collects what a child writes, for a report when it fails.
// Several writers may share one.
type Output struct {
	mu   sync.Mutex
	text []byte
}

// keptOutput is enough for a report and bounds a child that never stops writing.
const keptOutput = 64 << 10

// Write keeps the newest keptOutput bytes. It never fails.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	if extra := len(o.text) - keptOutput; extra > 0 {
		o.text = o.text[extra:]
	}
	return len(b), nil
}

// String is what was kept.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
