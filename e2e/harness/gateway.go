package harness

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/secret"
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
	// stopped to start it again, with its database.
	DataDir string
	// Env are further variables, each NAME=value. They win.
	Env []string
	// MakeMasterKey leaves the master key to the gateway, which must be whole.
	MakeMasterKey bool
	// Edges is how many edges there are where services run apart; 2 when 0.
	Edges int
}

// given is what the options set a variable to; empty for nothing.
func (o Options) given(variable string) string {
	for _, v := range slices.Backward(o.Env) {
		if value, ok := strings.CutPrefix(v, variable+"="); ok {
			return value
		}
	}
	return ""
}

// Gateway is a running gateway, as those see it who call one of its edges.
type Gateway struct {
	// URL is its address, such as http://127.0.0.1:4000.
	URL string
	// DataDir is where it keeps everything, or where its edges keep their logs of calls.
	DataDir string
	// Master is its master key.
	Master string

	tb      testing.TB
	client  *http.Client
	process *Process
	state   *state
}

// state is what all views of a gateway share.
type state struct {
	stopped sync.Once
	// members are its processes, the edges first. Start alone writes them.
	members []*member
	// database is where its database is; zero for one in the data folder.
	database secret.String

	mu         sync.Mutex
	secrets    []string
	terminated bool
}

// member is one process of a gateway.
type member struct {
	// services are those that it runs; empty is all.
	services string
	process  *Process
	// url is where it tells how it is.
	url string
	// left says that the test has ended it.
	left atomic.Bool
}

func (m *member) edge() bool { return m.services == "" || m.services == "edge" }

func (m *member) String() string {
	if m.services == "" {
		return "gateway"
	}
	return m.services
}

// For is the gateway for a subtest, which then fails by itself.
func (g *Gateway) For(tb testing.TB) *Gateway {
	tb.Helper()
	view := *g
	view.tb = tb
	return &view
}

// Start starts a gateway and waits until it is ready. The end of the test stops it.
func Start(tb testing.TB, opts Options) *Gateway {
	tb.Helper()
	g := &Gateway{
		DataDir: opts.DataDir, Master: MasterKey, tb: tb,
		// A connection that the gateway closes, after 120 s, could be one that a call has just taken.
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}}, state: &state{},
	}
	if g.DataDir == "" {
		g.DataDir = tb.TempDir()
	}
	if Apart() {
		g.startApart(opts)
	} else {
		g.startWhole(opts)
	}
	tb.Cleanup(func() { g.Stop() }) // before what the start needs goes
	g.process, g.URL = g.state.members[0].process, g.state.members[0].url
	for _, edge := range g.Edges() {
		edge.awaitReady()
	}
	g.Secret(ProviderKey)
	// Every answer of the simulator begins with it.
	g.Secret("This is a simulated answer")
	if g.Master != "" {
		g.Secret(g.Master)
	}
	return g
}

// Replicas starts as many gateways that share a database, which the options name: processes
// where each is whole, else edges. All have one configuration.
func Replicas(tb testing.TB, n int, opts Options) []*Gateway {
	tb.Helper()
	if Apart() {
		opts.Edges = n
		return Start(tb, opts).Edges()
	}
	gateways := make([]*Gateway, n)
	for i := range gateways {
		gateways[i] = Start(tb, opts)
	}
	return gateways
}

// Edges are the gateway as the callers of each of its edges see it.
func (g *Gateway) Edges() []*Gateway {
	var views []*Gateway
	for _, m := range g.state.members {
		if m.edge() {
			view := *g
			view.process, view.URL = m.process, m.url
			views = append(views, &view)
		}
	}
	return views
}

