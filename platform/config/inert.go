package config

import (
	"cmp"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
)

// inertKey is a key that is read and checked, so that a mistake shows, and that changes nothing in this release.
type inertKey struct {
	// why ends the warning.
	why string
	// quiet is the value that asks for what holds anyway: it needs no warning. Neither does an empty list or
	// mapping.
	quiet string
}

const (
	noFailover   = "this release does not fail over to another model"
	noRetryRules = "router_settings.num_retries counts for every error and every deployment"
	noParallel   = "it limits nothing; a key's own max_parallel_requests does, and a deployment's"
	noGuardrails = "this release detects nothing"
	noTraces     = "this release exports no traces"
)

// inertKeys are the keys without effect, by their path, [] for any element and * for any name. Keys of LiteLLM's that
// are not even read stand in schema.go.
var inertKeys = map[string]inertKey{
	"model_list[].litellm_params.max_retries": {why: noRetryRules},
	"model_list[].litellm_params.num_retries": {why: noRetryRules},

	"router_settings.retry_policy":               {why: noRetryRules},
	"router_settings.fallbacks":                  {why: noFailover},
	"router_settings.context_window_fallbacks":   {why: noFailover},
	"router_settings.default_fallbacks":          {why: noFailover},
	"router_settings.max_fallbacks":              {why: noFailover},
	"router_settings.failover.enabled":           {why: noFailover, quiet: "false"},
	"router_settings.failover.max_spend":         {why: noFailover},
	"router_settings.failover.allowed_providers": {why: noFailover},

	"litellm_settings.fallbacks":                {why: noFailover},
	"litellm_settings.context_window_fallbacks": {why: noFailover},
	"litellm_settings.default_fallbacks":        {why: noFailover},

	"general_settings.max_parallel_requests":        {why: noParallel, quiet: "0"},
	"general_settings.global_max_parallel_requests": {why: noParallel, quiet: "0"},

	"tracing":            {why: noTraces},
	"guardrails.enabled": {why: noGuardrails, quiet: "false"},
	"guardrails.mode":    {why: noGuardrails},
}

var elementIndex = regexp.MustCompile(`\[\d+\]`)

// warnInert warns when the value at v is one of a key without effect.
func (l *loader) warnInert(v value) {
	path := elementIndex.ReplaceAllString(v.path, "[]")
	key, ok := inertKeys[path]
	if !ok || l.asksForNothing(v, key.quiet) {
		return
	}
	l.warnf(v.line, v.path, "has no effect: %s", key.why)
}

func (l *loader) asksForNothing(v value, quiet string) bool {
	n := v.node
	if n.Kind == yaml.ScalarNode {
		return quiet != "" && strings.EqualFold(strings.TrimSpace(l.env.expand(n.Value).text), quiet)
	}
	return n.Kind != yaml.AliasNode && len(n.Content) == 0
}

