// Package config reads Tollgate's one YAML file, which has the layout of LiteLLM's proxy
// configuration, and gives back a typed, validated [Config] in which no YAML type is left.
//
// # Where Tollgate's own keys live
//
// A key that extends something LiteLLM has a section for lives in that section:
// general_settings.allowed_provider_hosts, general_settings.data_dir, router_settings.failover,
// litellm_settings.cache_params.max_bytes. What LiteLLM has no section for is a top-level section:
// server, metrics, tracing, kafka, pricing, cache, budgets, rate_limits, compression, and guardrails as a mapping (as
// a list it is LiteLLM's and has no effect).
//
// # How strict it is
//
// Every problem is reported, each with its path and line. A key that nobody knows is an error with a
// suggestion. A key that LiteLLM knows and Tollgate does not honour is a [Warning], so that an existing
// LiteLLM file starts. No message ever quotes a credential, nor a value that came out of the environment.
//
// # Environment
//
// os.environ/NAME as a whole value and ${NAME} inside one are resolved in every string; $${NAME} is the
// literal ${NAME}. An empty variable counts as one that is not set. The variables that SPEC.md lists
// (TOLLGATE_ADDR, DATABASE_URL, …) win over the file.
package config

import (
	"time"

	"tollgate.dev/platform/secret"
)

// Unset is the value of an optional count that the file does not give.
const Unset = -1

// Config is one validated configuration. It is read-only after [Load] and safe to share.
type Config struct {
	// Source names the file it came from, for logs.
	Source string
	// Deployments lists every deployment that can be called, in file order. It is never empty.
	Deployments []Deployment
	Router      Router
	Cache       Cache
	// Redis is the shared connection.
	Redis       Redis
	General     General
	Server      Server
	Metrics     Metrics
	Tracing     Tracing
	Kafka       Kafka
	Pricing     Pricing
	Budgets     Budgets
	RateLimits  RateLimits
	WAL         WAL
	Guardrails  Guardrails
	Compression Compression
	Mesh        Mesh
	// DropParams drops a field the provider can't honour instead of refusing the call.
	DropParams bool
	// RequestTimeout bounds one request with all its attempts. Always positive.
	RequestTimeout time.Duration
	// JSONLogs selects JSON log lines.
	JSONLogs bool
	// Callbacks lists LiteLLM callback names that Tollgate serves ([callbackNames]), without repeats.
	Callbacks []string
	// Environment holds the file's environment_variables. They shadow the process environment.
	Environment map[string]secret.String
}

// Provider names a wire dialect.
type Provider string

// The providers that Tollgate speaks.
const (
	OpenAI    Provider = "openai"
	Anthropic Provider = "anthropic"
	Gemini    Provider = "gemini"
	Groq      Provider = "groq"
)

// CredentialState says whether a deployment can authenticate.
type CredentialState uint8

const (
	// CredentialNone means that no key is configured and none is expected: an OpenAI-compatible server on a
	// host of its own. The provider's environment key is never sent to such a host.
	CredentialNone CredentialState = iota
	// CredentialSet means that Credential.Key holds the key.
	CredentialSet
	// CredentialMissing means that the provider wants a key and none of Credential.Variables is set. The caller
	// decides: with no key for any provider it may simulate, otherwise it disables the deployment.
	CredentialMissing
)

// String names the state for logs.
func (s CredentialState) String() string {
	switch s {
	case CredentialSet:
		return "set"
	case CredentialMissing:
		return "missing"
	default:
		return "none"
	}
}

// Credential is a deployment's provider key.
type Credential struct {
	State CredentialState
	// Key is empty unless State is CredentialSet.
	Key secret.String
	// Variables names the environment variables that were consulted, in order.
	Variables []string
}

