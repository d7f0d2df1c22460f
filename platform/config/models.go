package config

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/spelling"
)

// words splits a table.
func words(s string) []string { return strings.Fields(s) }

// providerKeys are the variables a provider's key is taken from when the file gives none, in order.
var providerKeys = map[Provider][]string{
	OpenAI:    {"OPENAI_API_KEY"},
	Anthropic: {"ANTHROPIC_API_KEY"},
	Gemini:    {"GOOGLE_API_KEY", "GEMINI_API_KEY"},
	Groq:      {"GROQ_API_KEY"},
}

// modes are LiteLLM's of model_info.mode.
var modes = words(`
	audio_speech audio_transcription batch chat completion embedding image_edit image_generation moderation moderations
	ocr realtime rerank responses search vector_store video_generation`)

// reference is a model name that the file mentions and that must exist.
type reference struct {
	at   value
	name string
}

// modelState is what the rest of the load needs to know of the model list.
type modelState struct {
	skipped    []string // model names of deployments that were left out
	leftOut    []Warning
	hostWarned []Provider
	ids        map[string]int // id → line
	weights    []rawWeight    // parallel to Config.Deployments
}

// leaveOut warns that a deployment is not served. Where none is left, that is why.
func (l *loader) leaveOut(at value, st *modelState, why string) {
	l.warnf(at.line, at.path, "this deployment is left out: %s", why)
	st.leftOut = append(st.leftOut, l.warnings[len(l.warnings)-1])
}

// rawWeight keeps what the file gives, Unset where nothing, with the places of the two that are weights at most.
type rawWeight struct {
	weight, rpm, tpm int64
	rpmAt, tpmAt     value
}

func (l *loader) models(root *section, cfg *Config) {
	st := &modelState{ids: map[string]int{}}
	list := root.take("model_list")
	if list.node == nil {
		l.errorf(root.line, "model_list", "is missing; it needs at least one model")
		return
	}
	before := len(l.problems)
	for _, e := range l.elements(list) {
		if s := l.mapping(e); s != nil {
			l.model(s, cfg, st)
		}
	}
	if len(cfg.Deployments) == 0 && len(l.problems) == before {
		for _, w := range st.leftOut {
			l.errorf(w.Line, w.Path, "%s", w.Message)
		}
		l.errorf(list.line, list.path, "has no model that Tollgate can serve")
	}
	l.setWeights(cfg.Deployments, st.weights)
	l.skipped = st.skipped
}

func (l *loader) model(s *section, cfg *Config, st *modelState) {
	name, nameAt := s.required("model_name")
	if name != "" && !nameAt.env {
		l.names = append(l.names, name)
	}
	paramsAt := s.take("litellm_params")
	if paramsAt.node == nil {
		l.errorf(s.line, join(s.path, "litellm_params"), "is missing")
		return
	}
	p := l.mapping(paramsAt)
	if p == nil {
		return
	}
	d := Deployment{ModelName: name}
	wildcard := strings.Contains(name, "*")
	if !l.provider(p, &d, st) {
		// A deployment with a problem counts as skipped too, so that its name makes no further ones.
		st.skipped = append(st.skipped, name)
		return
	}
	switch {
	case strings.Count(name, "*") > 1:
		l.errorf(nameAt.line, nameAt.path, "may hold one * only")
	case strings.Contains(d.UpstreamModel, "*") && !wildcard && name != "":
		l.errorf(nameAt.line, nameAt.path, "must hold a * too, because litellm_params.model does")
	}
	w := l.params(p, &d, cfg, st)
	info := s.section("model_info")
	idAt := l.info(info, &d)
	s.done(knownModelEntry)
	if d.ID == "" {
		d.ID = digest(&d, cfg.Deployments)
		idAt = value{line: s.line, path: s.path}
	}
	if first, dup := st.ids[d.ID]; dup {
		l.errorf(idAt.line, idAt.path, "model id %s is taken by the deployment on line %d", idAt.quote(d.ID), first)
	}
	st.ids[d.ID] = idAt.line
	if wildcard {
		l.leaveOut(nameAt, st, "a name with a * is not served by this release; write one entry for each model")
		st.skipped = append(st.skipped, name)
		return
	}
	cfg.Deployments, st.weights = append(cfg.Deployments, d), append(st.weights, w)
}

