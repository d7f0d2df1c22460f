package harness

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Process is a child process of a test, with what it writes.
type Process struct {
	Stdout, Stderr Output

	cmd    *exec.Cmd
	done   chan struct{} // closed once the process has ended
	killed atomic.Bool
}

// Output is what a process wrote so far. It is safe for concurrent use.
type Output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

// Write takes a piece of output.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.text.Write(p)
}

// String is everything so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// next returns what there is, and a channel that is closed when there is more.
func (o *Output) next() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.text.String(), o.changed
}

// Spawn starts the gateway's binary with arguments and nothing but these variables
// in its environment, beside PATH and HOME. The process is killed at the end of the
// test, if it still runs.
func Spawn(tb testing.TB, env []string, args ...string) *Process {
	tb.Helper()
	p := &Process{cmd: exec.Command(Binary(tb), args...), done: make(chan struct{})} //nolint:gosec,noctx // the test's own; ended below
	p.cmd.Dir = tb.TempDir()
	// What the machine has in its environment, provider keys say, must not change a test.
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + tb.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.Stdout, &p.Stderr
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start the gateway: %v", err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // ExitCode says how it ended
	}()
	tb.Cleanup(func() {
		_ = p.cmd.Process.Kill() // no error matters: it has ended, or does now
		<-p.done
	})
	return p
}

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Terminate sends SIGTERM.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Kill ends the process at once, as a crash does.
func (p *Process) Kill() {
	p.killed.Store(true)
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Wait waits for the process's end and returns its exit code.
func (p *Process) Wait(tb testing.TB, patience time.Duration) int {
	tb.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		tb.Fatalf("the process did not end within %s; it wrote:\n%s%s", patience, p.Stdout.String(), p.Stderr.String())
		return -1
	}
}
