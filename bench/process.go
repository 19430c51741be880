package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"heliograph/internal/child"
)

// process is a helper of the bench, which dies with it. It is asked by lines on its standard input, and answers in JSON
// on its standard output.
type process struct {
	*child.Process
	in     io.WriteCloser
	out    io.ReadCloser
	answer *json.Decoder
	errs   *child.Output
}

// grace is how long a helper may take to end by itself.
const grace = 30 * time.Second

// start runs this program with some arguments.
func (b *bench) start(args ...string) (*process, error) {
	command := slices.Concat(b.Program, args)
	cmd := exec.Command(command[0], command[1:]...)
	p := &process{errs: &child.Output{}}
	cmd.Stderr = p.errs
	in, toChild, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromChild, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), toChild.Close())
	}
	cmd.Stdin, cmd.Stdout = in, out
	p.in, p.out, p.answer = toChild, fromChild, json.NewDecoder(fromChild)
	p.Process, err = child.Start(cmd, syscall.SIGKILL)
	err = errors.Join(err, in.Close(), out.Close()) // the child has its own
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// work starts a worker with its task.
func (b *bench) work(role string, t task) (*process, error) {
	p, err := b.start(WorkerCommand, role)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(p.in).Encode(t); err != nil {
		p.end()
		return nil, fmt.Errorf("giving a task to a helper: %w", err)
	}
	return p, nil
}

// ask says a word and reads the answer; without a word it only reads.
func (p *process) ask(ctx context.Context, word string, answer any) error {
	defer context.AfterFunc(ctx, func() { _ = p.Signal(syscall.SIGKILL) })()
	if word != "" {
		if _, err := io.WriteString(p.in, word+"\n"); err != nil {
			return p.died(ctx, err)
		}
	}
	if err := p.answer.Decode(answer); err != nil {
		return p.died(ctx, err)
	}
	return nil
}

// died explains why a helper did not answer, in its own words.
func (p *process) died(ctx context.Context, err error) error {
	p.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("a helper of the bench ended (%w): %s", err, p.errs)
}

func (p *process) close() error { return errors.Join(p.in.Close(), p.out.Close()) }

// end asks the process to stop, and waits. Ending twice is fine.
func (p *process) end() {
	_ = p.in.Close()
	_ = p.Stop(syscall.SIGTERM, grace)
	_ = p.out.Close()
}
