package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/config"
)

// By default answers serve questions in nearly the same words; that costs no model.
func TestSimilarity(t *testing.T) {
	base := config.Similarity{
		Last: cachev1.Tier_TIER_NEAR, MaxWrongHitRate: 0.01, Confidence: 0.95, Sample: 0.05, IndexBytes: 16 << 20,
		Embedder: config.Embedder{Kind: config.EmbedderStatic, Dimensions: 256, Shorten: true, Timeout: 200 * time.Millisecond},
	}
	with := func(change func(*config.Similarity)) config.Similarity {
		s := base
		change(&s)
		return s
	}
	for yaml, want := range map[string]config.Similarity{
		"litellm_settings: {cache: true}\n":                                       base,
		"litellm_settings: {cache: true}\ncache: {tier: exact}\n":                 with(func(s *config.Similarity) { s.Last = cachev1.Tier_TIER_EXACT }),
		"litellm_settings: {cache: true, cache_params: {type: local-semantic}}\n": with(func(s *config.Similarity) { s.Last = cachev1.Tier_TIER_SEMANTIC }),
		// LiteLLM's layout.
		"litellm_settings: {cache: true, cache_params: {type: redis-semantic, similarity_threshold: 0.8, redis_semantic_cache_embedding_model: m}}\n": with(func(s *config.Similarity) {
			s.Last, s.Threshold = cachev1.Tier_TIER_SEMANTIC, new(0.8)
			s.Embedder.Kind, s.Embedder.Model = config.EmbedderProvider, "m"
		}),
		// The section of Tollgate's own goes over it.
		"litellm_settings: {cache: true, cache_params: {type: redis-semantic, similarity_threshold: 0.8}}\ncache: {tier: near}\n": with(func(s *config.Similarity) { s.Threshold = new(0.8) }),
		"litellm_settings: {cache: true}\ncache: {tier: semantic, similarity_threshold: 0, embedder: {kind: onnx, folder: /models/m, timeout: 1s}}\n": with(func(s *config.Similarity) {
			s.Last, s.Threshold = cachev1.Tier_TIER_SEMANTIC, new(0.0)
			s.Embedder.Kind, s.Embedder.Folder, s.Embedder.Timeout = config.EmbedderONNX, "/models/m", time.Second
		}),
		"litellm_settings: {cache: true}\ncache: {tier: semantic, max_wrong_hit_rate: 0.02, confidence: 0.9, sample: 0.1, index_bytes: 1073741824, embedder: {kind: provider, model: m, dimensions: 512, shorten: false}}\n": with(func(s *config.Similarity) {
			s.Last, s.MaxWrongHitRate, s.Confidence, s.Sample, s.IndexBytes = cachev1.Tier_TIER_SEMANTIC, 0.02, 0.9, 0.1, 1<<30
			s.Embedder.Kind, s.Embedder.Model, s.Embedder.Dimensions, s.Embedder.Shorten = config.EmbedderProvider, "m", 512, false
		}),
		"litellm_settings: {cache: true}\ncache: {models: {m: {tier: exact, ttl: 60, similarity_threshold: 1, disabled: true}}}\n": with(func(s *config.Similarity) {
			s.Models = map[string]config.ModelCaching{"m": {Disabled: true, TTL: time.Minute, Last: cachev1.Tier_TIER_EXACT, Threshold: new(1.0)}}
		}),
	} {
		cfg, _, err := load(t, oneModel+yaml, "REDIS_URL=redis://r")
		if err != nil {
			t.Fatalf("%q: %v", yaml, err)
		}
		if got := cfg.Cache.Similarity; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", yaml, got, want)
		}
		if d := cfg.EmbeddingDeployment(); (d != nil) != (want.Embedder.Model != "") {
			t.Errorf("%q: the model that embeds is %v", yaml, d)
		}
	}
}

