package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/secret/secrettest"
)

var update = flag.Bool("update", false, "write the golden files")

// env is a fixed environment.
func env(pairs ...string) config.LookupEnv {
	return func(name string) (string, bool) {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v, true
			}
		}
		return "", false
	}
}

func load(t *testing.T, yaml string, pairs ...string) (*config.Config, []config.Warning, error) {
	t.Helper()
	return config.Load(config.Source{Name: "test.yaml", Data: []byte(yaml), LookupEnv: env(pairs...)})
}

func mustLoad(t *testing.T, yaml string, pairs ...string) *config.Config {
	t.Helper()
	cfg, _, err := load(t, yaml, pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// golden compares got with a file beside the input.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

func inputs(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no inputs in testdata/%s: %v", dir, err)
	}
	return files
}

// leaks are the credentials that the test data and the tests' environment hold. None may reach a message.
var leaks = []string{"sk-literal-secret", "hunter2", "env-secret"}

func TestBadConfigurationsReportEveryProblem(t *testing.T) {
	for _, file := range inputs(t, "bad") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, warnings, err := config.Load(config.Source{
				Name: filepath.Base(file), Data: data,
				LookupEnv: env("LEAKY=env-secret", "OPENAI_API_KEY=env-secret"),
			})
			var problems *config.Error
			if !errors.As(err, &problems) || cfg != nil {
				t.Fatalf("Load = %v, %v; want no Config and an *Error", cfg, err)
			}
			got := err.Error() + "\n"
			for _, w := range warnings {
				got += "warning: " + w.String() + "\n"
			}
			secrettest.AssertNoLeak(t, got, leaks...)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got)
		})
	}
}

// Files in the layout of LiteLLM's documentation start; what has no effect is named.
func TestLiteLLMConfigurationsStartWithWarningsOnly(t *testing.T) {
	for _, file := range inputs(t, "litellm") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, warnings, err := config.Load(config.Source{
				Name: filepath.Base(file), Data: data,
				LookupEnv: env("OPENAI_API_KEY=env-secret-1", "OPENAI_API_KEY_2=env-secret-2", "ANTHROPIC_API_KEY=env-secret-3",
					"GEMINI_API_KEY=env-secret-4", "GROQ_API_KEY=env-secret-5", "LITELLM_MASTER_KEY=env-secret-6-long",
					"DATABASE_URL=postgresql://llm:env-secret-7@db:5432/litellm", "REDIS_HOST=redis.internal",
					"REDIS_PORT=6380", "REDIS_PASSWORD=env-secret-8"),
			})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, w := range warnings {
				fmt.Fprintln(&b, "warning: "+w.String())
			}
			for _, d := range cfg.Deployments {
				fmt.Fprintf(&b, "deployment: %s -> %s/%s key=%s weight=%d order=%d base=%q\n", d.ModelName, d.Provider,
					d.UpstreamModel, d.Credential.State, d.Weight, d.Order, d.APIBase)
			}
			fmt.Fprintf(&b, "cache: enabled=%t store=%s tier=%s ttl=%s\n", cfg.Cache.Enabled, cfg.Cache.Store, cachetier.Name(cfg.Cache.Similarity.Last), cfg.Cache.TTL)
			secrettest.AssertNoLeak(t, b.String(), leaks...)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", b.String())
		})
	}
}

