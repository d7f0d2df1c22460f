package harness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate.dev/platform/secret/secrettest"
)

// Bounds of what the tests wait for. They are generous: a busy machine is no failure.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 60 * time.Second
	// Patience is how long a test waits for something that must come.
	Patience = 30 * time.Second
)

// MasterKey is the master key of every gateway that is started with one.
const MasterKey = "sk-e2e-master-0123456789abcdef0123456789abcdef"

// ProviderKey is the credential that test configurations give to providers.
const ProviderKey = "provider-credential-9f8e7d6c5b4a"

// Options say how a gateway is started. The zero value is the shipped configuration,
// with the built-in provider simulator, in a new data folder.
type Options struct {
	// Config is the text of a configuration file; empty is the shipped one.
	Config string
	// DataDir is the data folder; empty is a new one. Give that of a gateway that was
	// stopped to start it again.
	DataDir string
	// Env are further variables, each NAME=value. They win.
	Env []string
	// MakeMasterKey leaves the master key to the gateway.
	MakeMasterKey bool
}

// Gateway is a running gateway.
type Gateway struct {
	// URL is its address, such as http://127.0.0.1:4000.
	URL string
	// DataDir is where it keeps everything.
	DataDir string
	// Master is its master key.
	Master string

	tb      testing.TB
	client  *http.Client
	process *Process
	// sharesDatabase says that its database is not in the data folder.
	sharesDatabase bool
	state          *state
}

// state is what all views of a gateway share.
type state struct {
	stopped sync.Once

	mu         sync.Mutex
	secrets    []string
	terminated bool
}

// For is the gateway for a subtest, which then fails by itself.
func (g *Gateway) For(tb testing.TB) *Gateway {
	tb.Helper()
	view := *g
	view.tb = tb
	return &view
}

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

var listening = regexp.MustCompile(`(?m)^Tollgate listens on (http://\S+)$`)

// Start starts a gateway and waits until it is ready. The end of the test stops it.
func Start(tb testing.TB, opts Options) *Gateway {
	tb.Helper()
	g := &Gateway{
		DataDir: opts.DataDir, Master: MasterKey, tb: tb,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, state: &state{},
	}
	if g.DataDir == "" {
		g.DataDir = tb.TempDir()
	}
	env := []string{"TOLLGATE_ADDR=127.0.0.1:0", "TOLLGATE_DATA_DIR=" + g.DataDir}
	if opts.MakeMasterKey {
		g.Master = ""
	} else {
		env = append(env, "TOLLGATE_MASTER_KEY="+MasterKey)
	}
	g.sharesDatabase = slices.ContainsFunc(opts.Env, func(v string) bool { return strings.HasPrefix(v, "DATABASE_URL=") })
	args := []string{"serve"}
	if opts.Config != "" {
		args = append(args, "--config", WriteFile(tb, "config.yaml", opts.Config))
	}
	g.process = Spawn(tb, append(env, opts.Env...), args...)
	tb.Cleanup(func() { g.Stop() })
	g.awaitAnnouncement()
	g.awaitReady()
	g.Secret(ProviderKey)
	// Every answer of the simulator begins with it.
	g.Secret("This is a simulated answer")
	if g.Master != "" {
		g.Secret(g.Master)
	}
	return g
}