func TestSimilarityFaults(t *testing.T) {
	for yaml, want := range map[string]string{
		"tier: fuzzy":                     "cache.tier: unknown value",
		"similarity_threshold: 1.5":       "cache.similarity_threshold: must be a number from 0 to 1",
		"similarity_threshold: .nan":      "cache.similarity_threshold: must be a number from 0 to 1",
		"max_wrong_hit_rate: 0":           "cache.max_wrong_hit_rate: must be a number above 0",
		"confidence: 0.4":                 "cache.confidence: must be at least 0.5",
		"sample: 1":                       "cache.sample: must be below 1",
		"index_bytes: 10":                 "cache.index_bytes: must be at least",
		"embedder: {kind: provider}":      "set cache.embedder.model",
		"embedder: {kind: onnx}":          "set cache.embedder.folder",
		"embedder: {model: nobody}":       `cache.embedder.model: model "nobody" is not in model_list`,
		"embedder: {dimensions: 1536}":    "cache.embedder.dimensions: must be at most 512",
		"models: {nobody: {tier: exact}}": `model "nobody" is not in model_list`,
		"models: {m: {tier: fuzzy}}":      "cache.models.m.tier: unknown value",
		"models: {m: {ttl: 0}}":           "cache.models.m.ttl: must be more than zero",
		"threshold: 0.9":                  "cache.threshold: unknown key",
		"models: {m: {similarity: near}}": "cache.models.m.similarity: unknown key",
	} {
		_, _, err := load(t, oneModel+"litellm_settings: {cache: true}\ncache: {"+yaml+"}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
}

// A model that can't be asked has no stand-in, whose scores a threshold would mean nothing for. LiteLLM's
// file starts without the semantic tier; one that says itself what embeds does not start.
func TestEmbedderThatCannotBeAsked(t *testing.T) {
	const models = `model_list:
- {model_name: g, litellm_params: {model: gemini/gemini-embedding-001, api_key: k}}
- {model_name: o, litellm_params: {model: openai/text-embedding-3-small}}
- {model_name: b*, litellm_params: {model: openai/*, api_key: k}}
- {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}
`
	for model, why := range map[string]string{
		"g":  "the model that embeds is none of OpenAI",
		"o":  "there is no key for the model that embeds: set OPENAI_API_KEY",
		"b1": "every deployment of the model that embeds is left out",
	} {
		params := "litellm_settings: {cache: true, cache_params: {type: local-semantic, similarity_threshold: 0.8, redis_semantic_cache_embedding_model: " + model + "}}\n"
		own := "litellm_settings: {cache: true}\ncache: {tier: semantic, similarity_threshold: 0.8, embedder: {kind: provider, model: " + model + "}}\n"
		cfg, warnings, err := load(t, models+params+"cache: {models: {m: {tier: semantic}}}\n")
		if err != nil || cfg.Cache.Similarity.Last != cachev1.Tier_TIER_NEAR {
			t.Errorf("%s: tier %v, %v", model, cfg.Cache.Similarity.Last, err)
		}
		for _, want := range []string{
			"similarity_threshold: has no effect: the semantic tier does not run: " + why,
			"redis_semantic_cache_embedding_model: has no effect: the semantic tier does not run: " + why,
			"cache.models.m.tier: has no effect: cache.tier is near",
		} {
			if !slices.ContainsFunc(warnings, func(w config.Warning) bool { return strings.Contains(w.String(), want) }) {
				t.Errorf("%s: %v; want %s", model, warnings, want)
			}
		}
		for yaml, path := range map[string]string{own: "cache.embedder.model", params + "cache: {embedder: {kind: provider}}\n": "cache.embedder.kind"} {
			_, _, err = load(t, models+yaml)
			if want := path + ": can't be asked: " + why; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %s", yaml, err, want)
			}
		}
		// Who is not asked needs no key.
		if _, _, err := load(t, models+strings.Replace(own, "tier: semantic", "tier: near", 1)); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
}

// The key of the model that embeds is in the environment of the processes that run the cache. Another
// one knows all the same what is paid for it.
func TestEmbedderOfAnotherProcess(t *testing.T) {
	const yaml = `model_list: [{model_name: o, litellm_params: {model: openai/text-embedding-3-small}}]
litellm_settings: {cache: true}
cache: {tier: semantic, embedder: {kind: provider, model: o}}
mesh: {addr: "127.0.0.1:4100", urls: {router: "http://r:1", compressor: "http://r:1", keystore: "http://r:1", budget: "http://r:1", cache: "http://r:1"}}
general_settings: {master_key: sk-master-0123456789, database_url: "postgres://db/tollgate"}
`
	for services, starts := range map[string]bool{"edge": true, "edge,cache": false} {
		cfg, _, err := config.Load(config.Source{Name: "test.yaml", Data: []byte(yaml), Services: services, LookupEnv: env(meshToken)})
		if starts != (err == nil) || !starts && !strings.Contains(err.Error(), "there is no key for the model") {
			t.Fatalf("%s: %v", services, err)
		}
		if starts && (cfg.Cache.Similarity.Last != cachev1.Tier_TIER_SEMANTIC || cfg.EmbeddingDeployment() == nil) {
			t.Errorf("%s: %+v", services, cfg.Cache.Similarity)
		}
	}
}

// What has no effect beside the rest of the file is named.
func TestSimilarityWithoutEffect(t *testing.T) {
	for yaml, want := range map[string]string{
		"cache: {tier: near, similarity_threshold: 0.9}\n":                                                        "cache.similarity_threshold: has no effect",
		"cache: {tier: semantic, similarity_threshold: 0.9, sample: 0.1}\n":                                       "cache.sample: has no effect",
		"cache: {tier: near, embedder: {kind: static}}\n":                                                         "cache.embedder: has no effect",
		"cache: {tier: semantic, embedder: {dimensions: 128}}\n":                                                  "cache.embedder.dimensions: has no effect",
		"cache: {models: {m: {tier: semantic}}}\n":                                                                "cache.models.m.tier: has no effect: cache.tier is near",
		"cache: {tier: exact, models: {m: {tier: near}}}\n":                                                       "cache.models.m.tier: has no effect: cache.tier is exact",
		"cache: {tier: exact, index_bytes: 2097152}\n":                                                            "cache.index_bytes: has no effect",
		"litellm_settings: {cache: false}\ncache: {tier: exact}\n":                                                "cache: has no effect",
		"litellm_settings: {cache: true, cache_params: {type: local, redis_semantic_cache_embedding_model: m}}\n": "redis_semantic_cache_embedding_model: has no effect",
	} {
		if !strings.Contains(yaml, "litellm_settings") {
			yaml = "litellm_settings: {cache: true}\n" + yaml
		}
		_, warnings, err := load(t, oneModel+yaml)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), want) {
			t.Errorf("%q: %v, %v; want %s", yaml, warnings, err, want)
		}
	}
}