// conditional warns of keys that have no effect beside the rest of this file. The semantic tier does not run
// where unasked says why not.
func (l *loader) conditional(cfg *Config, unasked string) {
	const notLearned = "no threshold is learned: the semantic tier does not run, or the threshold is given"
	notSemantic := "the semantic tier does not run: " + cmp.Or(unasked, "cache.tier is not semantic")
	notAsked := "the semantic tier's embedder is another one, or does not run"
	if unasked != "" {
		notAsked = notSemantic
	}
	sim := &cfg.Cache.Similarity
	semantic := cfg.Cache.Enabled && sim.Last == cachev1.Tier_TIER_SEMANTIC
	// All that the near tier finds has at least this score.
	const nearScore = 0.99
	bounds := semantic || sim.Last == cachev1.Tier_TIER_NEAR && sim.Threshold != nil && *sim.Threshold > nearScore
	learns, asksModel := semantic && sim.Threshold == nil, semantic && sim.Embedder.Kind == EmbedderProvider
	for _, c := range []struct {
		path string
		idle bool
		why  string
	}{
		{"litellm_settings.cache_params", !cfg.Cache.Enabled, "litellm_settings.cache is not true"},
		{"litellm_settings.cache_params.namespace", cfg.Cache.Enabled && cfg.Cache.Store == CacheMemory, "the cache is this process's own"},
		{"litellm_settings.cache_params.socket_timeout", cfg.Cache.Enabled && cfg.Cache.Store == CacheMemory, "the cache is this process's own"},
		{"litellm_settings.cache_params.max_bytes", cfg.Cache.Enabled && cfg.Cache.Store == CacheRedis, "the cache is in Redis, which has its own limit"},
		{"litellm_settings.cache_params.similarity_threshold", cfg.Cache.Enabled && !bounds, notSemantic},
		{"litellm_settings.cache_params.redis_semantic_cache_embedding_model", cfg.Cache.Enabled && !asksModel, notAsked},
		{"cache", !cfg.Cache.Enabled, "litellm_settings.cache is not true"},
		{"cache.similarity_threshold", cfg.Cache.Enabled && !bounds, notSemantic},
		{"cache.max_wrong_hit_rate", cfg.Cache.Enabled && !learns, notLearned},
		{"cache.confidence", cfg.Cache.Enabled && !learns, notLearned},
		{"cache.sample", cfg.Cache.Enabled && !learns, notLearned},
		{"cache.embedder", cfg.Cache.Enabled && !semantic, notSemantic},
		{"cache.embedder.model", semantic && sim.Embedder.Kind != EmbedderProvider, "cache.embedder.kind is not provider"},
		{"cache.embedder.dimensions", semantic && sim.Embedder.Kind != EmbedderProvider, "cache.embedder.kind is not provider"},
		{"cache.embedder.shorten", semantic && sim.Embedder.Kind != EmbedderProvider, "cache.embedder.kind is not provider"},
		{"cache.embedder.folder", semantic && sim.Embedder.Kind != EmbedderONNX, "cache.embedder.kind is not onnx"},
		{"cache.index_bytes", cfg.Cache.Enabled && sim.Last == cachev1.Tier_TIER_EXACT, "cache.tier is exact"},
		{"general_settings.database_connection_pool_limit", cfg.General.DatabaseURL.IsZero(), "there is no database_url"},
		{"general_settings.database_connection_timeout", cfg.General.DatabaseURL.IsZero(), "there is no database_url"},
		{"kafka.topic", len(cfg.Kafka.Brokers) == 0, "there are no brokers"},
		{"kafka.create_topic", len(cfg.Kafka.Brokers) == 0, "there are no brokers"},
		{"kafka.partitions", len(cfg.Kafka.Brokers) == 0 || !cfg.Kafka.CreateTopic, "the topic is not made here"},
		{"kafka.replication_factor", len(cfg.Kafka.Brokers) == 0 || !cfg.Kafka.CreateTopic, "the topic is not made here"},
		{"kafka.topic_config", len(cfg.Kafka.Brokers) == 0 || !cfg.Kafka.CreateTopic, "the topic is not made here"},
		{"kafka.outbox_retention", len(cfg.Kafka.Brokers) > 0, "events leave the outbox when Kafka has them"},
		{"rate_limits.wait", !cfg.RateLimits.Shared, "limits are counted in this process alone"},
		{"rate_limits.namespace", !cfg.RateLimits.Shared, "limits are counted in this process alone"},
		{"compression.keep_omitted", !cfg.Compression.Enabled, "compression.enabled is false"},
		{"compression.keep_omitted_bytes", cfg.Compression.KeepOmitted == 0, "compression.keep_omitted is 0"},
		{"compression.namespace", !cfg.Redis.Configured(), "without a Redis, what was left out is kept in this process alone"},
		{"compression.llmlingua2", !cfg.Compression.AsksModel(), "no profile has the engine llmlingua2"},
		{"wal.dir", !cfg.WAL.Enabled, "wal.enabled is false"},
		{"wal.max_bytes", !cfg.WAL.Enabled, "wal.enabled is false"},
		{"wal.sync_every", !cfg.WAL.Enabled, "wal.enabled is false"},
		{"budgets.mode", cfg.Budgets.Platform == nil, "there is no budget of the platform"},
	} {
		if v, given := l.given[c.path]; given && c.idle {
			l.warnf(v.line, v.path, "has no effect: %s", c.why)
		}
	}
	if semantic {
		l.lowThresholds(sim)
	}
	for name, m := range sim.Models {
		if v, given := l.given["cache.models."+name+".tier"]; given && cfg.Cache.Enabled && m.Last > sim.Last {
			l.warnf(v.line, v.path, "has no effect: cache.tier is %s", cachetier.Name(sim.Last))
		}
	}
	for name, v := range l.variables {
		if !l.env.used[name] {
			l.warnf(v.line, v.path, "has no effect: nothing in this file refers to it")
		}
	}
}

// lowThresholds warns of those that let the semantic tier serve what is about something else: the veto's
// rules see how two questions differ, and not what they are about.
func (l *loader) lowThresholds(sim *Similarity) {
	warn := func(path string, threshold *float64) {
		if v, given := l.given[path]; given && threshold != nil && *threshold < cachetier.Floor {
			l.warnf(v.line, v.path, "is below %v: the semantic tier may serve answers to questions about something else", cachetier.Floor)
		}
	}
	if _, own := l.given["cache.similarity_threshold"]; !own {
		warn("litellm_settings.cache_params.similarity_threshold", sim.Threshold)
	}
	warn("cache.similarity_threshold", sim.Threshold)
	for name, m := range sim.Models {
		warn("cache.models."+name+".similarity_threshold", m.Threshold)
	}
}
