package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/spelling"
)

// cacheChoice is what the file asks of the cache's store; it is decided once REDIS_URL is known.
type cacheChoice struct {
	at    value
	given bool
}

func (l *loader) general(s *section, cfg *Config) {
	g := &cfg.General
	g.MasterKey = s.secret("master_key")
	if text, at := s.text("database_url"); text != "" {
		g.DatabaseURL = l.databaseURL(at, text)
	}
	g.DatabasePool = int(s.int("database_connection_pool_limit", 1, 10_000, int64(g.DatabasePool)))
	g.DatabaseTimeout = s.duration("database_connection_timeout", g.DatabaseTimeout)
	if dir, _ := s.text("data_dir"); dir != "" {
		g.DataDir = dir
	}
	g.AllowedHosts = l.allowedHosts(s)
	g.AllowedRoutes = l.routes(s, "allowed_routes")
	g.AdminOnlyRoutes = l.routes(s, "admin_only_routes")
	g.MaxParallelRequests = int(s.int("max_parallel_requests", 0, 1<<31, 0))
	g.GlobalMaxParallelRequests = int(s.int("global_max_parallel_requests", 0, 1<<31, 0))
	if mb := s.int("max_request_size_mb", 1, 1024, 0); mb > 0 {
		cfg.Server.MaxBodyBytes = mb << 20
	}
	s.done(knownGeneralSettings)
}

// routes reads a list of paths; LiteLLM also has group names without a slash, such as llm_api_routes.
func (l *loader) routes(s *section, key string) []string {
	texts, at := s.texts(key)
	for i, r := range texts {
		if strings.ContainsAny(r, " ?#") {
			l.errorf(at[i].line, at[i].path, "not a route: %s", at[i].quote(r))
		}
	}
	return texts
}

func (l *loader) databaseURL(v value, text string) secret.String {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && u.RawQuery == "" {
		l.errorf(v.line, v.path, "must be a postgres:// or postgresql:// URL")
		return secret.String{}
	}
	return secret.New(text)
}

func (l *loader) litellm(s *section, cfg *Config) {
	cfg.DropParams = s.bool("drop_params", false)
	cfg.JSONLogs = s.bool("json_logs", cfg.JSONLogs)
	cfg.RequestTimeout = l.positive(s, "request_timeout", cfg.RequestTimeout)
	for _, key := range []string{"callbacks", "success_callback"} {
		l.callbacks(s, key, cfg)
	}
	cfg.Cache.Enabled = s.bool("cache", false)
	l.cacheParams(s.section("cache_params"), cfg)
	l.reliability(s, &cfg.Router)
	if limit := s.decimal("max_budget"); limit != "" {
		cfg.Budgets.Platform = &Budget{Limit: limit, Window: l.window(s, "budget_duration")}
	} else if v := s.take("budget_duration"); v.node != nil {
		l.warnf(v.line, v.path, "has no effect without max_budget")
	}
	s.done(knownLiteLLMSettings)
}

// callbacks reads a list of names, or one name, as LiteLLM does.
func (l *loader) callbacks(s *section, key string, cfg *Config) {
	v, ok := l.follow(s.take(key))
	if !ok {
		return
	}
	elements := []value{v}
	if v.node.Kind != yaml.ScalarNode {
		elements = l.elements(v)
	}
	names, at := l.textsOf(elements)
	for i, name := range names {
		switch {
		case !slices.Contains(callbackNames, name):
			l.warnf(at[i].line, at[i].path, "callback %s has no effect in Tollgate", at[i].quote(name))
		case !slices.Contains(cfg.Callbacks, name):
			cfg.Callbacks = append(cfg.Callbacks, name)
		}
	}
}

func (l *loader) cacheParams(s *section, cfg *Config) {
	c := &cfg.Cache
	if kind, at := s.text("type"); kind != "" {
		choice, known := cacheTypes[kind]
		switch {
		case known:
			c.Store, l.cache = choice.store, cacheChoice{at: at, given: true}
			if choice.semantic {
				c.Similarity.Last = cachev1.Tier_TIER_SEMANTIC
			}
		case slices.Contains(otherCacheTypes, kind):
			l.warnf(at.line, at.path, "cache type %s has no effect in Tollgate; the in-process cache is used", kind)
			l.cache.given = true
		default:
			names := words(`local local-semantic redis redis-semantic`)
			hint := ""
			if near := spelling.Nearest(kind, names); near != "" && !at.env {
				hint = "; did you mean " + near + "?"
			}
			l.errorf(at.line, at.path, "unknown value %s: one of %s%s", at.quote(kind), strings.Join(names, ", "), hint)
		}
	}
	c.Namespace, _ = s.text("namespace")
	c.TTL = l.positive(s, "ttl", c.TTL)
	c.MaxBytes = s.int("max_bytes", 1<<20, 1<<40, c.MaxBytes)
	c.Timeout = l.positive(s, "socket_timeout", c.Timeout)
	c.OptIn = s.oneOf("mode", "default_on", "default_on", "default_off") == "default_off"
	c.ToolCalls = s.bool("store_tool_calls", c.ToolCalls)
	c.Truncated = s.bool("store_truncated", c.Truncated)
	c.Similarity.Threshold = l.threshold(s)
	if name, at := s.text("redis_semantic_cache_embedding_model"); name != "" {
		c.embeddingModel(name)
		l.refs = append(l.refs, reference{at, name})
	}
	if s.take("supported_call_types").node != nil {
		l.callTypes(s, c)
	}
	l.redis(s, "", &cfg.Redis)
	s.done(knownCacheParams)
}