// A threshold that serves what is about something else is named, where it holds.
func TestLowThresholds(t *testing.T) {
	const low = "is below 0.85"
	for yaml, want := range map[string]string{
		"litellm_settings: {cache: true}\ncache: {tier: semantic, similarity_threshold: 0}\n":                                                           "cache.similarity_threshold: " + low,
		"litellm_settings: {cache: true}\ncache: {tier: semantic, similarity_threshold: 0.84}\n":                                                        "cache.similarity_threshold: " + low,
		"litellm_settings: {cache: true}\ncache: {tier: semantic, similarity_threshold: 0.85}\n":                                                        "",
		"litellm_settings: {cache: true}\ncache: {tier: semantic, similarity_threshold: 0.9, models: {m: {similarity_threshold: 0.5}}}\n":               "cache.models.m.similarity_threshold: " + low,
		"litellm_settings: {cache: true, cache_params: {type: local, similarity_threshold: 0.8}}\ncache: {tier: semantic}\n":                            "cache_params.similarity_threshold: " + low,
		"litellm_settings: {cache: true, cache_params: {type: local, similarity_threshold: 0.8}}\ncache: {tier: semantic, similarity_threshold: 0.9}\n": "",
	} {
		_, warnings, err := load(t, oneModel+yaml)
		if err != nil || len(warnings) != min(len(want), 1) || want != "" && !strings.Contains(warnings[0].String(), want) {
			t.Errorf("%q: %v, %v; want %q", yaml, warnings, err, want)
		}
	}
}

// A model's tier that is not beyond that of all has an effect, or asks for what holds anyway.
func TestTiersOfModels(t *testing.T) {
	for _, yaml := range []string{
		"cache: {models: {m: {tier: exact}}}\n", "cache: {models: {m: {tier: near}}}\n",
		"cache: {tier: semantic, models: {m: {tier: semantic}}}\n", "cache: {tier: exact, models: {m: {ttl: 60}}}\n",
	} {
		_, warnings, err := load(t, oneModel+"litellm_settings: {cache: true}\n"+yaml)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%q: %v, %v", yaml, warnings, err)
		}
	}
}
