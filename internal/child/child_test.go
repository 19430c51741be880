package child

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this binary play the parent that gets killed.
func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST_PARENT") != "" {
		beParent()
	}
	os.Exit(m.Run())
}

// beParent starts a child that would live for ever, prints its id, and waits.
func beParent() {
	p, err := Start(exec.Command("sleep", "infinity"), syscall.SIGKILL)
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(strconv.Itoa(p.Pid()) + "\n")
	<-p.Done()
}

func TestChildDiesWithKilledParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "CHILD_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("reading the grandchild's id: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatalf("grandchild %d is not alive before its parent is killed", pid)
	}
	parent.Process.Kill()
	parent.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("grandchild %d is still alive 10 s after its parent was killed", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// alive says whether pid runs: a zombie that nobody has collected does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestStop(t *testing.T) {
	tests := []struct {
		name, script, wantErr string
	}{
		{"obedient", "echo up; exec sleep infinity", ""},
		{"deaf", `trap "" TERM; echo up; exec sleep infinity`, "did not stop within 50ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("bash", "-c", tt.script)
			out := &Output{}
			cmd.Stdout = &firstWrite{Output: out, seen: make(chan struct{})}
			p, err := Start(cmd, syscall.SIGKILL)
			if err != nil {
				t.Fatal(err)
			}
			<-cmd.Stdout.(*firstWrite).seen
			err = p.Stop(syscall.SIGTERM, 50*time.Millisecond)
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("Stop: %v, want %q", err, tt.wantErr)
			}
			if err := p.Stop(syscall.SIGTERM, time.Second); err != nil {
				t.Errorf("second Stop: %v", err)
			}
			if got := out.String(); got != "up\n" {
				t.Errorf("output %q", got)
			}
		})
	}
}

// firstWrite closes seen when the child has written something: its traps are set.
type firstWrite struct {
	*Output
	seen chan struct{}
	done bool
}

func (w *firstWrite) Write(b []byte) (int, error) {
	if !w.done {
		w.done = true
		defer close(w.seen)
	}
	return w.Output.Write(b)
}

func TestStartOfNothing(t *testing.T) {
	_, err := Start(exec.Command("/nonexistent/program"), syscall.SIGKILL)
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/program") {
		t.Errorf("Start: %v, want an error that names the program", err)
	}
}

func TestOutputKeepsTheNewest(t *testing.T) {
	var o Output
	for range 3 {
		o.Write([]byte(strings.Repeat("old ", keptOutput/8)))
	}
	o.Write([]byte("newest"))
	if got := o.String(); len(got) != keptOutput || !strings.HasSuffix(got, "newest") {
		t.Errorf("kept %d bytes that end in %q, want %d that end in newest", len(got), got[len(got)-6:], keptOutput)
	}
}
