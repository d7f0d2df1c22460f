package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/config"
)

// What compression leaves out is kept for an hour, unless the file says otherwise.
func TestKeepOmitted(t *testing.T) {
	type kept struct {
		time      time.Duration
		bytes     int64
		namespace string
	}
	for yaml, want := range map[string]kept{
		"": {time.Hour, 64 << 20, ""},
		"compression: {keep_omitted: 90, keep_omitted_bytes: 2097152, namespace: blue}\n": {90 * time.Second, 2 << 20, "blue"},
		"compression: {keep_omitted: 0}\n":                                                {0, 64 << 20, ""},
		"compression: {keep_omitted: 24h}\n":                                              {24 * time.Hour, 64 << 20, ""},
	} {
		cfg, warnings, err := load(t, oneModel+yaml, "REDIS_URL=redis://r")
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%q: %v, %v", yaml, warnings, err)
		}
		if c := cfg.Compression; (kept{c.KeepOmitted, c.KeepOmittedBytes, c.Namespace}) != want {
			t.Errorf("%q: %+v", yaml, c)
		}
	}
	_, _, err := load(t, oneModel+"compression: {keep_omitted: -1s, keep_omitted_bytes: 1000}\n")
	for _, want := range []string{"compression.keep_omitted: must not be negative", "compression.keep_omitted_bytes: must be"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, _, err = load(t, oneModel+"compression: {keep_omitted: 31d}\n")
	if err == nil || !strings.Contains(err.Error(), "compression.keep_omitted: must be a number of seconds") {
		t.Errorf("days: %v", err)
	}
}

// The engine that needs a model has a time of its own; other profiles keep theirs.
func TestCompressionByAModel(t *testing.T) {
	cfg, warnings, err := load(t, oneModel+"compression: {timeout: 1s, llmlingua2: {model: /models/m, concurrency: 2, threads: 4, timeout: 45s, max_text_bytes: 65536}, profiles: {rag: {engine: llmlingua2}}}\n")
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	c := cfg.Compression
	if c.LLMLingua2 != (config.LLMLingua2{Model: "/models/m", Concurrency: 2, Threads: 4, Timeout: 45 * time.Second, MaxTextBytes: 64 << 10}) || !c.AsksModel() {
		t.Errorf("%+v", c)
	}
	for profile, want := range map[string]time.Duration{"rag": 45 * time.Second, "chat": time.Second, "default": time.Second} {
		if got := c.TimeoutOf(profile); got != want {
			t.Errorf("%s has %v", profile, got)
		}
	}
	if p := c.Profiles["chat"]; p.Engine != config.EngineExtractive {
		t.Errorf("chat has %q", p.Engine)
	}
	if _, _, err := load(t, oneModel+"compression: {profiles: {rag: {engine: llmlingua2}}}\n"); err == nil ||
		!strings.Contains(err.Error(), "compression.profiles.rag.engine: needs a model: set compression.llmlingua2.model") {
		t.Errorf("without a model: %v", err)
	}
	cfg, warnings, err = load(t, oneModel+"compression: {llmlingua2: {model: /models/m}}\n")
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), "compression.llmlingua2: has no effect: no profile has the engine llmlingua2") || cfg.Compression.AsksModel() {
		t.Errorf("a model that nobody asks: %v, %v", warnings, err)
	}
}

// A profile has stages that there are, and the product's profiles are all that there are.
func TestCompressionProfiles(t *testing.T) {
	cfg, warnings, err := load(t, oneModel+"compression: {profiles: {rag: {stages: [repeat, extractive]}, chat: {stages: []}, default: }}\n")
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	for profile, want := range map[string][]string{"rag": {"repeat", "extractive"}, "chat": {}, "default": nil} {
		if got := cfg.Compression.Profiles[profile].Stages; !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s runs %q, want %q", profile, got, want)
		}
	}
	for yaml, want := range map[string]string{
		"{rga: {rate: 0.2}}":                    "compression.profiles.rga: unknown key; did you mean rag?",
		"{rag: {stages: [json]}}":               `compression.profiles.rag.stages[0]: unknown stage "json": one of blob, fold, json_space, json_table, repeat, extractive, llmlingua2`,
		"{rag: {stages: [repeat, llmlingua2]}}": "compression.profiles.rag.stages[1]: the stage llmlingua2 does not run: the profile's engine is extractive",
	} {
		if _, _, err := load(t, oneModel+"compression: {profiles: "+yaml+"}\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
}