// provider reads model and custom_llm_provider. It is false when the deployment can't be used: after a problem or,
// with a warning, because LiteLLM serves the provider and Tollgate does not.
func (l *loader) provider(p *section, d *Deployment, st *modelState) bool {
	model, at := p.required("model")
	custom, customAt := p.text("custom_llm_provider")
	if model == "" {
		return false
	}
	prefix, rest, hasPrefix := strings.Cut(model, "/")
	if custom != "" {
		if !hasPrefix || prefix != custom {
			rest = model
		}
		prefix, at = custom, customAt
	} else if !hasPrefix {
		prefix, rest = string(bareProvider(model)), model
	}
	switch {
	case slices.Contains(openAICompatible, prefix):
		prefix = string(OpenAI)
	case slices.Contains(otherProviders, prefix):
		l.leaveOut(at, st, "Tollgate does not serve provider "+prefix)
		return false
	case model == "*" && custom == "":
		l.leaveOut(at, st, "a bare * names no provider; write one entry for each model")
		return false
	case prefix == "":
		l.errorf(at.line, at.path, "can't tell the provider of %s; write provider/model, such as openai/%s", at.quote(model), strings.Trim(at.quote(model), `"`))
		return false
	}
	d.Provider = Provider(prefix)
	if providerKeys[d.Provider] == nil {
		d.Provider = ""
		hint := ""
		if near := spelling.Nearest(prefix, append([]string{"openai", "anthropic", "gemini", "groq"}, openAICompatible...)); near != "" && !at.env {
			hint = "; did you mean " + near + "?"
		}
		l.errorf(at.line, at.path, "unknown provider %s%s", at.quote(prefix), hint)
		return false
	}
	if rest == "" || strings.Count(rest, "*") > 1 {
		l.errorf(at.line, at.path, "names no model after the provider")
		return false
	}
	d.UpstreamModel = rest
	return true
}

// bareProvider infers the provider of a name without prefix as LiteLLM's model map does for these families. A bare
// Gemini name is Vertex AI there, so it is not inferred.
func bareProvider(model string) Provider {
	for _, p := range []string{"gpt-", "o1", "o3", "o4-", "chatgpt-", "text-embedding-", "ft:gpt-", "codex-"} {
		if strings.HasPrefix(model, p) {
			return OpenAI
		}
	}
	if strings.HasPrefix(model, "claude-") {
		return Anthropic
	}
	return ""
}