// WriteFile writes a file in a new folder and returns its path.
func WriteFile(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func (g *Gateway) awaitAnnouncement() {
	g.tb.Helper()
	deadline := time.After(startTimeout)
	for {
		text, more := g.process.Stdout.next()
		// The announcement is complete with its last line.
		if m := listening.FindStringSubmatch(text); m != nil && strings.Contains(text, "for a stream.") {
			g.URL = m[1]
			return
		}
		select {
		case <-more:
		case <-g.process.done:
			g.tb.Fatalf("the gateway ended at its start, with exit code %d:\n%s", g.process.cmd.ProcessState.ExitCode(), g.process.Stderr.String())
		case <-deadline:
			g.tb.Fatalf("the gateway did not start within %s:\n%s", startTimeout, g.process.Stderr.String())
		}
	}
}

func (g *Gateway) awaitReady() {
	g.tb.Helper()
	Eventually(g.tb, "the gateway is ready", func() error {
		answer := g.Call(http.MethodGet, "/health/readiness", Call{Key: NoKey})
		if answer.Status != http.StatusOK {
			return fmt.Errorf("/health/readiness answers %d: %s", answer.Status, answer.Body)
		}
		return nil
	})
}

// Output is what the gateway wrote for people (stdout) and its log (stderr).
func (g *Gateway) Output() (stdout, stderr string) {
	return g.process.Stdout.String(), g.process.Stderr.String()
}

// Process is the running process.
func (g *Gateway) Process() *Process { return g.process }

// Terminate sends SIGTERM and returns; Stop then waits for the end. A second SIGTERM
// would end the process at once, and is never sent.
func (g *Gateway) Terminate() {
	g.tb.Helper()
	g.state.mu.Lock()
	defer g.state.mu.Unlock()
	if g.state.terminated {
		return
	}
	g.state.terminated = true
	if err := g.process.Terminate(); err != nil {
		g.tb.Errorf("SIGTERM: %v", err)
	}
}

// Secret names texts that must not appear in logs, metrics and the database.
func (g *Gateway) Secret(texts ...string) {
	g.state.mu.Lock()
	defer g.state.mu.Unlock()
	g.state.secrets = append(g.state.secrets, texts...)
}

// Stop ends the gateway by SIGTERM, if it still runs, and checks that it exits with
// 0 and that nothing leaked.
func (g *Gateway) Stop() {
	g.tb.Helper()
	g.state.stopped.Do(func() {
		g.tb.Helper()
		defer g.client.CloseIdleConnections()
		if g.process.killed.Load() {
			g.assertNoLeak("")
			return
		}
		g.state.mu.Lock()
		ending := g.state.terminated
		g.state.mu.Unlock()
		select {
		case <-g.process.done:
			if !ending {
				g.tb.Errorf("the gateway ended by itself:\n%s", g.process.Stderr.String())
			}
		default:
		}
		metrics := ""
		if !ending && g.URL != "" {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			metrics = g.metrics(ctx)
			cancel()
		}
		select {
		case <-g.process.done:
		default:
			g.Terminate()
		}
		if code := g.process.Wait(g.tb, stopTimeout); code != 0 {
			g.tb.Errorf("the gateway exits with %d:\n%s", code, g.process.Stderr.String())
		}
		g.assertNoLeak(metrics)
		if g.tb.Failed() {
			g.tb.Logf("the gateway's log:\n%s", g.process.Stderr.String())
		}
	})
}

// metrics is "" when the gateway takes no calls any more.
func (g *Gateway) metrics(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL+"/metrics", http.NoBody)
	if err != nil {
		g.tb.Errorf("metrics: %v", err)
		return ""
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return ""
	}
	body, err := readAll(resp)
	if err != nil {
		g.tb.Errorf("metrics: %v", err)
	}
	return string(body)
}

// assertNoLeak looks for the secrets wherever they would lie for others to read.
func (g *Gateway) assertNoLeak(metrics string) {
	g.tb.Helper()
	g.state.mu.Lock()
	secrets := append([]string(nil), g.state.secrets...)
	g.state.mu.Unlock()
	if len(secrets) == 0 {
		return // it never started
	}
	secrettest.AssertNoLeak(g.tb, g.process.Stderr.String(), secrets...)
	secrettest.AssertNoLeak(g.tb, metrics, secrets...)
	files, err := filepath.Glob(filepath.Join(g.DataDir, "*.db*"))
	if err != nil || len(files) == 0 && !g.sharesDatabase {
		g.tb.Errorf("the data folder holds no database: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			g.tb.Errorf("read the database: %v", err)
			continue
		}
		secrettest.AssertNoLeak(g.tb, string(data), secrets...)
	}
}

// Eventually waits until f returns nil, for as long as Patience.
func Eventually(tb testing.TB, what string, f func() error) {
	tb.Helper()
	Within(tb, Patience, what, f)
}

// Within waits until f returns nil. It is for what takes long on a busy machine.
func Within(tb testing.TB, patience time.Duration, what string, f func() error) {
	tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			tb.Fatalf("%s: not within %s: %v", what, patience, err)
		}
	}
}
