package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate.dev/platform/postgres/postgrestest"
)

// gateway is the process under test with everything on: key check, limits and budgets
// of the key and of its team, the durable ledger, the exact cache, metrics.
type gateway struct {
	procs processes
	// addr takes the calls; metrics are where each process has its own.
	addr    string
	metrics []string
	client  *http.Client
	master  string
	key     string
	// pprof is where each process was asked to serve profiles, by its name; nil for nowhere.
	pprof map[string]string
	// dropDatabase removes the database that services apart share; nil in one process.
	dropDatabase func() error
}

// Model names of the gateway's configuration.
const (
	benchModel      = "bench"
	benchPacedModel = "bench-paced"
)

// configuration is a file in LiteLLM's layout. The cache is bounded so that the memory
// after load shows the gateway with a full cache and not only how much was asked. The
// prices are given because a server behind an api_base of its own has none that is known,
// and budgets of what costs nothing are cheap to keep.
const configuration = `model_list:
  - model_name: %[1]s
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: "http://%[3]s%[4]s"
      api_key: simulated
      input_cost_per_token: 0.00000015
      output_cost_per_token: 0.0000006
  - model_name: %[2]s
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: "http://%[3]s%[5]s"
      api_key: simulated
      input_cost_per_token: 0.00000015
      output_cost_per_token: 0.0000006
litellm_settings:
  cache: true
  cache_params: {type: local, max_bytes: %[6]d}
general_settings:
  allowed_provider_hosts: ["%[3]s"]
`

// buildGateway builds the gateway of this workspace and returns its binary.
func buildGateway(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "tollgate")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "tollgate.dev/services/cmd/tollgate") //nolint:gosec // the variable is a path of our own
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return binary, nil
}

// gatewayOptions are what a gateway is started with.
type gatewayOptions struct {
	binary, dir string
	// simulator is the provider's address.
	simulator  string
	cacheBytes int64
	profiles   bool
	// apart runs each service in a process of its own.
	apart bool
}

// startGateway starts a gateway on an empty data folder, and makes the team and the key.
func startGateway(ctx context.Context, o gatewayOptions) (g *gateway, err error) {
	config := filepath.Join(o.dir, "config.yaml")
	if err := os.MkdirAll(o.dir, 0o750); err != nil {
		return nil, fmt.Errorf("gateway's folder: %w", err)
	}
	text := fmt.Sprintf(configuration, benchModel, benchPacedModel, o.simulator, openAIBase, pacedBase, o.cacheBytes)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("gateway's configuration: %w", err)
	}
	g = &gateway{client: &http.Client{Timeout: answerTimeout, Transport: &http.Transport{}}, master: "sk-" + rand.Text()}
	env := []string{"TOLLGATE_CONFIG=" + config, "TOLLGATE_MASTER_KEY=" + g.master}
	if o.profiles {
		g.pprof = make(map[string]string)
	}
	if o.apart {
		env, err = g.startServices(ctx, o, env)
	}
	if err == nil {
		err = g.start(ctx, o, "gateway", "listens on http://", append(env, "TOLLGATE_ADDR=127.0.0.1:0"))
	}
	if err != nil {
		return nil, errors.Join(err, g.stop())
	}
	g.addr = g.procs[len(g.procs)-1].addr
	if err := g.issue(ctx); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

var errNoServer = errors.New(postgrestest.Variable + " is not set: run `make bench`, which starts a PostgreSQL, or leave services apart out by --one-process")

// startServices starts every service but the edge, each after those that it calls, and returns
// the environment of the edge.
func (g *gateway) startServices(ctx context.Context, o gatewayOptions, env []string) ([]string, error) {
	server := os.Getenv(postgrestest.Variable)
	if server == "" {
		return nil, errNoServer
	}
	database, drop, err := postgrestest.Create(ctx, server)
	if err != nil {
		return nil, err
	}
	g.dropDatabase = drop
	env = append(env, "DATABASE_URL="+database.Reveal(), "TOLLGATE_MESH_TOKEN="+rand.Text(), "TOLLGATE_MESH_ADDR=127.0.0.1:0", "TOLLGATE_DRAIN_DELAY=0s")
	for _, s := range []string{"keystore", "budget", "cache", "compressor", "router"} {
		if err := g.start(ctx, o, s, "for other processes on ", append(env, "TOLLGATE_SERVICES="+s)); err != nil {
			return nil, err
		}
		env = append(env, "TOLLGATE_"+strings.ToUpper(s)+"_URL=http://"+g.procs[len(g.procs)-1].addr)
	}
	return append(env, "TOLLGATE_SERVICES=edge"), nil
}

