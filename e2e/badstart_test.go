package e2e_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// freePort is an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// slowly sends the beginning of a request and nothing more, and returns all that
// comes back until the gateway closes the connection.
func slowly(ctx context.Context, t *testing.T, g *harness.Gateway, beginning string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the gateway has closed it
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, beginning); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if ctx.Err() != nil {
		t.Fatalf("the gateway waits for ever: %v", err)
	}
	return string(answer)
}

// oneModel is a configuration that starts.
const oneModel = "model_list:\n  - model_name: m\n    litellm_params: {model: openai/gpt-4o, api_key: provider-credential-9f8e7d6c5b4a}\n"

// TestRefusesToStart shows that what is wrong with the configuration or the machine
// ends the start: with an exit code, and one clear message on stderr.
func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	notAFolder := harness.WriteFile(t, "file", "not a folder")
	// Root writes anywhere, but not where there can be no folder.
	tests := map[string]struct {
		config string
		env    []string
		args   []string
		says   []string
	}{
		"port in use": {
			env:  []string{"TOLLGATE_ADDR=" + taken.Addr().String()},
			says: []string{"the address " + taken.Addr().String() + " is in use", "TOLLGATE_ADDR"},
		},
		"unwritable data folder": {
			env:  []string{"TOLLGATE_DATA_DIR=" + filepath.Join(notAFolder, "data")},
			says: []string{"data folder", "not a directory"},
		},
		"provider off the allowlist": {
			config: strings.Replace(oneModel, "api_key", `api_base: "https://evil.example/v1", api_key`, 1),
			says:   []string{"line 3: model_list[0].litellm_params.api_base", "provider_host_not_allowed", "evil.example:443"},
		},
		"plain http to a host elsewhere": {
			config: strings.Replace(oneModel, "api_key", `api_base: "http://api.openai.com/v1", api_key`, 1),
			says:   []string{"provider_host_not_allowed", "plain http is for loopback hosts only"},
		},
		"unknown key": {
			config: oneModel + "router_setings: {}\n",
			says:   []string{"line 4: router_setings: unknown key; did you mean router_settings?"},
		},
		"unset environment name": {
			config: strings.Replace(oneModel, "provider-credential-9f8e7d6c5b4a", "os.environ/NOBODY_SETS_THIS", 1),
			says:   []string{"line 3: model_list[0].litellm_params.api_key: environment variable NOBODY_SETS_THIS is not set"},
		},
		"invalid YAML": {
			config: "model_list: [\n",
			says:   []string{"not valid YAML"},
		},
		"no model": {
			config: "litellm_settings: {cache: true}\n",
			says:   []string{"model_list: is missing; it needs at least one model"},
		},
		"two faults, both named": {
			config: oneModel + "metrics: {namespace: litelm}\nserver: {adr: x}\n",
			says:   []string{"did you mean litellm?", "server.adr: unknown key; did you mean addr?", "2 problems"},
		},
		"blocking guardrails": {
			config: oneModel + "guardrails: {mode: block}\n",
			says:   []string{"guardrails.mode: mode block comes with a later release; this one detects nothing, and blocks nothing\n"},
		},
		"no such file": {
			args: []string{"serve", "--config", filepath.Join(t.TempDir(), "nothing.yaml")},
			says: []string{"tollgate: configuration: open ", "nothing.yaml: no such file"},
		},
		"bad address": {
			env:  []string{"TOLLGATE_ADDR=everywhere"},
			says: []string{"TOLLGATE_ADDR: must be host:port or :port\n"},
		},
		"bad brokers": {
			env:  []string{"KAFKA_BROKERS=::::"},
			says: []string{"tollgate: default.yaml (built in): 1 problem\n  KAFKA_BROKERS: must be host:port\n"},
		},
		"a price map that is not there": {
			config: oneModel + "pricing: {file: /nothing/prices.json}\n",
			says:   []string{"pricing.file", "no such file"},
		},
		"a database of another kind": {
			env:  []string{"DATABASE_URL=mysql://nobody:hunter2hunter2@127.0.0.1/x"},
			says: []string{"DATABASE_URL", "postgres://"},
		},
		"a database that nobody serves": {
			config: oneModel + "general_settings: {database_connection_timeout: 1}\n",
			env:    []string{"DATABASE_URL=postgres://u:hunter2hunter2@" + freePort(t) + "/ledger"},
			says: []string{
				"waiting for the database", "connection refused",
				"\ntollgate: database: postgres: no connection in time: failed to connect to `user=u database=ledger`",
			},
		},
		"unknown command": {
			args: []string{"sreve"},
			says: []string{`tollgate: unknown command "sreve"; tollgate --help`},
		},
		"unknown flag": {
			args: []string{"serve", "--confg", "x"},
			says: []string{"tollgate: flag provided but not defined: -confg; tollgate --help"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			env := append([]string{
				"TOLLGATE_ADDR=127.0.0.1:0", "TOLLGATE_DATA_DIR=" + dir, "TOLLGATE_MASTER_KEY=" + harness.MasterKey,
			}, test.env...)
			args := test.args
			if args == nil {
				args = []string{"serve"}
			}
			if test.config != "" {
				args = append(args, "--config", harness.WriteFile(t, "config.yaml", test.config))
			}
			p := harness.Spawn(t, env, args...)
			if code := p.Wait(t, harness.Patience); code != 1 {
				t.Errorf("the exit code is %d", code)
			}
			stderr := p.Stderr.String()
			for _, want := range test.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr does not say %q:\n%s", want, stderr)
				}
			}
			for _, secret := range []string{harness.MasterKey, harness.ProviderKey, "hunter2hunter2"} {
				if strings.Contains(stderr+p.Stdout.String(), secret) {
					t.Errorf("a secret is shown:\n%s", stderr)
				}
			}
			if strings.Contains(stderr, `"ERROR"`) || strings.Count("\n"+stderr, "\ntollgate: ") != 1 {
				t.Errorf("the fault is not told once:\n%s", stderr)
			}
			if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "reflect") {
				t.Errorf("the message is for the programmer, not the operator:\n%s", stderr)
			}
			if out := p.Stdout.String(); out != "" {
				t.Errorf("stdout announces something all the same: %q", out)
			}
		})
	}
}

// TestLiteLLMConfigStarts starts with a file of LiteLLM's. Each key that has no effect
// is named in a warning.
func TestLiteLLMConfigStarts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "platform/config/testdata/litellm/quickstart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	g := harness.Start(t, harness.Options{Config: string(text), Env: []string{
		"OPENAI_API_KEY=" + harness.ProviderKey, "OPENAI_API_KEY_2=" + harness.ProviderKey, "ANTHROPIC_API_KEY=" + harness.ProviderKey,
		"AZURE_API_KEY=" + harness.ProviderKey, "LITELLM_MASTER_KEY=" + harness.MasterKey,
	}})
	_, stderr := g.Output()
	for _, key := range []string{"litellm_params.max_tokens: has no effect", "does not serve provider azure", "set_verbose: has no effect"} {
		if !strings.Contains(stderr, key) {
			t.Errorf("no warning says %q:\n%s", key, stderr)
		}
	}
}
