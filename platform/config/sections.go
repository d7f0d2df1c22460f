package config

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
)

// defaults is the configuration of a file that gives nothing but models. Where LiteLLM documents a default and the
// gateway has no reason to differ, it is LiteLLM's.
func defaults(source string) *Config {
	return &Config{
		Source: source,
		Router: Router{
			Strategy: WeightedShuffle, NumRetries: 2, AllowedFails: 3, CooldownTime: 5 * time.Second,
			Timeout: 10 * time.Minute, StreamTimeout: 10 * time.Minute, StreamIdleTimeout: 5 * time.Minute, MaxFallbacks: 5,
		},
		Cache: Cache{
			Store: CacheMemory, TTL: time.Hour, Timeout: 50 * time.Millisecond, MaxBytes: 8 << 20,
			SupportedCallTypes: []string{ChatCompletion},
			Similarity: Similarity{
				Last: cachev1.Tier_TIER_NEAR, MaxWrongHitRate: 0.01, Confidence: 0.95, Sample: 0.05, IndexBytes: 16 << 20,
				Embedder: Embedder{Kind: EmbedderStatic, Dimensions: 256, Shorten: true, Timeout: 200 * time.Millisecond},
			},
		},
		General: General{DataDir: "tollgate-data", DatabasePool: 10, DatabaseTimeout: 30 * time.Second},
		Server: Server{
			Addr: "127.0.0.1:4000", MaxBodyBytes: 10 << 20, MaxBufferedBytes: 256 << 20, MaxBufferedAnswerBytes: 256 << 20, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
			IdleTimeout: 2 * time.Minute, ManagementTimeout: 5 * time.Second, DrainDelay: notGiven, GracePeriod: 30 * time.Second,
		},
		WAL:        WAL{Enabled: true, MaxBytes: 128 << 20, SyncEvery: 100 * time.Millisecond},
		Metrics:    Metrics{Namespace: "tollgate"},
		Tracing:    Tracing{SampleRatio: 1},
		Kafka:      Kafka{Topic: "quota.updated", CreateTopic: true, Partitions: 12},
		RateLimits: RateLimits{Wait: 10 * time.Millisecond},
		Guardrails: Guardrails{Enabled: true, Mode: "detect"},
		Compression: Compression{
			Enabled: true, Timeout: 50 * time.Millisecond, MaxTextBytes: 128 << 10, KeepOmitted: time.Hour, KeepOmittedBytes: 64 << 20,
			Profiles: map[string]CompressionProfile{
				"default": {Rate: 0.5, MinTokens: 500, Engine: EngineExtractive},
				"rag":     {Rate: 0.33, MinTokens: 1000, Engine: EngineExtractive},
				"chat":    {Rate: 0.6, MinTokens: 300, Engine: EngineExtractive},
			},
			LLMLingua2: LLMLingua2{Concurrency: 1, Threads: 1, Timeout: 30 * time.Second, MaxTextBytes: 24 << 10},
		},
		RequestTimeout: 10 * time.Minute,
		JSONLogs:       true,
	}
}

// tollgateSections reads the top-level sections that LiteLLM has no place for.
func (l *loader) tollgateSections(root *section, cfg *Config) {
	l.server(root.section("server"), &cfg.Server)

	metrics := root.section("metrics")
	cfg.Metrics.Namespace = metrics.oneOf("namespace", cfg.Metrics.Namespace, "tollgate", "litellm")
	metrics.done(nil)

	l.tracing(root.section("tracing"), &cfg.Tracing)

	l.kafka(root.section("kafka"), &cfg.Kafka)

	pricing := root.section("pricing")
	cfg.Pricing.File, _ = pricing.text("file")
	pricing.done(nil)

	l.similarity(root.section("cache"), &cfg.Cache)
	l.budgets(root.section("budgets"), &cfg.Budgets)
	l.rateLimits(root.section("rate_limits"), &cfg.RateLimits)
	l.wal(root.section("wal"), &cfg.WAL)
	l.guardrails(root, &cfg.Guardrails)
	l.compression(root.section("compression"), &cfg.Compression)
	l.mesh(root.section("mesh"), &cfg.Mesh)
}