func (g *Gateway) startWhole(opts Options) {
	g.tb.Helper()
	env := []string{"TOLLGATE_ADDR=127.0.0.1:0", "TOLLGATE_DATA_DIR=" + g.DataDir}
	if opts.MakeMasterKey {
		g.Master = ""
	} else {
		env = append(env, "TOLLGATE_MASTER_KEY="+MasterKey)
	}
	g.state.database = secret.New(opts.given("DATABASE_URL"))
	args := []string{"serve"}
	if opts.Config != "" {
		args = append(args, "--config", WriteFile(g.tb, "config.yaml", opts.Config))
	}
	m := &member{process: Spawn(g.tb, append(env, opts.Env...), args...)}
	g.state.members = []*member{m}
	m.awaitAnnouncement(g.tb)
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

var (
	listening = regexp.MustCompile(`(?m)^Tollgate listens on (http://\S+)$`)
	serving   = regexp.MustCompile(`(?m)^Tollgate's [a-z, ]+: for other processes on (\S+)$`)
)

// awaitAnnouncement waits until the process says where it is.
func (m *member) awaitAnnouncement(tb testing.TB) {
	tb.Helper()
	deadline := time.After(startTimeout)
	for {
		text, more := m.process.Stdout.next()
		// The announcement is complete with its last line.
		if found := listening.FindStringSubmatch(text); found != nil && strings.Contains(text, "for a stream.") {
			m.url = found[1]
			return
		}
		if found := serving.FindStringSubmatch(text); found != nil {
			m.url = "http://" + found[1]
			return
		}
		select {
		case <-more:
		case <-m.process.done:
			tb.Fatalf("the %s ended at its start, with exit code %d:\n%s", m, m.process.cmd.ProcessState.ExitCode(), m.process.Stderr.String())
		case <-deadline:
			tb.Fatalf("the %s did not start within %s:\n%s", m, startTimeout, m.process.Stderr.String())
		}
	}
}

// awaitReady waits until calls are taken, and each other process of the gateway is known to
// take them.
func (g *Gateway) awaitReady() {
	g.tb.Helper()
	var peers []string
	for _, m := range g.state.members {
		if !m.edge() {
			peers = append(peers, m.services)
		}
	}
	Within(g.tb, startTimeout, "the gateway is ready", func() error {
		answer := g.Call(http.MethodGet, "/health/readiness", Call{Key: NoKey})
		if answer.Status != http.StatusOK {
			return fmt.Errorf("/health/readiness answers %d: %s", answer.Status, answer.Body)
		}
		var health struct{ Dependencies []dependency }
		answer.JSON(g.tb, &health)
		for _, d := range health.Dependencies {
			if d.Status != "up" && slices.Contains(peers, d.Name) {
				return fmt.Errorf("the %s is %s", d.Name, d.Status)
			}
		}
		return nil
	})
}

// Output is what the gateway wrote for people (stdout) and its log (stderr).
func (g *Gateway) Output() (stdout, stderr string) {
	return g.process.Stdout.String(), g.process.Stderr.String()
}

// Process is the running process, or the edge's.
func (g *Gateway) Process() *Process { return g.process }

// Kill ends all of the gateway at once, as a machine's loss does.
func (g *Gateway) Kill() {
	for _, m := range g.state.members {
		m.process.Kill()
	}
}

// Terminate sends SIGTERM to those who take applications' calls and returns; Stop then waits
// for the end. A second SIGTERM would end a process at once, and is never sent.
func (g *Gateway) Terminate() {
	g.tb.Helper()
	g.state.mu.Lock()
	defer g.state.mu.Unlock()
	if g.state.terminated {
		return
	}
	g.state.terminated = true
	for _, m := range g.state.members {
		if m.edge() && !m.process.Ended() {
			m.terminate(g.tb)
		}
	}
}

func (m *member) terminate(tb testing.TB) {
	tb.Helper()
	if err := m.process.Terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Errorf("SIGTERM to the %s: %v", m, err)
	}
}

// Leave ends this edge alone, by SIGTERM, or the whole gateway, and waits for the end.
func (g *Gateway) Leave() {
	g.tb.Helper()
	if !Apart() {
		g.Stop()
		return
	}
	for _, m := range g.state.members {
		if m.process == g.process {
			m.left.Store(true)
			m.terminate(g.tb)
		}
	}
	if code := g.process.Wait(g.tb, stopTimeout); code != 0 {
		g.tb.Errorf("the edge exits with %d:\n%s", code, g.process.Stderr.String())
	}
}

// Secret names texts that must not appear in logs, metrics and the database.
func (g *Gateway) Secret(texts ...string) {
	g.state.mu.Lock()
	defer g.state.mu.Unlock()
	g.state.secrets = append(g.state.secrets, texts...)
}

// Stop ends the gateway by SIGTERM, if it still runs, the edges first, as an operator does
// who loses no call. It checks that each process exits with 0 and that nothing leaked.
func (g *Gateway) Stop() {
	g.tb.Helper()
	g.state.stopped.Do(func() {
		g.tb.Helper()
		defer g.client.CloseIdleConnections()
		g.state.mu.Lock()
		ending := g.state.terminated
		g.state.mu.Unlock()
		pages := make(map[*member]string)
		for _, m := range g.state.members {
			if m.process.Ended() && !m.process.killed.Load() && !m.left.Load() && !(ending && m.edge()) {
				g.tb.Errorf("the %s ended by itself:\n%s", m, m.process.Stderr.String())
			}
			pages[m] = g.page(m, "/metrics")
		}
		g.Terminate()
		g.awaitEnd((*member).edge)
		inner := func(m *member) bool { return !m.edge() }
		for _, m := range g.state.members {
			if inner(m) && !m.process.Ended() {
				m.terminate(g.tb)
			}
		}
		g.awaitEnd(inner)
		g.assertNoLeak(pages)
		if g.tb.Failed() {
			for _, m := range g.state.members {
				g.tb.Logf("the %s's log:\n%s", m, m.process.Stderr.String())
			}
		}
	})
}

// awaitEnd waits for some members' ends, and holds them to exit with 0.
func (g *Gateway) awaitEnd(which func(*member) bool) {
	g.tb.Helper()
	for _, m := range g.state.members {
		if !which(m) || m.process.killed.Load() {
			continue
		}
		if code := m.process.Wait(g.tb, stopTimeout); code != 0 {
			g.tb.Errorf("the %s exits with %d:\n%s", m, code, m.process.Stderr.String())
		}
	}
}

// assertNoLeak looks for the secrets wherever they would lie for others to read.
func (g *Gateway) assertNoLeak(pages map[*member]string) {
	g.tb.Helper()
	g.state.mu.Lock()
	secrets := append([]string(nil), g.state.secrets...)
	g.state.mu.Unlock()
	if len(secrets) == 0 {
		return // it never started
	}
	for _, m := range g.state.members {
		secrettest.AssertNoLeak(g.tb, m.process.Stderr.String(), secrets...)
		secrettest.AssertNoLeak(g.tb, pages[m], secrets...)
	}
	if Apart() {
		g.assertNoLeakInDatabase(secrets)
		return
	}
	files, err := filepath.Glob(filepath.Join(g.DataDir, "*.db*"))
	if err != nil || len(files) == 0 && g.state.database.IsZero() {
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
