package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/spelling"
)

func (l *loader) router(s *section, cfg *Config) {
	r := &cfg.Router
	l.strategy(s, r)
	l.reliability(s, r)
	r.RetryAfterMin = s.duration("retry_after", 0)
	r.RetryPolicy = l.retryPolicy(s.section("retry_policy"))
	r.DisableCooldowns = s.bool("disable_cooldowns", false)
	r.Timeout = l.positive(s, "timeout", r.Timeout)
	r.StreamTimeout = l.positive(s, "stream_timeout", r.Timeout)
	r.StreamIdleTimeout = l.positive(s, "stream_idle_timeout", min(r.Timeout, r.StreamIdleTimeout))
	r.MaxFallbacks = int(s.int("max_fallbacks", 0, 100, int64(r.MaxFallbacks)))
	l.aliases(s, r)
	l.failover(s, r)
	l.redis(s, "redis_", &cfg.Redis)
	s.done(knownRouterSettings)
}

func (l *loader) strategy(s *section, r *Router) {
	name, at := s.text("routing_strategy")
	served := []string{string(WeightedShuffle), string(LeastBusy), string(LowestLatency), string(LowestCost)}
	switch {
	case name == "":
	case slices.Contains(served, name):
		r.Strategy = Strategy(name)
	case slices.Contains(otherStrategies, name):
		l.warnf(at.line, at.path, "strategy %s has no effect in Tollgate; %s is used, weighted by rpm or tpm", name, WeightedShuffle)
	default:
		hint := ""
		if near := spelling.Nearest(name, served); near != "" && !at.env {
			hint = "; did you mean " + near + "?"
		}
		l.errorf(at.line, at.path, "unknown strategy %s: one of %s%s", at.quote(name), strings.Join(served, ", "), hint)
	}
}

// reliability reads the keys that LiteLLM takes in litellm_settings and, with precedence, in router_settings.
func (l *loader) reliability(s *section, r *Router) {
	r.NumRetries = int(s.int("num_retries", 0, 100, int64(r.NumRetries)))
	r.AllowedFails = int(s.int("allowed_fails", 0, 1<<31, int64(r.AllowedFails)))
	r.CooldownTime = s.duration("cooldown_time", r.CooldownTime)
	if f := l.fallbacks(s, "fallbacks"); f != nil {
		r.Fallbacks = f
	}
	if f := l.fallbacks(s, "context_window_fallbacks"); f != nil {
		r.ContextWindowFallbacks = f
	}
	if names, at := s.texts("default_fallbacks"); names != nil {
		r.DefaultFallbacks = names
		for i, n := range names {
			l.refs = append(l.refs, reference{at[i], n})
		}
	}
}

// fallbacks reads LiteLLM's list of mappings from one model to the list of those to try instead.
func (l *loader) fallbacks(s *section, key string) map[string][]string {
	elements := s.list(key)
	if len(elements) == 0 {
		return nil
	}
	out := map[string][]string{}
	for _, e := range elements {
		m := l.mapping(e)
		for _, from := range m.keys() {
			names, at := m.texts(from)
			fromAt := m.values[from]
			if _, dup := out[from]; dup {
				l.errorf(fromAt.line, fromAt.path, "is given twice")
			}
			if from != "*" {
				l.refs = append(l.refs, reference{fromAt, from})
			}
			for i, n := range names {
				l.refs = append(l.refs, reference{at[i], n})
				if n == from {
					l.errorf(at[i].line, at[i].path, "a model can't be its own fallback")
				}
			}
			out[from] = names
		}
	}
	return out
}

func (l *loader) retryPolicy(s *section) RetryPolicy {
	n := func(name string) int { return int(s.int(name, 0, 100, Unset)) }
	p := RetryPolicy{
		BadRequest: n("BadRequestErrorRetries"), Authentication: n("AuthenticationErrorRetries"),
		Timeout: n("TimeoutErrorRetries"), RateLimit: n("RateLimitErrorRetries"),
		ContentPolicy: n("ContentPolicyViolationErrorRetries"), InternalServer: n("InternalServerErrorRetries"),
		ServiceUnavailable: n("ServiceUnavailableErrorRetries"), NotFound: n("NotFoundErrorRetries"),
		Default: n("DefaultRetries"),
	}
	s.done(nil)
	return p
}

// aliases reads model_group_alias: name → model, or name → {model, hidden}.
func (l *loader) aliases(s *section, r *Router) {
	m := s.section("model_group_alias")
	if m == nil {
		return
	}
	r.Aliases = make(map[string]Alias, len(m.order))
	for _, name := range m.keys() {
		v, ok := l.follow(m.take(name))
		if !ok {
			continue
		}
		a := Alias{}
		if v.node.Kind == yaml.MappingNode {
			e := l.mapping(v)
			a.Model, v = e.required("model")
			a.Hidden = e.bool("hidden", false)
			e.done(nil)
		} else {
			a.Model, v = m.text(name)
		}
		if a.Model != "" {
			r.Aliases[name] = a
			l.refs = append(l.refs, reference{v, a.Model})
		}
	}
}

// failover reads Tollgate's own router_settings.failover.
func (l *loader) failover(s *section, r *Router) {
	f := s.section("failover")
	r.Failover.Enabled = f.bool("enabled", false)
	r.Failover.MaxSpend = f.decimal("max_spend")
	names, at := f.texts("allowed_providers")
	for i, name := range names {
		if providerKeys[Provider(name)] == nil {
			l.errorf(at[i].line, at[i].path, "unknown provider %s: one of openai, anthropic, gemini, groq", at[i].quote(name))
		}
		r.Failover.AllowedProviders = append(r.Failover.AllowedProviders, Provider(name))
	}
	f.done(nil)
}

// references checks that every model name the settings mention exists. A name whose deployments were all left out
// exists, but calls to it fail.
func (l *loader) references(cfg *Config) {
	names := make([]string, 0, len(cfg.Deployments)+len(l.skipped))
	for i := range cfg.Deployments {
		d := &cfg.Deployments[i]
		names = append(names, d.ModelName)
	}
	for _, ref := range l.refs {
		switch {
		case slices.Contains(names, ref.name):
		case slices.ContainsFunc(l.skipped, func(p string) bool { return matches(p, ref.name) }):
			l.warnf(ref.at.line, ref.at.path, "has no effect: every deployment of model %s is left out", ref.at.quote(ref.name))
		default:
			if _, alias := cfg.Router.Aliases[ref.name]; alias && !strings.HasPrefix(ref.at.path, "router_settings.model_group_alias") {
				continue
			}
			hint := ""
			if near := spelling.Nearest(ref.name, l.names); near != "" && !ref.at.env {
				hint = "; did you mean " + near + "?"
			}
			l.errorf(ref.at.line, ref.at.path, "model %s is not in model_list%s", ref.at.quote(ref.name), hint)
		}
	}
}

// matches applies a model name with at most one "*".
func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}