// params reads the rest of litellm_params.
func (l *loader) params(p *section, d *Deployment, cfg *Config, st *modelState) rawWeight {
	base, at := p.text("api_base")
	if alias, aliasAt := p.text("base_url"); alias != "" {
		if base != "" {
			l.errorf(aliasAt.line, aliasAt.path, "is another name of api_base; give one of them")
		}
		base, at = alias, aliasAt
	}
	if base != "" {
		d.APIBase = l.apiBase(at, base, cfg.General.AllowedHosts)
	} else if host := providerHosts[d.Provider]; !cfg.General.AllowedHosts.Allows(host, "443") && !slices.Contains(st.hostWarned, d.Provider) {
		st.hostWarned = append(st.hostWarned, d.Provider)
		l.warnf(p.line, p.path, "%s: %s is not on general_settings.allowed_provider_hosts; calls to %s will be refused", CodeHostNotAllowed, host, d.Provider)
	}
	ownHost := base != "" && !d.OnProviderHost()
	d.Credential = l.credential(p, d.Provider, ownHost)
	const most = 1 << 50
	w := rawWeight{
		weight: p.int("weight", 0, 1<<31, Unset),
		rpm:    p.int("rpm", 0, most, Unset),
		tpm:    p.int("tpm", 0, most, Unset),
		rpmAt:  p.take("rpm"),
		tpmAt:  p.take("tpm"),
	}
	d.RPM, d.TPM = max(w.rpm, 0), max(w.tpm, 0)
	d.MaxParallel = int(p.int("max_parallel_requests", 0, 1<<31, 0))
	d.Order = int(p.int("order", 0, 1<<31, 0))
	d.Timeout = p.duration("timeout", 0)
	d.StreamTimeout = p.duration("stream_timeout", 0)
	d.StreamIdleTimeout = p.duration("stream_idle_timeout", 0)
	d.CooldownTime = p.duration("cooldown_time", 0)
	d.MaxRetries = int(p.int("max_retries", 0, 100, p.int("num_retries", 0, 100, Unset)))
	if organization, at := p.text("organization"); organization != "" {
		if d.Organization = organization; d.Provider != OpenAI {
			l.warnf(at.line, at.path, "has no effect: provider %s has no such header", d.Provider)
		}
	}
	d.Headers = l.headers(p, "extra_headers")
	if p.take("drop_params").node != nil {
		drop := p.bool("drop_params", false)
		d.DropParams = &drop
	}
	d.Prices = map[string]Decimal{}
	for _, f := range priceFields {
		if v := p.price(f); v != "" {
			d.Prices[f] = v
		}
	}
	p.done(slices.Concat(knownLiteLLMParams, knownPriceFields))
	return w
}

// OnProviderHost reports whether the deployment's base is the provider's own host: only there does the key from the
// provider's environment variable belong.
func (d *Deployment) OnProviderHost() bool {
	if d.APIBase == "" {
		return true
	}
	rest, ok := strings.CutPrefix(strings.ToLower(d.APIBase), "https://"+providerHosts[d.Provider])
	return ok && (rest == "" || rest[0] == '/' || rest == ":443" || strings.HasPrefix(rest, ":443/"))
}

func (l *loader) credential(p *section, provider Provider, ownHost bool) Credential {
	v := p.take("api_key")
	if v.node == nil || v.node.Kind == yaml.ScalarNode && v.node.Value == "" {
		if ownHost {
			return Credential{}
		}
		c := Credential{State: CredentialMissing, Variables: providerKeys[provider]}
		for _, name := range c.Variables {
			if key, ok := l.env.lookup(name); ok {
				c.State, c.Key = CredentialSet, secret.New(key)
				break
			}
		}
		return c
	}
	text, missing, ok := l.resolve(&v)
	switch {
	case !ok:
		return Credential{}
	case len(missing) > 0 && l.src.OptionalKeys:
		return Credential{State: CredentialMissing, Variables: missing}
	case len(missing) > 0:
		l.missing(v, missing)
		return Credential{}
	case strings.TrimSpace(text) == "":
		l.errorf(v.line, v.path, "is blank")
		return Credential{}
	case strings.ContainsFunc(text, isControl):
		l.errorf(v.line, v.path, "holds a control character, such as a line end")
		return Credential{}
	}
	return Credential{State: CredentialSet, Key: secret.New(strings.TrimSpace(text)), Variables: envNames(v)}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// envNames is nil for a literal: the name is only of use for a message.
func envNames(v value) []string {
	if name, ok := strings.CutPrefix(v.node.Value, environPrefix); ok && v.env {
		return []string{name}
	}
	return nil
}

// headers reads a mapping of header names to values.
func (l *loader) headers(p *section, key string) map[string]secret.String {
	s := p.section(key)
	if s == nil {
		return nil
	}
	out := make(map[string]secret.String, len(s.order))
	for _, name := range s.keys() {
		text, at := s.text(name)
		switch {
		case at.node == nil:
		case !isToken(name):
			l.errorf(at.line, at.path, "not a header name")
		case slices.Contains(words(`host content-length transfer-encoding connection`), strings.ToLower(name)):
			l.errorf(at.line, at.path, "this header can't be set")
		case strings.ContainsFunc(text, isControl):
			l.errorf(at.line, at.path, "holds a control character, such as a line end")
		default:
			out[name] = secret.New(text)
		}
	}
	return out
}

// isToken is RFC 9110's token.
func isToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return s != ""
}