// start starts one process with a data folder of its own.
func (g *gateway) start(ctx context.Context, o gatewayOptions, name, mark string, env []string) error {
	if g.pprof != nil {
		address, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		g.pprof[name], env = address, append(slices.Clone(env), "TOLLGATE_PPROF_ADDR="+address)
	}
	cmd := exec.Command(o.binary, "serve") //nolint:gosec,noctx // the binary is ours; stop ends it in order
	cmd.Env = environment(append(slices.Clone(env), "TOLLGATE_DATA_DIR="+filepath.Join(o.dir, name))...)
	process, err := startChild(ctx, name, mark, filepath.Join(o.dir, name+".log"), cmd)
	if err != nil {
		return err
	}
	g.procs = append(g.procs, process)
	g.metrics = append(g.metrics, process.addr)
	return nil
}

// target is the way through the gateway.
func (g *gateway) target(name string) *target {
	return &target{
		name: name, addr: g.addr, path: "/v1" + chatPath, pacedPath: "/v1" + chatPath,
		model: benchModel, pacedModel: benchPacedModel, key: g.key,
		procs: g.procs, counters: g.counters, miss: "miss",
	}
}

func (g *gateway) stop() error {
	g.client.CloseIdleConnections()
	err := g.procs.stop()
	if g.dropDatabase != nil {
		err = errors.Join(err, g.dropDatabase())
	}
	return err
}

// freeAddress is a loopback address that nobody listened on a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// issue makes the team and its key. Every limit is there and none is ever reached.
func (g *gateway) issue(ctx context.Context) error {
	limits := func(more map[string]any) map[string]any {
		all := map[string]any{
			"team_id": "bench", "models": []string{benchModel, benchPacedModel},
			"rpm_limit": 1_000_000_000, "tpm_limit": 1_000_000_000_000, "max_parallel_requests": 10_000,
			"max_budget": 10_000_000, "budget_duration": "30d",
		}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	if err := g.manage(ctx, "/team/new", limits(nil), nil); err != nil {
		return err
	}
	var issued struct {
		Key string `json:"key"`
	}
	if err := g.manage(ctx, "/key/generate", limits(map[string]any{"key_alias": "bench"}), &issued); err != nil {
		return err
	}
	if g.key = issued.Key; g.key == "" {
		return errors.New("the gateway issued no key")
	}
	return nil
}

// manage posts to a management route as the operator.
func (g *gateway) manage(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return g.send(ctx, http.MethodPost, path, g.master, bytes.NewReader(body), func(r io.Reader) error {
		if out == nil {
			return nil
		}
		return json.NewDecoder(r).Decode(out)
	})
}

func (g *gateway) send(ctx context.Context, method, path, key string, body io.Reader, read func(io.Reader) error) error {
	return g.sendTo(ctx, g.addr, method, path, key, body, read)
}

func (g *gateway) sendTo(ctx context.Context, addr, method, path, key string, body io.Reader, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, body)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	return fetch(g.client, req, read)
}

// fetch does a request whose answer must be 200.
func fetch(client *http.Client, req *http.Request, read func(io.Reader) error) (err error) {
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", req.URL.Path, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // best effort: it only explains
		return fmt.Errorf("%s: status %s: %s", req.URL.Path, resp.Status, text)
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("%s: %w", req.URL.Path, err)
	}
	return nil
}

// counters adds up what the gateway's processes have allocated, by their own /metrics.
func (g *gateway) counters(ctx context.Context) (sum counters, err error) {
	for _, addr := range g.metrics {
		err := g.sendTo(ctx, addr, http.MethodGet, "/metrics", g.master, nil, func(r io.Reader) error {
			c, err := parseCounters(r)
			sum.Mallocs += c.Mallocs
			sum.AllocBytes += c.AllocBytes
			return err
		})
		if err != nil {
			return counters{}, err
		}
	}
	return sum, nil
}

// parseCounters reads the two counters of Prometheus's Go collector from its text format.
func parseCounters(r io.Reader) (c counters, err error) {
	want := map[string]*float64{"go_memstats_mallocs_total": &c.Mallocs, "go_memstats_alloc_bytes_total": &c.AllocBytes}
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			err = lines.Err()
			break
		}
		name, value, _ := strings.Cut(lines.Text(), " ")
		into := want[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
		delete(want, name)
	}
	if err == nil && len(want) > 0 {
		err = errors.New("the metrics of the Go runtime's memory are missing")
	}
	return c, err
}

// charged proves that the ledger was on: what the key has spent, in dollars, which must
// be more than nothing.
func (g *gateway) charged(ctx context.Context) (spend float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		var info struct {
			Info struct {
				Spend float64 `json:"spend"`
			} `json:"info"`
		}
		err := g.send(ctx, http.MethodGet, "/key/info", g.key, nil, func(r io.Reader) error {
			return json.NewDecoder(r).Decode(&info)
		})
		if err != nil {
			return 0, err
		}
		if info.Info.Spend > 0 {
			return info.Info.Spend, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, fmt.Errorf("the key has spent nothing: was it metered? %w", err)
		}
	}
}