func (l *loader) callTypes(s *section, c *Cache) {
	c.SupportedCallTypes = nil
	names, at := s.texts("supported_call_types")
	for i, name := range names {
		sync := strings.TrimPrefix(name, "a")
		if name == "anthropic_messages" {
			sync = name
		}
		switch {
		case sync == ChatCompletion:
			c.SupportedCallTypes = []string{sync}
		case slices.Contains(otherCallTypes, sync):
			l.warnf(at[i].line, at[i].path, "call type %s has no effect: answers to chat completions alone are cached", name)
		default:
			l.errorf(at[i].line, at[i].path, "unknown call type %s", at[i].quote(name))
		}
	}
}

// redis reads a connection into dst, where there is none yet. cache_params writes host, router_settings redis_host, and
// so on.
func (l *loader) redis(s *section, prefix string, dst *Redis) {
	link, linkAt := s.text("redis_url")
	if prefix == "" {
		if u, at := s.text("url"); u != "" {
			link, linkAt = u, at
		}
	}
	host, hostAt := s.text(prefix + "host")
	r := Redis{
		Host:     host,
		Port:     int(s.int(prefix+"port", 1, 65535, 6379)),
		Password: s.secret(prefix + "password"),
		DB:       int(s.int(prefix+"db", 0, 1<<16, 0)),
		TLS:      s.bool(prefix+"ssl", false),
	}
	r.Username, _ = s.text(prefix + "username")
	at := hostAt
	switch {
	case link != "":
		at = linkAt
		if r = l.redisURL(linkAt, link); !r.Configured() {
			return
		}
	case host == "":
		return
	case !isHostName(canonicalHost(host)):
		l.errorf(hostAt.line, hostAt.path, "not a host name: %s", hostAt.quote(host))
		return
	}
	switch {
	case !dst.Configured():
		*dst = r
	case dst.Host != r.Host || dst.Port != r.Port || dst.DB != r.DB:
		l.warnf(at.line, at.path, "has no effect: Tollgate uses one Redis, that of litellm_settings.cache_params")
	}
}

// redisURL gives no host after a problem.
func (l *loader) redisURL(v value, text string) Redis {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || !isHostName(canonicalHost(u.Hostname())) {
		l.errorf(v.line, v.path, "must be a redis:// or rediss:// URL")
		return Redis{}
	}
	r := Redis{Host: u.Hostname(), Port: 6379, TLS: u.Scheme == "rediss", Username: u.User.Username()}
	if password, ok := u.User.Password(); ok {
		r.Password = secret.New(password)
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			l.errorf(v.line, v.path, "the port must be 1 to 65535")
			return Redis{}
		}
		r.Port = int(n)
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		n, err := strconv.ParseUint(db, 10, 16)
		if err != nil {
			l.errorf(v.line, v.path, "the path must be a database number")
			return Redis{}
		}
		r.DB = int(n)
	}
	return r
}

// cacheStore settles where the cache lives, once all sources of a Redis connection are read.
func (l *loader) cacheStore(cfg *Config) {
	c := &cfg.Cache
	if !l.cache.given {
		if cfg.Redis.Configured() {
			c.Store = CacheRedis
		}
		return
	}
	if c.Store != CacheRedis || cfg.Redis.Configured() {
		return
	}
	// LiteLLM's own variables, for files that rely on them.
	if host, ok := l.env.lookup("REDIS_HOST"); ok && isHostName(canonicalHost(host)) {
		r := Redis{Host: host, Port: 6379}
		if p, ok := l.env.lookup("REDIS_PORT"); ok {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				l.errorf(0, "REDIS_PORT", "the port must be 1 to 65535")
			}
			r.Port = int(n)
		}
		if p, ok := l.env.lookup("REDIS_PASSWORD"); ok {
			r.Password = secret.New(p)
		}
		cfg.Redis = r
		return
	}
	if c.Enabled {
		l.errorf(l.cache.at.line, l.cache.at.path, "needs a Redis: give host and port here, or set REDIS_URL")
		return
	}
	c.Store = CacheMemory
}

// positive is duration for a time that can't be zero.
func (l *loader) positive(s *section, key string, def time.Duration) time.Duration {
	d := s.duration(key, def)
	if d <= 0 {
		v := s.take(key)
		l.errorf(v.line, v.path, "must be more than zero")
		return def
	}
	return d
}

// window reads a budget's duration; "" when none is given, which is a budget that never starts anew.
func (l *loader) window(s *section, key string) string {
	text, v := s.text(key)
	if v.node == nil || text == "month" {
		return text
	}
	unit := strings.TrimLeft(text, "0123456789")
	count, err := strconv.ParseUint(strings.TrimSuffix(text, unit), 10, 16)
	if err != nil || count == 0 || !slices.Contains(words("s m h d w mo"), unit) {
		l.errorf(v.line, v.path, "must be a window such as 1d, 7d, 30d, 1mo or month")
		return ""
	}
	return text
}

// address checks host:port to listen on; the host may be empty.
func (l *loader) address(v value, text string) string {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host != "" && !isHostName(canonicalHost(host)) {
		l.errorf(v.line, v.path, "must be host:port or :port")
		return ""
	}
	return text
}

func (l *loader) broker(v value, text string) string {
	r, err := ParseHost(text)
	if err != nil || r.Port == "" {
		l.errorf(v.line, v.path, "%smust be host:port", v.lead(text))
		return ""
	}
	return r.String()
}