// Deployment is one upstream model behind a model name.
type Deployment struct {
	// ID is unique in the Config: model_info.id, or a stable digest of the deployment's non-secret fields.
	ID string
	// ModelName is what callers ask for.
	ModelName string
	Provider  Provider
	// UpstreamModel is the provider's own model id, without prefix.
	UpstreamModel string
	Credential    Credential
	// APIBase is an absolute URL without a trailing slash, on an allowed host; empty for the provider's own.
	APIBase      string
	Organization string
	// RPM and TPM are what the provider grants; they limit nothing, but see Weight. 0 is not given.
	RPM, TPM int64
	// MaxParallel limits calls at the same time; 0 is no limit.
	MaxParallel int
	// Weight is the share in the weighted shuffle: the file's weight; without any in the group the rpm, then
	// the tpm, where every deployment of the group has one; otherwise 1. 0 takes no traffic.
	Weight int64
	// Order is the priority, lower first; 0 (not given) comes after all that have one.
	Order int
	// Timeout, StreamTimeout and StreamIdleTimeout bound one attempt; 0 takes the router's.
	Timeout, StreamTimeout, StreamIdleTimeout time.Duration
	// MaxRetries is the number of retries on this deployment, or Unset.
	MaxRetries int
	// CooldownTime overrides the router's; 0 takes the router's.
	CooldownTime time.Duration
	// Headers are sent with each call. A header may carry a credential, hence the type.
	Headers map[string]secret.String
	// DropParams is nil when the deployment leaves it to Config.DropParams.
	DropParams *bool
	// Mode is LiteLLM's model_info.mode, which goes over the price table's; "" when not given.
	Mode string
	// BaseModel is the price-table name when it differs from UpstreamModel.
	BaseModel string
	// Prices overrides the price table: LiteLLM's field name to dollars per unit as an exact decimal.
	Prices map[string]Decimal
	// MaxInputTokens, MaxOutputTokens and MaxTokens are model_info's limits; 0 is unknown.
	MaxInputTokens, MaxOutputTokens, MaxTokens int64
	// DeprecationDate is the provider's shutdown date, YYYY-MM-DD, or empty.
	DeprecationDate string
}

// Decimal is a non-negative decimal number exactly as written, such as "2.5" or "1.5e-07".
type Decimal string

// Strategy is a routing strategy.
type Strategy string

// The strategies, by LiteLLM's names.
const (
	WeightedShuffle Strategy = "simple-shuffle"
	LeastBusy       Strategy = "least-busy"
	LowestLatency   Strategy = "latency-based-routing"
	LowestCost      Strategy = "cost-based-routing"
)

// Router holds router_settings.
type Router struct {
	Strategy Strategy
	// NumRetries is the number of further attempts of a request, 0 to 100.
	NumRetries int
	// RetryAfterMin is the least wait before a deployment is tried again by the same call.
	RetryAfterMin time.Duration
	// RetryPolicy overrides NumRetries by error class.
	RetryPolicy RetryPolicy
	// AllowedFails is how many failures in a minute a deployment may have before its cooldown.
	AllowedFails int
	// CooldownTime is how long a failing deployment rests; DisableCooldowns turns it off.
	CooldownTime     time.Duration
	DisableCooldowns bool
	// Timeout bounds one attempt at a whole answer, StreamTimeout the wait for a stream's first event,
	// StreamIdleTimeout that for each further one. Always positive.
	Timeout, StreamTimeout, StreamIdleTimeout time.Duration
	// Aliases maps a further name to a model name.
	Aliases map[string]Alias
	// Fallbacks maps a model name ("*" for any) to the models to try instead, in order. They are used only when
	// Failover is enabled.
	Fallbacks, ContextWindowFallbacks map[string][]string
	// DefaultFallbacks apply where Fallbacks has no entry.
	DefaultFallbacks []string
	MaxFallbacks     int
	Failover         Failover
}

// RetryPolicy is LiteLLM's retry_policy: retries by error class, each a count or Unset.
type RetryPolicy struct {
	BadRequest, Authentication, Timeout, RateLimit, ContentPolicy, InternalServer, ServiceUnavailable, NotFound, Default int
}

// Alias is one entry of model_group_alias.
type Alias struct {
	Model string
	// Hidden keeps the alias out of /v1/models.
	Hidden bool
}

// Failover is the policy that turns failover to another model on.
type Failover struct {
	Enabled bool
	// MaxSpend caps, in dollars, what one request's failover may cost; empty is no cap.
	MaxSpend Decimal
	// AllowedProviders limits the targets; empty allows all.
	AllowedProviders []Provider
}

// CacheStore says where the cache lives.
type CacheStore string

// The cache stores.
const (
	CacheMemory CacheStore = "memory"
	CacheRedis  CacheStore = "redis"
)

