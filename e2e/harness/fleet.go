package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// FleetOptions say how a fleet is started.
type FleetOptions struct {
	// Config is the text of a configuration file.
	Config string
	// Env are variables, each NAME=value: DATABASE_URL, and what else all processes need.
	Env []string
	// Replicas is how many there are of each service; default 2.
	Replicas int
}

// Fleet is a deployment of every service in processes of its own, several of each, at
// addresses that stay the same when a process is started again.
type Fleet struct {
	tb     testing.TB
	opts   FleetOptions
	config string
	env    []string
	client *http.Client
	// Nodes are the processes, in the order in which they start.
	Nodes []*Node
}

// Node is one process of a fleet, over all of its lives.
type Node struct {
	// Service is what runs in it.
	Service string
	// URL is where it is.
	URL string

	fleet   *Fleet
	data    string
	process *Process
}

// fleetServices are in the order in which they are started, and restarted.
var fleetServices = []string{"keystore", "budget", "cache", "compressor", "router", "edge"}

// StartFleet starts a fleet and waits until all of it is ready. The end of the test kills what
// still runs.
func StartFleet(tb testing.TB, opts FleetOptions) *Fleet {
	tb.Helper()
	if opts.Replicas == 0 {
		opts.Replicas = 2
	}
	f := &Fleet{tb: tb, opts: opts, config: WriteFile(tb, "fleet.yaml", opts.Config), client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	f.env = append([]string{"TOLLGATE_MASTER_KEY=" + MasterKey, "TOLLGATE_MESH_TOKEN=e2e-fleet-token-0123456789abcdef0123456789"}, opts.Env...)
	addresses := claimAddresses(tb, len(fleetServices)*opts.Replicas)
	for _, service := range fleetServices {
		var urls []string
		for range opts.Replicas {
			n := &Node{Service: service, URL: "http://" + addresses[len(f.Nodes)], fleet: f, data: tb.TempDir()}
			f.Nodes, urls = append(f.Nodes, n), append(urls, n.URL)
		}
		if service != "edge" {
			f.env = append(f.env, "TOLLGATE_"+strings.ToUpper(service)+"_URL="+strings.Join(urls, ","))
		}
	}
	// The first process of a service with a database migrates it, and the others wait for it.
	for _, n := range f.Nodes {
		n.Start()
	}
	for _, n := range f.Nodes {
		n.AwaitReady()
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			for _, n := range f.Nodes {
				tb.Logf("the log of %s at %s:\n%s", n.Service, n.URL, n.process.Stderr.String())
			}
		}
	})
	return f
}

// claimAddresses are as many addresses that nobody listens on, and that no other fleet is given
// while the test runs: whoever listens on the port before them has them. They lie below the
// ports that the system gives to connections, so that they are still free when a process is
// started again.
func claimAddresses(tb testing.TB, n int) []string {
	tb.Helper()
	const first, last, block = 15000, 30000, 50
	if n >= block {
		tb.Fatalf("a fleet has %d processes at most", block-1)
	}
	listen := func(port int) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	}
	blocks := (last - first) / block
	at := rand.IntN(blocks) //nolint:gosec // chance, no secret
search:
	for i := range blocks {
		port := first + (at+i)%blocks*block
		claim, err := listen(port)
		if err != nil {
			continue
		}
		var out []string
		for p := range n {
			free, err := listen(port + 1 + p)
			if err != nil {
				_ = claim.Close() // nobody has connected
				continue search
			}
			out = append(out, free.Addr().String())
			_ = free.Close() // nobody has connected
		}
		tb.Cleanup(func() { _ = claim.Close() })
		return out
	}
	tb.Fatal("there are no free ports")
	return nil
}

// Of are the processes of a service.
func (f *Fleet) Of(service string) []*Node {
	var out []*Node
	for _, n := range f.Nodes {
		if n.Service == service {
			out = append(out, n)
		}
	}
	return out
}

// URLs are where the processes of a service are.
func (f *Fleet) URLs(service string) []string {
	var out []string
	for _, n := range f.Of(service) {
		out = append(out, n.URL)
	}
	return out
}

// Edge is an edge of the fleet as a gateway that can be called; the fleet has its process.
func (f *Fleet) Edge(i int) *Gateway {
	return &Gateway{URL: f.Of("edge")[i].URL, Master: MasterKey, tb: f.tb, client: f.client, state: &state{}}
}