// topicName is what Kafka takes (org.apache.kafka.common.internals.Topic, read 2026-11-28).
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (l *loader) kafka(s *section, k *Kafka) {
	brokers, at := s.texts("brokers")
	for i, b := range brokers {
		k.Brokers = append(k.Brokers, l.broker(at[i], b))
	}
	if topic, at := s.text("topic"); topic != "" {
		if !topicName.MatchString(topic) || topic == "." || topic == ".." {
			l.errorf(at.line, at.path, "must be a topic's name: up to 249 letters, digits, dots, dashes and underscores")
		}
		k.Topic = topic
	}
	k.CreateTopic = s.bool("create_topic", k.CreateTopic)
	k.Partitions = int(s.int("partitions", 1, 10_000, int64(k.Partitions)))
	k.ReplicationFactor = int(s.int("replication_factor", 0, 100, int64(k.ReplicationFactor)))
	k.OutboxRetention = s.duration("outbox_retention", k.OutboxRetention)
	settings := s.section("topic_config")
	for _, name := range settings.keys() {
		if k.TopicConfig == nil {
			k.TopicConfig = map[string]string{}
		}
		k.TopicConfig[name], _ = settings.text(name)
	}
	settings.done(nil)
	s.done(nil)
}

// maxAnswer is the longest answer of a provider, in bytes.
const maxAnswer = 32 << 20

func (l *loader) server(s *section, srv *Server) {
	if text, at := s.text("addr"); text != "" {
		srv.Addr = l.address(at, text)
	}
	srv.MaxBodyBytes = s.int("max_body_bytes", 1<<10, 1<<30, srv.MaxBodyBytes)
	srv.MaxBufferedBytes = s.int("max_buffered_bytes", srv.MaxBodyBytes, 1<<40, max(srv.MaxBufferedBytes, srv.MaxBodyBytes))
	srv.MaxBufferedAnswerBytes = s.int("max_buffered_answer_bytes", maxAnswer, 1<<40, srv.MaxBufferedAnswerBytes)
	srv.ReadHeaderTimeout = l.positive(s, "read_header_timeout", srv.ReadHeaderTimeout)
	srv.ReadTimeout = l.positive(s, "read_timeout", srv.ReadTimeout)
	srv.IdleTimeout = l.positive(s, "idle_timeout", srv.IdleTimeout)
	srv.ManagementTimeout = l.positive(s, "management_timeout", srv.ManagementTimeout)
	srv.DrainDelay = s.duration("drain_delay", srv.DrainDelay)
	srv.GracePeriod = s.duration("grace_period", srv.GracePeriod)
	s.done(nil)
}

func (l *loader) tracing(s *section, t *Tracing) {
	if text, at := s.text("endpoint"); text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			l.errorf(at.line, at.path, "must be an http or https URL without credentials; those go into tracing.headers")
		} else {
			t.Endpoint = text
		}
	}
	t.Headers = l.headers(s, "headers")
	t.SampleRatio = s.float("sample_ratio", 1, t.SampleRatio)
	s.done(nil)
}

func (l *loader) budgets(s *section, b *Budgets) {
	b.Soft = s.oneOf("mode", "strict", "strict", "soft") == "soft"
	p := s.section("platform")
	if p != nil {
		p.required("max_budget")
	}
	if limit := p.decimal("max_budget"); limit != "" {
		if b.Platform != nil {
			l.errorf(p.line, p.path, "litellm_settings.max_budget sets the same budget; give one of them")
		}
		b.Platform = &Budget{Limit: limit, Window: l.window(p, "budget_duration")}
	}
	p.take("budget_duration")
	p.done(nil)
	s.done(nil)
}

func (l *loader) rateLimits(s *section, r *RateLimits) {
	r.Shared = s.bool("shared", r.Shared)
	r.Wait = l.positive(s, "wait", r.Wait)
	r.Namespace, _ = s.text("namespace")
	s.done(nil)
}

// sharedLimits settles where limits are counted, once all sources of a Redis connection are read.
func (l *loader) sharedLimits(cfg *Config) {
	at, given := l.given["rate_limits.shared"]
	switch {
	case !given:
		cfg.RateLimits.Shared = cfg.Redis.Configured()
	case cfg.RateLimits.Shared && !cfg.Redis.Configured():
		l.errorf(at.line, at.path, "needs a Redis: set REDIS_URL")
	}
}

