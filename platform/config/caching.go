package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
)

// EmbedderKind is what the semantic tier finds candidates by.
type EmbedderKind string

// The embedders.
const (
	// EmbedderStatic is a table in the binary.
	EmbedderStatic EmbedderKind = "static"
	// EmbedderProvider is a model of the configuration, asked as OpenAI's /embeddings.
	EmbedderProvider EmbedderKind = "provider"
	// EmbedderONNX is a model in a folder.
	EmbedderONNX EmbedderKind = "onnx"
)

// Similarity holds the cache section: how an answer to one question may serve another.
type Similarity struct {
	// Last is the last tier that answers.
	Last cachev1.Tier
	// Threshold is the least score of an answer to another request, from 0 to 1; nil lets that
	// of the semantic tier be learned.
	Threshold *float64
	// MaxWrongHitRate bounds wrong hits per hit, with Confidence; Sample is the least share of
	// would-be hits that are compared to learn. All lie between 0 and 1.
	MaxWrongHitRate, Confidence, Sample float64
	// Replica is this process's name among those that learn together, of at most 128 bytes; empty
	// takes one that no other process has.
	Replica string
	// IndexBytes bounds what is kept in memory to find questions by.
	IndexBytes int64
	Embedder   Embedder
	// Models are what differs for single models.
	Models map[string]ModelCaching
}

// Embedder says by what the semantic tier finds candidates.
type Embedder struct {
	Kind EmbedderKind
	// Model is a model name of this Config, for [EmbedderProvider].
	Model string
	// Dimensions is how many numbers its vectors have; Shorten asks the model for so many.
	Dimensions int
	Shorten    bool
	// Folder holds the model, for [EmbedderONNX].
	Folder string
	// Timeout is how long a look-up waits for a vector; then it is a miss.
	Timeout time.Duration
}

// ModelCaching says how answers of one model are cached.
type ModelCaching struct {
	Disabled bool
	// TTL is 0 where it is not given.
	TTL time.Duration
	// Last is unspecified where it is not given.
	Last cachev1.Tier
	// Threshold is nil where it is not given.
	Threshold *float64
}

// tier reads the name of a tier of the cache.
func (s *section) tier(def cachev1.Tier) cachev1.Tier {
	return cachetier.Named(s.oneOf("tier", cachetier.Name(def), cachetier.Names()...))
}

// similarity reads the cache section, which goes over what LiteLLM's cache_params say.
func (l *loader) similarity(s *section, c *Cache) {
	sim := &c.Similarity
	sim.Last = s.tier(sim.Last)
	if t := l.threshold(s); t != nil {
		sim.Threshold = t
	}
	sim.MaxWrongHitRate = s.float("max_wrong_hit_rate", 0.5, sim.MaxWrongHitRate)
	sim.Confidence = l.confidence(s, sim.Confidence)
	sim.Sample = l.share(s, "sample", sim.Sample)
	if name, at := s.text("replica"); name != "" {
		sim.Replica = l.replica(at, name)
	}
	sim.IndexBytes = s.int("index_bytes", 1<<20, 1<<40, sim.IndexBytes)
	l.embedder(s.section("embedder"), &sim.Embedder)
	models := s.section("models")
	for _, name := range models.keys() {
		m := models.section(name)
		if sim.Models == nil {
			sim.Models = make(map[string]ModelCaching)
		}
		own := ModelCaching{Disabled: m.bool("disabled", false), Threshold: l.threshold(m)}
		if m.take("ttl").node != nil {
			own.TTL = l.positive(m, "ttl", 0)
		}
		own.Last = m.tier(cachev1.Tier_TIER_UNSPECIFIED)
		sim.Models[name] = own
		l.refs = append(l.refs, reference{models.take(name), name})
		m.done(nil)
	}
	s.done(nil)
}

// replica checks the name of a replica.
func (l *loader) replica(at value, name string) string {
	if len(name) > cachetier.MaxReplicaBytes || strings.HasPrefix(name, cachetier.MadeReplica) {
		l.errorf(at.line, at.path, "must have at most %d bytes, and not begin with %s", cachetier.MaxReplicaBytes, cachetier.MadeReplica)
		return ""
	}
	return name
}