// Cache holds litellm_settings.cache, cache_params and the cache section.
type Cache struct {
	Enabled bool
	Store   CacheStore
	// Namespace prefixes every key; empty is none.
	Namespace string
	TTL       time.Duration
	// Timeout is how long a call waits for Redis; then nothing is found, or kept. Always positive.
	Timeout time.Duration
	// MaxBytes bounds the in-process store, 8 MiB when not given: what a small process can spare.
	MaxBytes int64
	// OptIn means that only requests that ask are cached (LiteLLM's mode: default_off).
	OptIn bool
	// ToolCalls keeps answers that call tools, too, and Truncated those that were cut by a limit
	// on their length.
	ToolCalls, Truncated bool
	// Similarity says how an answer to one question may serve another.
	Similarity Similarity
	// SupportedCallTypes is [ChatCompletion], or nothing: LiteLLM's list without what Tollgate does not cache.
	SupportedCallTypes []string
}

// Redis is one Redis connection.
type Redis struct {
	// Host is empty when no Redis is configured.
	Host     string
	Port     int
	Username string
	Password secret.String
	DB       int
	TLS      bool
}

// Configured reports whether there is a Redis.
func (r Redis) Configured() bool { return r.Host != "" }

// General holds general_settings.
type General struct {
	// MasterKey is empty when none is configured.
	MasterKey secret.String
	// MasterKeyVariable is the variable of the process that holds it; empty when the file alone does, or nothing.
	MasterKeyVariable string
	// SaltKey is what stored hashes and credentials are bound to, from the environment; empty when it is not set.
	SaltKey secret.String
	// DatabaseURL is a postgres:// URL, or empty for the embedded store in DataDir.
	DatabaseURL  secret.String
	DatabasePool int
	// DatabaseTimeout is how long the start waits for the server.
	DatabaseTimeout time.Duration
	DataDir         string
	AllowedHosts    HostList
	// AllowedRoutes limits what keys may call; empty is no limit.
	AllowedRoutes, AdminOnlyRoutes []string
	// MaxParallelRequests is the default limit per key, GlobalMaxParallelRequests that of the process; 0 is none.
	MaxParallelRequests, GlobalMaxParallelRequests int
}

// Server holds the listener's limits.
type Server struct {
	Addr string
	// MaxBodyBytes bounds one request's body, MaxBufferedBytes all that are held at one time.
	// MaxBufferedAnswerBytes bounds the memory of all answers.
	MaxBodyBytes, MaxBufferedBytes, MaxBufferedAnswerBytes int64
	ReadHeaderTimeout, ReadTimeout, IdleTimeout            time.Duration
	// ManagementTimeout bounds what a request that manages keys or teams waits for other services.
	// Always positive.
	ManagementTimeout time.Duration
	// DrainDelay is how long calls are still taken at shutdown, for those who choose where to
	// send theirs to learn of it. GracePeriod is how long running requests may finish then.
	DrainDelay, GracePeriod time.Duration
}

// WAL holds the wal section: the edge's log of reservations and settlements on the local disk.
type WAL struct {
	Enabled bool
	// Dir is empty for the folder wal in the data folder.
	Dir string
	// MaxBytes bounds the log on the disk.
	MaxBytes int64
	// SyncEvery is how long a record waits for the disk at most; 0 leaves it to the operating system.
	SyncEvery time.Duration
}

// Metrics holds the metrics section.
type Metrics struct {
	// Namespace is "tollgate" or "litellm".
	Namespace string
}

// Tracing holds the tracing section; an empty Endpoint leaves it to the OTEL_ variables.
type Tracing struct {
	Endpoint    string
	Headers     map[string]secret.String
	SampleRatio float64
}

// Kafka holds the kafka section; without Brokers the outbox keeps the events.
type Kafka struct {
	Brokers []string
	Topic   string
	// CreateTopic makes the topic, when there is none, with what follows.
	CreateTopic bool
	// Partitions is at least 1. ReplicationFactor is the brokers' default when 0.
	Partitions, ReplicationFactor int
	// TopicConfig are settings of the topic, such as retention.ms.
	TopicConfig map[string]string
	// OutboxRetention is how long events are kept while there are no Brokers; 0 is for ever.
	OutboxRetention time.Duration
}

// Pricing holds the pricing section.
type Pricing struct {
	// File is a price map in LiteLLM's format that overrides the built-in table; empty is none.
	File string
}

// Budgets holds the budgets section.
type Budgets struct {
	// Soft only reports; otherwise spend never passes a limit.
	Soft bool
	// Platform is the limit over all tenants, nil when there is none.
	Platform *Budget
}