func TestDefaultConfiguration(t *testing.T) {
	cfg, warnings, err := config.Load(config.Default(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 0 {
		t.Errorf("the shipped configuration warns: %v", warnings)
	}
	if cfg.HasProviderKey() {
		t.Error("HasProviderKey with an empty environment")
	}
	upstream := map[string]string{}
	for _, d := range cfg.Deployments {
		if _, dup := upstream[d.ModelName]; dup {
			t.Errorf("%s is listed twice", d.ModelName)
		}
		upstream[d.ModelName] = string(d.Provider) + "/" + d.UpstreamModel
		if d.Credential.State != config.CredentialMissing || len(d.Credential.Variables) == 0 {
			t.Errorf("%s: credential %+v, want one that is missing, with its variable", d.ModelName, d.Credential)
		}
	}
	// SPEC.md, "Configuration": the models of the original configuration.
	for name, want := range map[string]string{
		"gpt-4o": "openai/gpt-4o", "gpt-4o-mini": "openai/gpt-4o-mini", "gpt-4-turbo": "openai/gpt-4-turbo",
		"gpt-3.5-turbo": "openai/gpt-3.5-turbo", "text-embedding-3-small": "openai/text-embedding-3-small",
		"claude-sonnet-4-5": "anthropic/claude-sonnet-4-5-20250929", "claude-opus-4-1": "anthropic/claude-opus-4-1-20250805",
		"claude-haiku-3-5": "anthropic/claude-3-5-haiku-20241022", "gemini-2-5-pro": "gemini/gemini-2.5-pro",
		"gemini-2-5-flash": "gemini/gemini-2.5-flash", "gemini-1-5-pro": "gemini/gemini-1.5-pro",
		"groq-llama-3-3-70b": "groq/llama-3.3-70b-versatile", "groq-mixtral-8x7b": "groq/mixtral-8x7b-32768",
	} {
		if upstream[name] != want {
			t.Errorf("%s is %q, want %q", name, upstream[name], want)
		}
	}
	if !cfg.Cache.Enabled || cfg.Cache.Store != config.CacheMemory || cfg.Router.Failover.Enabled || cfg.Guardrails.Mode != "detect" {
		t.Errorf("cache %+v, failover %+v, guardrails %+v", cfg.Cache, cfg.Router.Failover, cfg.Guardrails)
	}
	if cfg.Server.MaxBodyBytes != 10<<20 || cfg.Server.MaxBufferedBytes != 256<<20 || cfg.Server.MaxBufferedAnswerBytes != 256<<20 || cfg.Server.Addr != "127.0.0.1:4000" {
		t.Errorf("server %+v", cfg.Server)
	}
	for _, host := range []string{"api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "api.groq.com"} {
		if !cfg.General.AllowedHosts.Allows(host, "443") {
			t.Errorf("%s is not allowed", host)
		}
	}
}

// With some keys set, the models of the other providers are the caller's to disable.
func TestKeylessProvidersAreNamed(t *testing.T) {
	cfg, _, err := config.Load(config.Default(env("GEMINI_API_KEY=env-secret", "OPENAI_API_KEY=env-secret", "GROQ_API_KEY=")))
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.HasProviderKey() {
		t.Error("no provider key although two are set")
	}
	var got []string
	for _, k := range cfg.Keyless() {
		got = append(got, fmt.Sprintf("%s %s %t", k.Provider, k.Variables, slices.Contains(k.Models, "groq-mixtral-8x7b")))
	}
	if want := []string{"anthropic [ANTHROPIC_API_KEY] false", "groq [GROQ_API_KEY] true"}; !slices.Equal(got, want) {
		t.Errorf("keyless %q, want %q", got, want)
	}
	for _, d := range cfg.Deployments {
		if d.Provider == config.Gemini && d.Credential.Key.Reveal() != "env-secret" {
			t.Errorf("%s: GEMINI_API_KEY does not stand for GOOGLE_API_KEY", d.ModelName)
		}
	}
}

const oneModel = "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}]\n"

func TestEnvironmentExpansion(t *testing.T) {
	cfg := mustLoad(t, `
environment_variables:
  FROM_FILE: file-${PART}
model_list:
  - model_name: ${NAME}-x
    litellm_params:
      model: os.environ/MODEL
      api_key: os.environ/FROM_FILE
      rpm: os.environ/RPM
      extra_headers: {X-Literal: "$${NAME}"}
litellm_settings: {drop_params: os.environ/DROP}
`, "PART=part", "NAME=name", "MODEL=openai/gpt-4o", "RPM=60", "DROP=True")
	d := cfg.Deployments[0]
	if d.ModelName != "name-x" || d.UpstreamModel != "gpt-4o" || d.RPM != 60 || !cfg.DropParams {
		t.Errorf("deployment %+v, drop_params %t", d, cfg.DropParams)
	}
	if got := d.Credential.Key.Reveal(); got != "file-part" {
		t.Errorf("api_key %q", got)
	}
	if got := d.Headers["X-Literal"].Reveal(); got != "${NAME}" {
		t.Errorf("header %q", got)
	}
	if got := cfg.Environment["FROM_FILE"].Reveal(); got != "file-part" {
		t.Errorf("environment %q", got)
	}
}

// The message that SPEC.md's users look for first.
func TestUnsetVariableIsNamedWithItsPath(t *testing.T) {
	_, _, err := load(t, "model_list:\n- model_name: a\n  litellm_params:\n    model: openai/gpt-4o\n    api_key: os.environ/OPENAI_API_KEY\n")
	want := "test.yaml: 1 problem\n  line 5: model_list[0].litellm_params.api_key: environment variable OPENAI_API_KEY is not set"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestEnvironmentWinsOverTheFile(t *testing.T) {
	file := oneModel + `
server: {addr: ":1"}
general_settings: {master_key: file, database_url: "postgres://file/db", data_dir: file, allowed_provider_hosts: [file.example]}
litellm_settings: {cache: true, cache_params: {host: file}}
kafka: {brokers: ["file:9092"]}
`
	cfg := mustLoad(t, file, "TOLLGATE_ADDR=127.0.0.1:4001", "LITELLM_MASTER_KEY=sk-env-0123456789", "DATABASE_URL=postgres://u:p@env/db",
		"TOLLGATE_DATA_DIR=/data", "REDIS_URL=rediss://user:pw@env:6390/3", "KAFKA_BROKERS=k1:9092, k2:9093",
		"TOLLGATE_ALLOWED_PROVIDER_HOSTS=api.openai.com,127.0.0.1:8080")
	if cfg.Server.Addr != "127.0.0.1:4001" || cfg.General.MasterKey.Reveal() != "sk-env-0123456789" || cfg.General.DataDir != "/data" ||
		cfg.General.DatabaseURL.Reveal() != "postgres://u:p@env/db" {
		t.Errorf("server %+v general %+v", cfg.Server, cfg.General)
	}
	r := cfg.Redis
	if !r.Configured() || r.Host != "env" || r.Port != 6390 || r.DB != 3 || !r.TLS || r.Username != "user" || r.Password.Reveal() != "pw" {
		t.Errorf("redis %+v", r)
	}
	if cfg.Cache.Store != config.CacheRedis {
		t.Errorf("cache store %s: a configured Redis is used when no type is given", cfg.Cache.Store)
	}
	if got := fmt.Sprint(cfg.Kafka.Brokers, cfg.General.AllowedHosts); got != "[k1:9092 k2:9093] [api.openai.com 127.0.0.1:8080]" {
		t.Error(got)
	}
	// TOLLGATE_MASTER_KEY is the first name.
	if cfg := mustLoad(t, file, "LITELLM_MASTER_KEY=b-0123456789-0123", "TOLLGATE_MASTER_KEY=a-0123456789-0123"); cfg.General.MasterKey.Reveal() != "a-0123456789-0123" {
		t.Errorf("master key %q", cfg.General.MasterKey.Reveal())
	}
}

func TestKafka(t *testing.T) {
	got := mustLoad(t, oneModel+`
kafka: {brokers: ["a:1", "b:2"], topic: q, partitions: 3, replication_factor: 2, topic_config: {retention.ms: 604800000, cleanup.policy: delete}}
`).Kafka
	want := config.Kafka{
		Brokers: []string{"a:1", "b:2"}, Topic: "q", CreateTopic: true, Partitions: 3, ReplicationFactor: 2,
		TopicConfig: map[string]string{"retention.ms": "604800000", "cleanup.policy": "delete"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, _, err := load(t, oneModel+`
kafka: {topic: "a topic", partitions: 0, replication_factor: -1, outbox_retention: -1s}
`)
	if err == nil || strings.Count(err.Error(), "kafka.") != 4 {
		t.Errorf("error %v, want four problems", err)
	}
}

func TestReplica(t *testing.T) {
	file := oneModel + "cache: {replica: file}\n"
	if got := mustLoad(t, file).Cache.Similarity.Replica; got != "file" {
		t.Errorf("%q", got)
	}
	if got := mustLoad(t, file, "TOLLGATE_REPLICA=cache-0").Cache.Similarity.Replica; got != "cache-0" {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"~1", strings.Repeat("x", 129)} {
		if _, _, err := load(t, oneModel, "TOLLGATE_REPLICA="+bad); err == nil || !strings.Contains(err.Error(), "TOLLGATE_REPLICA") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// A variable is checked like a value of the file, and never quoted.
func TestBadVariables(t *testing.T) {
	_, _, err := load(t, oneModel, "TOLLGATE_ADDR=env-secret", "DATABASE_URL=env-secret", "REDIS_URL=http://env-secret",
		"KAFKA_BROKERS=env-secret", "TOLLGATE_ALLOWED_PROVIDER_HOSTS=https://env-secret")
	want := `test.yaml: 5 problems
  TOLLGATE_ALLOWED_PROVIDER_HOSTS: write a host or host:port, without scheme or path
  TOLLGATE_ADDR: must be host:port or :port
  DATABASE_URL: must be a postgres:// or postgresql:// URL
  REDIS_URL: must be a redis:// or rediss:// URL
  KAFKA_BROKERS: must be host:port`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestTypedValues(t *testing.T) {
	cfg := mustLoad(t, `
model_list:
  - model_name: m
    litellm_params: {model: openai/gpt-4o, api_key: k, timeout: 1.5, stream_timeout: 500ms, stream_idle_timeout: 20, max_retries: "4", order: 2,
                     input_cost_per_token: 2.5e-06, organization: org, drop_params: yes, extra_headers: {X-A: 1}}
    model_info: {id: 7, mode: chat, input_cost_per_token: 9, output_cost_per_token: 0.00001, max_input_tokens: 128000}
  - model_name: n
    litellm_params: {model: anthropic/claude-opus-5-5, api_key: k}
router_settings:
  routing_strategy: cost-based-routing
  retry_policy: {RateLimitErrorRetries: 0}
  model_group_alias: {a: m, h: {model: n, hidden: true}}
  fallbacks: [{m: [n]}]
  failover: {enabled: true, max_spend: 0.25, allowed_providers: [anthropic]}
litellm_settings: {max_budget: 100, budget_duration: 30d, request_timeout: 90}
server: {management_timeout: 1500ms}
compression: {profiles: {rag: {rate: 0.25, stages: [json_table, extractive]}}}
`)
	d := cfg.Deployments[0]
	if d.ID != "7" || d.Timeout != 1500*time.Millisecond || d.StreamTimeout != 500*time.Millisecond || d.StreamIdleTimeout != 20*time.Second || d.MaxRetries != 4 ||
		d.Order != 2 || d.Organization != "org" || d.DropParams == nil || !*d.DropParams || d.MaxInputTokens != 128000 {
		t.Errorf("deployment %+v", d)
	}
	if d.Prices["input_cost_per_token"] != "2.5e-06" || d.Prices["output_cost_per_token"] != "0.00001" {
		t.Errorf("prices %v: they stay as written, and litellm_params wins", d.Prices)
	}
	if n := cfg.Deployments[1]; n.MaxRetries != config.Unset || n.DropParams != nil || len(n.ID) != 24 || n.Weight != 1 {
		t.Errorf("deployment without settings %+v", n)
	}
	r := cfg.Router
	if r.Strategy != config.LowestCost || r.RetryPolicy.RateLimit != 0 || r.RetryPolicy.Timeout != config.Unset ||
		r.Aliases["h"] != (config.Alias{Model: "n", Hidden: true}) || r.Aliases["a"].Model != "m" || !slices.Equal(r.Fallbacks["m"], []string{"n"}) ||
		!r.Failover.Enabled || r.Failover.MaxSpend != "0.25" || !slices.Equal(r.Failover.AllowedProviders, []config.Provider{config.Anthropic}) {
		t.Errorf("router %+v", r)
	}
	if b := cfg.Budgets.Platform; b == nil || b.Limit != "100" || b.Window != "30d" || cfg.Budgets.Soft || cfg.RequestTimeout != 90*time.Second {
		t.Errorf("budget %+v, request timeout %s", b, cfg.RequestTimeout)
	}
	if cfg.Server.ManagementTimeout != 1500*time.Millisecond {
		t.Errorf("management timeout %s", cfg.Server.ManagementTimeout)
	}
	if p := cfg.Compression.Profiles["rag"]; p.Rate != 0.25 || p.MinTokens != 1000 || !slices.Equal(p.Stages, []string{"json_table", "extractive"}) {
		t.Errorf("profile %+v", p)
	}
}

func TestWeights(t *testing.T) {
	for _, c := range []struct{ name, a, b, want string }{
		{"none", "", "", "1 1"},
		{"weight, with 1 where there is none", ", weight: 3", "", "3 1"},
		{"a weight of 0 takes no traffic", ", weight: 0, rpm: 5", ", weight: 2", "0 2"},
		{"rpm", ", rpm: 100", ", rpm: 300", "100 300"},
		{"tpm when only one has an rpm", ", rpm: 100, tpm: 10", ", tpm: 20", "10 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := mustLoad(t, fmt.Sprintf("model_list:\n- {model_name: m, litellm_params: {model: openai/x, api_key: k%s}}\n- {model_name: m, litellm_params: {model: openai/x, api_key: l%s}}\n", c.a, c.b))
			if got := fmt.Sprint(cfg.Deployments[0].Weight, cfg.Deployments[1].Weight); got != c.want {
				t.Errorf("weights %s, want %s", got, c.want)
			}
			if cfg.Deployments[0].ID == cfg.Deployments[1].ID {
				t.Error("two deployments share an id")
			}
		})
	}
}

// A key from OPENAI_API_KEY belongs to OpenAI, not to whatever host api_base names.
func TestEnvironmentKeyStaysWithItsProvider(t *testing.T) {
	cfg := mustLoad(t, `
general_settings: {allowed_provider_hosts: ["127.0.0.1:8000", api.openai.com, api.openai.com.evil.example]}
model_list:
- {model_name: own, litellm_params: {model: openai/llama, api_base: "http://127.0.0.1:8000/v1"}}
- {model_name: evil, litellm_params: {model: openai/llama, api_base: "https://api.openai.com.evil.example/v1"}}
- {model_name: openai, litellm_params: {model: gpt-4o, api_base: "https://api.openai.com/v1/"}}
`, "OPENAI_API_KEY=env-secret")
	for i, want := range []config.CredentialState{config.CredentialNone, config.CredentialNone, config.CredentialSet} {
		if d := cfg.Deployments[i]; d.Credential.State != want {
			t.Errorf("%s: key %s, want %s", d.ModelName, d.Credential.State, want)
		}
	}
	if got := cfg.Deployments[2].APIBase; got != "https://api.openai.com/v1" {
		t.Errorf("base %q", got)
	}
}

func TestNothingPrintsACredential(t *testing.T) {
	cfg := mustLoad(t, `
environment_variables: {X: hunter2}
model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: sk-literal-secret, extra_headers: {X-Key: hunter2}}}]
general_settings: {master_key: sk-literal-secret, database_url: "postgres://u:hunter2@db/x"}
litellm_settings: {cache: true, cache_params: {type: redis, host: r, password: hunter2}}
tracing: {endpoint: "https://otlp.example", headers: {Authorization: hunter2}}
`)
	if cfg.Deployments[0].Credential.Key.Reveal() != "sk-literal-secret" || cfg.Redis.Password.Reveal() != "hunter2" {
		t.Fatal("the credentials were not read")
	}
	secrettest.AssertRedacts(t, *cfg, leaks...)
	secrettest.AssertRedacts(t, cfg.Deployments[0], leaks...)
	secrettest.AssertRedacts(t, cfg.Redis, leaks...)
	secrettest.AssertRedacts(t, cfg.General, leaks...)
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte(oneModel), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, env, want string }{
		{file, "", file},
		{"", "TOLLGATE_CONFIG=" + file, file},
		{"", "", "default.yaml (built in)"},
	} {
		src, err := config.Open(c.path, env(c.env))
		if err != nil {
			t.Fatal(err)
		}
		cfg, _, err := config.Load(src)
		if err != nil || cfg.Source != c.want {
			t.Errorf("Open(%q) with %q: %v, %v", c.path, c.env, cfg, err)
		}
	}
	if _, err := config.Open(file+".none", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that isn't there: %v", err)
	}
}

// Limits are counted in Redis when there is one, unless the file says otherwise.
func TestRateLimits(t *testing.T) {
	for yaml, want := range map[string]config.RateLimits{
		"": {Shared: true, Wait: 10 * time.Millisecond},
		"rate_limits: {wait: 2s, namespace: blue}\n": {Shared: true, Wait: 2 * time.Second, Namespace: "blue"},
		"rate_limits: {shared: false}\n":             {Wait: 10 * time.Millisecond},
	} {
		cfg, _, err := load(t, oneModel+yaml, "REDIS_URL=redis://r")
		if err != nil || cfg.RateLimits != want {
			t.Errorf("%q: %+v, %v", yaml, cfg, err)
		}
	}
	if cfg, _, err := load(t, oneModel); err != nil || cfg.RateLimits.Shared {
		t.Errorf("without a Redis: %v, %v", cfg, err)
	}
	_, _, err := load(t, oneModel+"rate_limits: {shared: true, wait: 0s}\n")
	for _, want := range []string{"rate_limits.shared: needs a Redis: set REDIS_URL", "rate_limits.wait: must be more than zero"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Redis holds the cache only when the file does not say otherwise, so the conditional warnings need files of their own.
func TestKeysThatOthersMakeIdle(t *testing.T) {
	const redisCache = "litellm_settings: {cache: true, cache_params: {type: redis, host: r, max_bytes: 1048576}}\n"
	for name, c := range map[string]struct {
		yaml string
		env  []string
		want []string
	}{
		"a bound of the memory that Redis is not": {
			yaml: redisCache,
			want: []string{"line 2: litellm_settings.cache_params.max_bytes: has no effect: the cache is in Redis, which has its own limit"},
		},
		"parameters of a cache that is off": {
			yaml: "litellm_settings: {cache_params: {namespace: n}}\n",
			want: []string{"line 2: litellm_settings.cache_params: has no effect: litellm_settings.cache is not true"},
		},
		"waits for a Redis that is not": {
			yaml: "rate_limits: {wait: 5ms, namespace: a}\n",
			want: []string{
				"line 2: rate_limits.namespace: has no effect: limits are counted in this process alone",
				"line 2: rate_limits.wait: has no effect: limits are counted in this process alone",
			},
		},
		"how nothing is to be kept": {
			yaml: "compression: {keep_omitted: 0, keep_omitted_bytes: 1048576, namespace: a}\n",
			want: []string{
				"line 2: compression.keep_omitted_bytes: has no effect: compression.keep_omitted is 0",
				"line 2: compression.namespace: has no effect: without a Redis, what was left out is kept in this process alone",
			},
		},
		"what a compression that is off leaves out": {
			yaml: "compression: {enabled: false, keep_omitted: 1h}\n",
			want: []string{"line 2: compression.keep_omitted: has no effect: compression.enabled is false"},
		},
		"a pool without a database": {
			yaml: "general_settings: {database_connection_pool_limit: 5}\n",
			want: []string{"line 2: general_settings.database_connection_pool_limit: has no effect: there is no database_url"},
		},
		"a time for a database that is not": {
			yaml: "general_settings: {database_connection_timeout: 5}\n",
			want: []string{"line 2: general_settings.database_connection_timeout: has no effect: there is no database_url"},
		},
		"a pool with one": {
			yaml: "general_settings: {database_connection_pool_limit: 5, database_connection_timeout: 5}\n", env: []string{"DATABASE_URL=postgres://u@db/x"},
		},
		"a topic without brokers": {
			yaml: "kafka: {topic: t, outbox_retention: 24h}\n",
			want: []string{"line 2: kafka.topic: has no effect: there are no brokers"},
		},
		"a topic with brokers by a variable": {
			yaml: "kafka: {topic: t, outbox_retention: 24h, partitions: 3}\n", env: []string{"KAFKA_BROKERS=k:1"},
			want: []string{"line 2: kafka.outbox_retention: has no effect: events leave the outbox when Kafka has them"},
		},
		"a topic that is made elsewhere": {
			yaml: "kafka: {brokers: [k:1], create_topic: false, partitions: 3}\n",
			want: []string{"line 2: kafka.partitions: has no effect: the topic is not made here"},
		},
		"nothing given": {},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, err := load(t, oneModel+c.yaml, c.env...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range warnings {
				got = append(got, w.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("warnings %q, want %q", got, c.want)
			}
		})
	}
}

// What keys are stored under must be long enough to derive from; that it is not shows before a database is opened.
func TestMasterSecretsAreLongEnough(t *testing.T) {
	const because = "must have at least 16 characters, because with a database the salt of stored keys derives from it; or set TOLLGATE_SALT_KEY"
	const db, salt = "DATABASE_URL=postgres://u@db/x", "LITELLM_SALT_KEY=salt-0123456789-0123"
	inFile := oneModel + "general_settings: {master_key: sk-1234}\n"
	for name, c := range map[string]struct {
		yaml string
		env  []string
		want string
	}{
		"from the file":                        {inFile, []string{db}, "line 2: general_settings.master_key: " + because},
		"from a variable":                      {inFile, []string{db, "LITELLM_MASTER_KEY=sk-1234"}, "TOLLGATE_MASTER_KEY: " + because},
		"with a salt":                          {inFile, []string{db, salt}, ""},
		"with a short salt":                    {inFile, []string{db, "TOLLGATE_SALT_KEY=salt"}, "TOLLGATE_SALT_KEY: must have at least 16 characters"},
		"with the embedded store":              {inFile, nil, ""},
		"none, which is made":                  {oneModel, []string{db}, ""},
		"long enough":                          {oneModel, []string{db, "TOLLGATE_MASTER_KEY=sk-0123456789012"}, ""},
		"a salt in the file's own environment": {"environment_variables: {LITELLM_SALT_KEY: salt-0123456789-0123}\n" + inFile, []string{db}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, warnings, err := load(t, c.yaml, c.env...)
			if c.want == "" {
				if err != nil || len(warnings) > 0 {
					t.Fatal(err, warnings)
				}
				if wantSalt := strings.Contains(name, "salt"); cfg.General.SaltKey.IsZero() == wantSalt {
					t.Errorf("salt %t, want %t", !cfg.General.SaltKey.IsZero(), wantSalt)
				}
				return
			}
			if want := "test.yaml: 1 problem\n  " + c.want; err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}
