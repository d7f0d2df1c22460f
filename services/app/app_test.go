package app

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/fx"

	"tollgate.dev/platform/config"
)

// start runs a whole process in a data folder of its own, until the test ends.
func start(t *testing.T, yaml string, env ...string) (*Process, *journal) {
	t.Helper()
	log := &journal{}
	return run(t, options(t, yaml, log, env...)), log
}

// run starts a process, which the end of the test stops.
func run(t *testing.T, opts Options) *Process {
	t.Helper()
	p, err := New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return p
}

func options(t *testing.T, yaml string, log *journal, env ...string) Options {
	t.Helper()
	env = append(env, "TOLLGATE_ADDR", "127.0.0.1:0", "TOLLGATE_DATA_DIR", t.TempDir(), "TOLLGATE_MASTER_KEY", masterText)
	cfg := shipped(t, env...)
	if yaml != "" {
		cfg = load(t, yaml, env...)
	}
	return Options{Config: cfg, Version: "test", Out: io.Discard, Log: log.logger()}
}

// ask sends a request with the master key, and returns the answer with its body.
func ask(t *testing.T, p *Process, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+masterText)
	req.Close = true // no connection outlives the test
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	return resp, string(text)
}

const chatPath = "/v1/chat/completions"

// Every service can run alone, beside any others, and all in one process.
func TestTheGraphIsComplete(t *testing.T) {
	targets := []string{"", "keystore,budget", "edge,cache,compressor", "router,cache", "keystore,budget,cache,compressor,router"}
	for _, s := range config.Services() {
		targets = append(targets, string(s))
	}
	for _, services := range targets {
		t.Run(services, func(t *testing.T) {
			opts := options(t, "", &journal{}, apart(services)...)
			if err := fx.ValidateApp(graph(t.Context(), opts, &opened{})); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// apart is the environment of a process that runs some services, with the others anywhere.
func apart(services string) []string {
	env := []string{
		"TOLLGATE_SERVICES", services, "TOLLGATE_MESH_TOKEN", "mesh-token-0123456789",
		"DATABASE_URL", "postgres://nobody@127.0.0.1:1/none",
	}
	for _, s := range config.Services()[1:] {
		env = append(env, "TOLLGATE_"+strings.ToUpper(string(s))+"_URL", "http://127.0.0.1:1")
	}
	return env
}

// Without a key the simulator answers, and says so; Stop leaves nothing behind, which
// TestMain checks.
func TestProcessWithTheSimulator(t *testing.T) {
	p, log := start(t, "")
	resp, body := ask(t, p, http.MethodPost, chatPath, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}`)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Tollgate-Simulated") != "true" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	var out bytes.Buffer
	if err := p.Announce(&out); err != nil || !strings.Contains(out.String(), p.Addr()) || !strings.Contains(out.String(), "simulator") {
		t.Errorf("%v: announced %s", err, &out)
	}
	if strings.Contains(log.String(), "past the day") || strings.Contains(log.String(), "key is not set") {
		t.Errorf("logged what is no matter of the simulator's: %s", log)
	}
}

func TestProcessWithSomeKeys(t *testing.T) {
	p, log := start(t, "", "OPENAI_API_KEY", "k-0123456789")
	if p.found.Simulator.addr != "" {
		t.Error("the simulator runs beside a provider's key")
	}
	for _, want := range []string{"provider=anthropic", "GROQ_API_KEY", "gpt-4-turbo (2026-10-23)"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not name %s:\n%s", want, log)
		}
	}
	if _, body := ask(t, p, http.MethodGet, "/v1/models", ""); !strings.Contains(body, `"gpt-4o"`) || strings.Contains(body, "claude") {
		t.Errorf("models %s", body)
	}
}

// The services know each other: the budget service asks the keystore whom a budget limits.
func TestBudgetOfNobody(t *testing.T) {
	p, _ := start(t, "")
	for id, want := range map[string]string{"TENANT\",\"id\":\"nosuch": "there is no such tenant", "KEY\",\"id\":\"nosuch": "there is no such key"} {
		resp, body := ask(t, p, http.MethodPost, "/tollgate.budget.v1.BudgetService/PutBudget",
			`{"budget":{"scope":{"kind":"SCOPE_KIND_`+id+`"},"limitNanos":"1"}}`, "Content-Type", "application/json")
		if resp.StatusCode != http.StatusNotFound || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", id, resp.StatusCode, body)
		}
	}
}

// The keystore is told which secret is the master key.
func TestMasterKeyIsNoVirtualKey(t *testing.T) {
	p, _ := start(t, "")
	_, made := ask(t, p, http.MethodPost, "/key/generate", `{"key":"sk-a-virtual-key-0123"}`)
	for path, body := range map[string]string{
		"/key/generate":   `{"key":"` + masterText + `"}`,
		"/key/regenerate": `{"key":"sk-a-virtual-key-0123","new_key":"` + masterText + `"}`,
	} {
		if resp, text := ask(t, p, http.MethodPost, path, body); resp.StatusCode != http.StatusConflict {
			t.Errorf("%s: %d %s, after %s", path, resp.StatusCode, text, made)
		}
	}
}

func TestStartFails(t *testing.T) {
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"port in use": {
			func(o *Options) { o.Config.Server.Addr = taken.Addr().String() },
			"the address " + taken.Addr().String() + " is in use: stop what listens there, or set TOLLGATE_ADDR",
		},
		"unwritable data folder": {
			func(o *Options) { o.Config.General.DataDir = filepath.Join(file, "data") },
			"data folder (set TOLLGATE_DATA_DIR for another): mkdir " + file + ": not a directory",
		},
		// The last constructor fails, with the database open and the simulator listening;
		// TestMain checks that neither is left behind.
		"a platform budget that is no amount": {
			func(o *Options) { o.Config.Budgets.Platform = &config.Budget{Limit: "much", Window: "1d"} },
			`budgets.platform: money: not a decimal number: "much"`,
		},
		"a log that cannot be kept": {
			func(o *Options) { o.Config.WAL.Dir = filepath.Join(file, "wal") },
			"the log of calls cannot be kept (wal.dir in the configuration sets its folder): journal: " +
				filepath.Join(file, "wal") + ": mkdir " + file + ": not a directory",
		},
		"a price map that is not there": {
			func(o *Options) { o.Config.Pricing.File = file + ".none" },
			"pricing.file: open " + file + ".none: no such file or directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := &journal{}
			opts := options(t, oneModel, log)
			tc.change(&opts)
			p, err := New(t.Context(), opts)
			if err == nil {
				err = p.Start(t.Context())
			}
			if err == nil || err.Error() != tc.says {
				t.Errorf("got %v\nwant %s", err, tc.says)
			}
			// The error is said once, by whoever gets it.
			if strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("the log says it as well:\n%s", log)
			}
		})
	}
}

// simulatedModel is a model that the simulator serves.
const simulatedModel = "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o}}]\n"

func TestHiddenAliasIsServedAndNotListed(t *testing.T) {
	p, _ := start(t, simulatedModel+"router_settings: {model_group_alias: {open: m, closed: {model: m, hidden: true}}}\n")
	for _, path := range []string{"/v1/models", "/model/info"} {
		if _, body := ask(t, p, http.MethodGet, path, ""); !strings.Contains(body, `"open"`) || strings.Contains(body, `"closed"`) {
			t.Errorf("%s: %s", path, body)
		}
	}
	resp, body := ask(t, p, http.MethodPost, chatPath, `{"model":"closed","messages":[{"role":"user","content":"hi"}]}`)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestCacheThatIsAskedFor(t *testing.T) {
	p, _ := start(t, simulatedModel+"litellm_settings: {cache: true, cache_params: {mode: default_off}}\n")
	for _, tc := range []struct{ cache, want string }{
		{``, "bypass"}, {``, "bypass"}, {`,"cache":{"use-cache":false}`, "bypass"}, {`,"cache":{"use-cache":true}`, "miss"},
		{`,"cache":{"use-cache":true}`, "hit"}, {``, "bypass"},
	} {
		resp, body := ask(t, p, http.MethodPost, chatPath, `{"model":"m","messages":[{"role":"user","content":"hi"}]`+tc.cache+`}`)
		if got := resp.Header.Get("X-Cache"); resp.StatusCode != http.StatusOK || got != tc.want {
			t.Errorf("with %q: %d, X-Cache %q, want %q: %s", tc.cache, resp.StatusCode, got, tc.want, body)
		}
	}
}

// What dashboards of LiteLLM look at is there before the first call.
func TestMetricsOfAFreshProcess(t *testing.T) {
	p, _ := start(t, simulatedModel+"metrics: {namespace: litellm}\n")
	_, metrics := ask(t, p, http.MethodGet, "/metrics", "")
	for _, want := range []string{
		`litellm_compression_requests_total{profile="default",result="compressed"} 0`,
		`litellm_provider_retries_total{provider="anthropic"} 0`,
		`litellm_provider_errors_total{code="provider_rate_limited",provider="gemini"} 0`,
		`litellm_tokens_total{model="m",provider="openai",type="prompt"} 0`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no line is %s", want)
		}
	}
}

func TestCompressionIsOffAltogether(t *testing.T) {
	for settings, want := range map[string]bool{"": true, "compression: {enabled: false}\n": false} {
		p, _ := start(t, simulatedModel+settings)
		resp, body := ask(t, p, http.MethodPost, chatPath, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, "X-Compress", "rag")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		_, metrics := ask(t, p, http.MethodGet, "/metrics", "")
		tried := regexp.MustCompile(`tollgate_compression_requests_total\{profile="rag",result="\w+"\} [1-9]`)
		if got := tried.MatchString(metrics); got != want {
			t.Errorf("%q: compression was tried %t, want %t\n%s", settings, got, want, metrics)
		}
	}
}

// A process ends although its database does not answer. What it has settled and could not
// deliver is in its log, and the next process delivers it.
func TestStopWithTheDatabaseAway(t *testing.T) {
	o := options(t, "", &journal{})
	run := func() *Process {
		t.Helper()
		p, err := New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := run()
	call := func(id string) {
		t.Helper()
		resp, body := ask(t, p, http.MethodPost, chatPath, `{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "`+id+`"}]}`, "X-Request-Id", id)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	call("at-the-start") // asks what budgets there are
	db, err := sql.Open("sqlite", filepath.Join(o.Config.General.DataDir, "tollgate.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	call("before-the-stop")
	if err := p.Stop(context.WithoutCancel(t.Context())); err == nil || !strings.Contains(err.Error(), "not delivered") {
		t.Errorf("the stop says %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	p = run()
	if _, body := ask(t, p, http.MethodGet, "/spend/logs?request_id=before-the-stop", ""); strings.Count(body, `"request_id":"before-the-stop"`) != 1 {
		t.Errorf("the ledger has %s", body)
	}
	if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// A process that stops as it should leaves nothing in the folder of its log; while it runs,
// it has a log there.
func TestLogOfCalls(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	o := options(t, "", &journal{})
	o.Config.WAL.Dir = dir
	p, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if resp, body := ask(t, p, http.MethodPost, chatPath, `{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}`); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	logs := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if logs() == 0 {
		t.Error("a running process has no log")
	}
	if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := logs(); n != 0 {
		t.Errorf("a clean stop left %d segments", n)
	}
}