// Stop ends all processes by SIGTERM, those first that need the others, and holds them to exit
// with 0.
func (f *Fleet) Stop() {
	f.tb.Helper()
	for _, service := range slices.Backward(fleetServices) {
		var ends sync.WaitGroup
		for _, n := range f.Of(service) {
			n.Resume()
			n.terminate()
			ends.Go(func() { <-n.process.Done() })
		}
		ends.Wait()
		for _, n := range f.Of(service) {
			n.exited()
		}
	}
}

// Start starts the process, also one that has ended.
func (n *Node) Start() {
	n.fleet.tb.Helper()
	_, address, _ := strings.Cut(n.URL, "//")
	env := append(slices.Clone(n.fleet.env), "TOLLGATE_SERVICES="+n.Service, "TOLLGATE_DATA_DIR="+n.data)
	if n.Service == "edge" {
		env = append(env, "TOLLGATE_ADDR="+address)
	} else {
		env = append(env, "TOLLGATE_MESH_ADDR="+address)
	}
	n.process = Spawn(n.fleet.tb, env, "serve", "--config", n.fleet.config)
}

// AwaitReady waits until the process says that it is ready. Another one's answer does not count.
func (n *Node) AwaitReady() {
	n.fleet.tb.Helper()
	Within(n.fleet.tb, startTimeout, n.Service+" is ready", func() error {
		select {
		case <-n.process.Done():
			n.fleet.tb.Fatalf("%s ended at its start:\n%s", n.Service, n.process.Stderr.String())
		default:
		}
		if status := n.Readiness(); status != http.StatusOK {
			return fmt.Errorf("/health/readiness answers %d", status)
		}
		if _, address, _ := strings.Cut(n.URL, "//"); !strings.Contains(n.process.Stdout.String(), address) {
			return fmt.Errorf("the process does not say that it listens on %s, where somebody is ready", address)
		}
		return nil
	})
}

// Readiness is what /health/readiness answers; 0 for nothing within 2 s.
func (n *Node) Readiness() int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/health/readiness", http.NoBody)
	if err != nil {
		return 0
	}
	resp, err := n.fleet.client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close() // its status is all that counts
	return resp.StatusCode
}

// Shows is nil if the process's metrics have a series without labels whose value is not below
// least and not above most.
func (n *Node) Shows(series string, least, most float64) error {
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := n.fleet.client.Do(req)
	if err != nil {
		return err
	}
	page, err := readAll(resp)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(page), "\n"+series+" ")
	text, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("the metrics of %s have no %s: %w", n.Service, series, err)
	}
	if value < least || value > most {
		return fmt.Errorf("%w: %s of %s is %g, not from %g to %g", errMetric, series, n.Service, value, least, most)
	}
	return nil
}

var errMetric = errors.New("the metrics say otherwise")

// Restart ends the process by SIGTERM, starts it again and waits until it is ready.
func (n *Node) Restart() {
	n.fleet.tb.Helper()
	n.terminate()
	n.exited()
	n.Start()
	n.AwaitReady()
}

func (n *Node) terminate() {
	if err := n.process.Terminate(); err != nil {
		n.fleet.tb.Errorf("SIGTERM to %s: %v", n.Service, err)
	}
}

func (n *Node) exited() {
	n.fleet.tb.Helper()
	if code := n.process.Wait(n.fleet.tb, 2*stopTimeout); code != 0 {
		n.fleet.tb.Errorf("%s exits with %d:\n%s", n.Service, code, n.process.Stderr.String())
	}
}

// Kill ends the process as a crash does.
func (n *Node) Kill() { n.process.Kill() }

// Pause stops the process where it is: its connections stay open, and nothing is answered.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP) }

// Resume has a paused process go on.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) {
	n.fleet.tb.Helper()
	if err := n.process.cmd.Process.Signal(s); err != nil && !errors.Is(err, syscall.ESRCH) {
		n.fleet.tb.Errorf("signal %v to %s: %v", s, n.Service, err)
	}
}

// PeakMemory is the most that the process has held, as Linux tells; 0 where nobody does.
func (n *Node) PeakMemory() (bytes int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.process.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib := int64(0)
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib << 10
}