// info reads model_info and gives the place of the id.
func (l *loader) info(s *section, d *Deployment) value {
	id, at := s.text("id")
	d.ID = id
	d.BaseModel, _ = s.text("base_model")
	if mode, modeAt := s.text("mode"); mode != "" {
		switch {
		case slices.Contains(modes, mode):
			d.Mode = mode
		default:
			l.errorf(modeAt.line, modeAt.path, "unknown mode %s", modeAt.quote(mode))
		}
	}
	const most = 1 << 40
	d.MaxInputTokens = s.int("max_input_tokens", 0, most, 0)
	d.MaxOutputTokens = s.int("max_output_tokens", 0, most, 0)
	d.MaxTokens = s.int("max_tokens", 0, most, 0)
	if date, dateAt := s.text("deprecation_date"); date != "" {
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			l.errorf(dateAt.line, dateAt.path, "must be a date such as 2026-12-31")
		} else {
			d.DeprecationDate = date
		}
	}
	for _, f := range priceFields {
		v := s.price(f)
		if _, own := d.Prices[f]; v != "" && !own {
			d.Prices[f] = v // litellm_params wins, as in LiteLLM
		}
	}
	s.doneOpen(slices.Concat(knownModelInfo, knownPriceFields))
	return at
}

// digest makes a stable id. The key is left out, so that the id tells nothing about it; deployments that differ in
// nothing else are told apart by their number.
func digest(d *Deployment, earlier []Deployment) string {
	same := 0
	for i := range earlier {
		e := &earlier[i]
		if e.ModelName == d.ModelName && e.Provider == d.Provider && e.UpstreamModel == d.UpstreamModel &&
			e.APIBase == d.APIBase && e.Organization == d.Organization {
			same++
		}
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		d.ModelName, string(d.Provider), d.UpstreamModel, d.APIBase, d.Organization, strconv.Itoa(same),
	}, "\x00")))
	return hex.EncodeToString(sum[:12])
}

// setWeights applies the rule of Deployment.Weight. Source for weight, then rpm, then tpm: LiteLLM,
// router_strategy/simple_shuffle.py; where LiteLLM would give a deployment without a number no traffic at all,
// it gets a share of 1.
func (l *loader) setWeights(ds []Deployment, raw []rawWeight) {
	groups := map[string][]int{}
	for i := range ds {
		groups[ds[i].ModelName] = append(groups[ds[i].ModelName], i)
	}
	for _, g := range groups {
		some := func(f func(rawWeight) int64) bool {
			return slices.ContainsFunc(g, func(i int) bool { return f(raw[i]) != Unset })
		}
		all := func(f func(rawWeight) int64) bool {
			return !slices.ContainsFunc(g, func(i int) bool { return f(raw[i]) <= 0 })
		}
		pick := func(rawWeight) int64 { return 1 }
		weight := func(r rawWeight) int64 { return r.weight }
		rpm := func(r rawWeight) int64 { return r.rpm }
		tpm := func(r rawWeight) int64 { return r.tpm }
		switch {
		case some(weight):
			pick = weight
		case all(rpm):
			pick = rpm
		case all(tpm):
			pick = tpm
		}
		byRPM, byTPM := !some(weight) && all(rpm), !some(weight) && !all(rpm) && all(tpm)
		for _, i := range g {
			l.idleWeight(raw[i].rpmAt, byRPM && len(g) > 1)
			l.idleWeight(raw[i].tpmAt, byTPM && len(g) > 1)
			if ds[i].Weight = pick(raw[i]); ds[i].Weight == Unset {
				ds[i].Weight = 1
			}
		}
	}
}

// idleWeight warns of an rpm or tpm that does not even weigh.
func (l *loader) idleWeight(at value, weighs bool) {
	if at.node != nil && !weighs {
		l.warnf(at.line, at.path, "has no effect: it limits nothing, and shares out calls only where a model has several"+
			" deployments, all with one and none with a weight")
	}
}