// Budget is a limit over a window.
type Budget struct {
	// Limit is in dollars.
	Limit Decimal
	// Window is a count with s, m, h, d, w or mo, or "month" for the calendar month.
	Window string
}

// RateLimits holds the rate_limits section: how the limits of keys and teams are counted.
type RateLimits struct {
	// Shared counts them in Redis, over all replicas. It is only true with a Redis.
	Shared bool
	// Wait bounds how long a call waits for Redis. Always positive.
	Wait time.Duration
	// Namespace prefixes every key; empty is none.
	Namespace string
}

// Guardrails holds the guardrails section. The only mode is detect.
type Guardrails struct {
	Enabled bool
	Mode    string
}

// Compression holds the compression section. Nothing is compressed unless a key, tenant or request asks.
type Compression struct {
	Enabled bool
	// Timeout is when the original goes out instead.
	Timeout time.Duration
	// MaxTextBytes bounds the text of a prompt that is compressed.
	MaxTextBytes int64
	// Profiles are those of the product, by name, as the file changes them.
	Profiles   map[string]CompressionProfile
	LLMLingua2 LLMLingua2
	// KeepOmitted is how long what was left out can be fetched; 0 keeps nothing.
	KeepOmitted time.Duration
	// KeepOmittedBytes bounds the memory that it takes in a process: all of it, or with a Redis what waits for that.
	KeepOmittedBytes int64
	// Namespace prefixes every key in Redis; empty is none.
	Namespace string
}

// CompressionProfile is one named setting.
type CompressionProfile struct {
	// Rate is the share of tokens to keep, in (0, 1].
	Rate float64
	// MinTokens is the size from which prompts are compressed.
	MinTokens int
	// Stages are the names of the stages that run; nil is all.
	Stages []string
	// Engine is what shortens text.
	Engine CompressionEngine
}

// CompressionEngine names what shortens text by what it says.
type CompressionEngine string

// The engines.
const (
	EngineExtractive CompressionEngine = "extractive"
	EngineLLMLingua2 CompressionEngine = "llmlingua2"
)

// CompressionStages are the names of the stages, in the order in which they run.
func CompressionStages() []string {
	return []string{"blob", "fold", "json_space", "json_table", "repeat", string(EngineExtractive), string(EngineLLMLingua2)}
}

// LLMLingua2 is the model of the engine of that name.
type LLMLingua2 struct {
	// Model is the folder that it is in; empty is none, and then no profile has the engine.
	Model string
	// Concurrency is how many parts of texts are computed at once, Threads how many processors share one.
	Concurrency, Threads int
	// Timeout and MaxTextBytes stand in the places of Compression's for profiles with the engine.
	Timeout      time.Duration
	MaxTextBytes int64
}

// TimeoutOf is when the original goes out instead of what a profile makes of it.
func (c *Compression) TimeoutOf(profile string) time.Duration {
	if c.Profiles[profile].Engine == EngineLLMLingua2 {
		return c.LLMLingua2.Timeout
	}
	return c.Timeout
}

// AsksModel tells whether a profile has the engine llmlingua2.
func (c *Compression) AsksModel() bool {
	for _, p := range c.Profiles {
		if p.Engine == EngineLLMLingua2 {
			return true
		}
	}
	return false
}

// Keyless groups the deployments of one provider whose key is missing.
type Keyless struct {
	Provider  Provider
	Variables []string
	Models    []string
}

// HasProviderKey reports whether any deployment can authenticate or needs no key. When it is false the caller may
// route everything to the simulator.
func (c *Config) HasProviderKey() bool {
	for i := range c.Deployments {
		if c.Deployments[i].Credential.State != CredentialMissing {
			return true
		}
	}
	return false
}

// Keyless lists the providers whose key is missing, in file order, with the model names that need it.
func (c *Config) Keyless() []Keyless {
	var out []Keyless
	at := map[Provider]int{}
	for i := range c.Deployments {
		d := &c.Deployments[i]
		if d.Credential.State != CredentialMissing {
			continue
		}
		j, ok := at[d.Provider]
		if !ok {
			j = len(out)
			at[d.Provider] = j
			out = append(out, Keyless{Provider: d.Provider, Variables: d.Credential.Variables})
		}
		out[j].Models = append(out[j].Models, d.ModelName)
	}
	return out
}