// threshold reads a score from 0 to 1, both included: nil when it is not given.
func (l *loader) threshold(s *section) *float64 {
	text, v := s.text("similarity_threshold")
	if v.node == nil {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if inside := f >= 0 && f <= 1; err != nil || !inside {
		l.errorf(v.line, v.path, "must be a number from 0 to 1")
		return nil
	}
	return &f
}

// confidence reads a number from 0.5 and below 1.
func (l *loader) confidence(s *section, def float64) float64 {
	f := s.float("confidence", 1, def)
	if f < 0.5 || f == 1 {
		v := s.take("confidence")
		l.errorf(v.line, v.path, "must be at least 0.5 and below 1")
		return def
	}
	return f
}

// share reads a number between 0 and 1.
func (l *loader) share(s *section, key string, def float64) float64 {
	f := s.float(key, 1, def)
	if f == 1 {
		v := s.take(key)
		l.errorf(v.line, v.path, "must be below 1")
		return def
	}
	return f
}

func (l *loader) embedder(s *section, e *Embedder) {
	kinds := []string{string(EmbedderStatic), string(EmbedderProvider), string(EmbedderONNX)}
	e.Kind = EmbedderKind(s.oneOf("kind", string(e.Kind), kinds...))
	if name, at := s.text("model"); name != "" {
		e.Model = name
		l.refs = append(l.refs, reference{at, name})
	}
	e.Dimensions = int(s.int("dimensions", 2, cachetier.MaxDimensions, int64(e.Dimensions)))
	e.Shorten = s.bool("shorten", e.Shorten)
	e.Folder, _ = s.text("folder")
	e.Timeout = l.positive(s, "timeout", e.Timeout)
	at := s.take("kind")
	switch {
	case e.Kind == EmbedderProvider && e.Model == "":
		l.errorf(at.line, at.path, "needs a model of model_list: set cache.embedder.model")
	case e.Kind == EmbedderONNX && e.Folder == "":
		l.errorf(at.line, at.path, "needs a model: set cache.embedder.folder")
	}
	s.done(nil)
}

// embeddingModel takes LiteLLM's name of the model that embeds for the semantic cache, where
// the semantic tier is asked for.
func (c *Cache) embeddingModel(name string) {
	if c.Similarity.Last == cachev1.Tier_TIER_SEMANTIC {
		c.Similarity.Embedder.Kind, c.Similarity.Embedder.Model = EmbedderProvider, name
	}
}

// embeddingDeployment checks that the model which is to embed can be asked by the process that asks it.
// No other embedder stands in for it, because thresholds are of one embedder alone: where the file says
// that it embeds, that is an error; where LiteLLM's name of it does, the tiers before the semantic one go on
// without, and why is returned.
func (l *loader) embeddingDeployment(cfg *Config) (unasked string) {
	sim := &cfg.Cache.Similarity
	if sim.Embedder.Kind != EmbedderProvider || sim.Embedder.Model == "" || !cfg.Cache.Enabled ||
		sim.Last != cachev1.Tier_TIER_SEMANTIC || !cfg.Mesh.Runs(ServiceCache) {
		return ""
	}
	d := cfg.EmbeddingDeployment()
	switch {
	case d == nil && !slices.ContainsFunc(l.skipped, func(p string) bool { return matches(p, cfg.embedderModel()) }):
		return "" // there is no such model, which is an error already
	case d == nil:
		unasked = "every deployment of the model that embeds is left out"
	case d.Provider != OpenAI:
		unasked = "the model that embeds is none of OpenAI or of a compatible server"
	case d.Credential.State == CredentialMissing:
		unasked = "there is no key for the model that embeds: set " + strings.Join(d.Credential.Variables, " or ")
	default:
		return ""
	}
	for _, path := range []string{"cache.embedder.model", "cache.embedder.kind"} {
		if v, own := l.given[path]; own {
			l.errorf(v.line, v.path, "can't be asked: %s, or choose another cache.embedder", unasked)
			return ""
		}
	}
	sim.Last = cachev1.Tier_TIER_NEAR
	return unasked
}

// EmbeddingDeployment is the deployment that embeds, for [EmbedderProvider]: the first of its
// model. Nil is none.
func (c *Config) EmbeddingDeployment() *Deployment {
	name := c.embedderModel()
	i := slices.IndexFunc(c.Deployments, func(d Deployment) bool { return d.ModelName == name })
	if i < 0 {
		return nil
	}
	return &c.Deployments[i]
}

// embedderModel is the name of the model that embeds, in the list of models.
func (c *Config) embedderModel() string {
	name := c.Cache.Similarity.Embedder.Model
	if alias, ok := c.Router.Aliases[name]; ok {
		return alias.Model
	}
	return name
}