func (l *loader) wal(s *section, w *WAL) {
	w.Enabled = s.bool("enabled", w.Enabled)
	w.Dir, _ = s.text("dir")
	w.MaxBytes = s.int("max_bytes", 8<<20, 1<<36, w.MaxBytes)
	w.SyncEvery = s.duration("sync_every", w.SyncEvery)
	s.done(nil)
}

// guardrails reads Tollgate's mapping. LiteLLM's guardrails is a list, which has no effect.
func (l *loader) guardrails(root *section, g *Guardrails) {
	v, ok := l.follow(root.take("guardrails"))
	if !ok {
		return
	}
	if v.node.Kind == yaml.SequenceNode {
		l.warnf(v.line, v.path, "LiteLLM's list of guardrails has no effect in Tollgate")
		return
	}
	s := l.mapping(v)
	g.Enabled = s.bool("enabled", g.Enabled)
	if mode, at := s.text("mode"); mode == "block" {
		l.errorf(at.line, at.path, "mode block comes with a later release; this one detects nothing, and blocks nothing")
	} else if mode != "" {
		g.Mode = s.oneOf("mode", g.Mode, "detect")
	}
	s.done(nil)
}

// maxModelThreads is more than a machine has processors.
const maxModelThreads = 1024

func (l *loader) compression(s *section, c *Compression) {
	c.Enabled = s.bool("enabled", c.Enabled)
	c.Timeout = l.positive(s, "timeout", c.Timeout)
	c.MaxTextBytes = s.int("max_text_bytes", 1<<10, 1<<30, c.MaxTextBytes)
	c.KeepOmitted = s.duration("keep_omitted", c.KeepOmitted)
	c.KeepOmittedBytes = s.int("keep_omitted_bytes", 1<<20, 1<<40, c.KeepOmittedBytes)
	c.Namespace, _ = s.text("namespace")
	model := s.section("llmlingua2")
	c.LLMLingua2.Model, _ = model.text("model")
	c.LLMLingua2.Concurrency = int(model.int("concurrency", 1, maxModelThreads, int64(c.LLMLingua2.Concurrency)))
	c.LLMLingua2.Threads = int(model.int("threads", 1, maxModelThreads, int64(c.LLMLingua2.Threads)))
	c.LLMLingua2.Timeout = l.positive(model, "timeout", c.LLMLingua2.Timeout)
	c.LLMLingua2.MaxTextBytes = model.int("max_text_bytes", 1<<10, 1<<30, c.LLMLingua2.MaxTextBytes)
	model.done(nil)
	profiles := s.section("profiles")
	for _, name := range profiles.keys() {
		base, known := c.Profiles[name]
		if !known {
			continue
		}
		p := profiles.section(name)
		engine := CompressionEngine(p.oneOf("engine", string(base.Engine), string(EngineExtractive), string(EngineLLMLingua2)))
		c.Profiles[name] = CompressionProfile{
			Rate:      p.float("rate", 1, base.Rate),
			MinTokens: int(p.int("min_tokens", 0, 1<<31, int64(base.MinTokens))),
			Stages:    l.compressionStages(p, base.Stages, engine),
			Engine:    engine,
		}
		if at := p.take("engine"); at.node != nil && engine == EngineLLMLingua2 && c.LLMLingua2.Model == "" {
			l.errorf(at.line, at.path, "needs a model: set compression.llmlingua2.model to its folder")
		}
		p.done(nil)
	}
	profiles.done(slices.Sorted(maps.Keys(c.Profiles)))
	s.done(nil)
}

// compressionStages reads which stages run. An empty list is none.
func (l *loader) compressionStages(s *section, def []string, engine CompressionEngine) []string {
	if s.take("stages").node == nil {
		return def
	}
	stages, at := s.texts("stages")
	for i, name := range stages {
		switch isEngine := name == string(EngineExtractive) || name == string(EngineLLMLingua2); {
		case !slices.Contains(CompressionStages(), name):
			l.errorf(at[i].line, at[i].path, "unknown stage %s: one of %s", at[i].quote(name), strings.Join(CompressionStages(), ", "))
		case isEngine && name != string(engine):
			l.errorf(at[i].line, at[i].path, "the stage %s does not run: the profile's engine is %s", name, engine)
		}
	}
	return append([]string{}, stages...)
}
