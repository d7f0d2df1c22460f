package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
)

// askFor asks a question and returns what its answer says of the cache, once another of the
// same words would be a hit.
func askFor(t *testing.T, p *Process, question string) (cache, tier string) {
	t.Helper()
	body := `{"model":"m","messages":[{"role":"user","content":"` + question + `"}]}`
	resp, text := ask(t, p, http.MethodPost, chatPath, body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%q: %d %s", question, resp.StatusCode, text)
	}
	cache, tier = resp.Header.Get("X-Cache"), resp.Header.Get("X-Tollgate-Cache-Tier")
	if cache == "miss" {
		for again := resp; again.Header.Get("X-Cache") != "hit"; again, _ = ask(t, p, http.MethodPost, chatPath, body) {
			if err := clock.Sleep(t.Context(), clock.Real(), time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
	return cache, tier
}

// foundBy asks a question and returns the tier that answers it, or an empty text. Nothing is kept.
func foundBy(t *testing.T, p *Process, question string) string {
	t.Helper()
	resp, text := ask(t, p, http.MethodPost, chatPath, `{"model":"m","messages":[{"role":"user","content":"`+question+`"}],"cache":{"no-store":true}}`)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%q: %d %s", question, resp.StatusCode, text)
	}
	return resp.Header.Get("X-Tollgate-Cache-Tier")
}

// Each tier of the configuration finds what the one before it doesn't.
func TestTiers(t *testing.T) {
	const first = "How do I reset a forgotten password in Ubuntu?"
	const near = "how do i reset a forgotten password in ubuntu"
	const other = "How can a forgotten Ubuntu password be reset?"
	for tier, want := range map[string]map[string]string{
		"exact":                             {near: "", other: ""},
		"near":                              {near: "near", other: ""},
		"semantic, similarity_threshold: 0": {near: "near", other: "semantic"},
	} {
		t.Run(tier, func(t *testing.T) {
			p, _ := start(t, simulatedModel+"litellm_settings: {cache: true}\ncache: {tier: "+tier+"}\n")
			askFor(t, p, first)
			for _, question := range []string{near, other} {
				got := foundBy(t, p, question)
				for got == "" && want[question] != "" { // an answer is found by its question's meaning a moment after it is kept
					if err := clock.Sleep(t.Context(), clock.Real(), time.Millisecond); err != nil {
						t.Fatal(err)
					}
					got = foundBy(t, p, question)
				}
				if got != want[question] {
					t.Errorf("%q is found by %q, want %q", question, got, want[question])
				}
			}
		})
	}
}

// A model of the configuration embeds; its host is on the allowlist, and a redirect from there
// leads nowhere.
func TestEmbeddingsByAProvider(t *testing.T) {
	var asked, redirected atomic.Int64
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected.Add(1) }))
	defer away.Close()
	var leave atomic.Bool
	chat := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"So."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == chatPath {
			chat(w, r)
			return
		}
		var in struct {
			Model      string
			Dimensions int
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/v1/embeddings" || in.Model != "text-embedding-3-small" || in.Dimensions != 2 {
			t.Errorf("%s %+v %v", r.URL, in, err)
		}
		asked.Add(1)
		if leave.Load() {
			http.Redirect(w, r, away.URL, http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// Vectors of little-endian float32 in base64: 0.6, 0.8.
		_, _ = fmt.Fprint(w, `{"data":[{"index":0,"embedding":"mpkZP83MTD8="}],"usage":{"prompt_tokens":5}}`)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	p, _ := start(t, `
model_list:
  - {model_name: m, litellm_params: {model: hosted_vllm/llama, api_base: "`+server.URL+`/v1"}}
  - {model_name: e, litellm_params: {model: hosted_vllm/text-embedding-3-small, api_base: "`+server.URL+`/v1", input_cost_per_token: 0.000001}}
litellm_settings: {cache: true}
general_settings: {allowed_provider_hosts: [api.openai.com, "`+host+`"]}
cache: {tier: semantic, similarity_threshold: 0.9, embedder: {kind: provider, model: e, dimensions: 2, timeout: 5s}}
`)
	askFor(t, p, "How do I reset a forgotten password in Ubuntu?")
	if cache, tier := askFor(t, p, "How can a forgotten Ubuntu password be reset?"); cache != "semantic" || tier != "semantic" {
		t.Errorf("%s by %q", cache, tier)
	}
	if asked.Load() == 0 {
		t.Error("the provider was not asked")
	}
	// Each of the two questions was embedded once, for its look-up, and its caller pays for it.
	if asked.Load() != 2 {
		t.Errorf("the provider was asked %d times", asked.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for logs := ""; strings.Count(logs, `"call_type":"aembedding"`) != 2 || strings.Count(logs, `"spend":0.000005`) != 2; _, logs = ask(t, p, http.MethodGet, "/spend/logs", "") {
		if clock.Sleep(ctx, clock.Real(), 2*time.Millisecond) != nil {
			t.Fatalf("the ledger has no two embeddings: %s", logs)
		}
	}
	// Nobody's question is embedded whose budget cannot pay for it.
	resp, made := ask(t, p, http.MethodPost, "/key/generate", `{"max_budget":0.000000001}`)
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(made), &key); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, made)
	}
	ask(t, p, http.MethodPost, chatPath, `{"model":"m","messages":[{"role":"user","content":"What do the bears of Borneo eat?"}]}`, "Authorization", "Bearer "+key.Key)
	if asked.Load() != 2 {
		t.Error("a question was embedded that nobody pays for")
	}
	leave.Store(true)
	if cache, _ := askFor(t, p, "Where are the loudest frogs of Borneo?"); cache != "miss" || redirected.Load() != 0 {
		t.Errorf("%s, %d redirects were followed", cache, redirected.Load())
	}
	_, metrics := ask(t, p, http.MethodGet, "/metrics", "")
	if !strings.Contains(metrics, "\ntollgate_cache_embedding_tokens_total ") || strings.Contains(metrics, "\ntollgate_cache_embedding_tokens_total 0\n") {
		t.Error("no billed tokens are counted")
	}
}

// What is learned outlasts the process in its data folder.
func TestEvidenceIsInTheDataFolder(t *testing.T) {
	for tier, want := range map[string]bool{"near": false, "semantic": true, "semantic, similarity_threshold: 0.9": false} {
		p, _ := start(t, simulatedModel+"litellm_settings: {cache: true}\ncache: {tier: "+tier+"}\n")
		_, err := os.Stat(filepath.Join(p.cfg.General.DataDir, "cache.db"))
		if got := err == nil; got != want {
			t.Errorf("%s: a file is there: %t", tier, got)
		}
	}
}

// An edge waits for a cache elsewhere as long as that may wait for what it asks.
func TestHowLongALookUpMayTake(t *testing.T) {
	const semantic = "\ncache: {tier: semantic, embedder: {kind: provider, model: e, timeout: 300ms}}"
	const models = "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o}}, {model_name: e, litellm_params: {model: openai/text-embedding-3-small}}]\n"
	const local, shared = "litellm_settings: {cache: true, cache_params: {type: local}}", "litellm_settings: {cache: true, cache_params: {type: redis, host: h, socket_timeout: 0.04}}"
	for name, tc := range map[string]struct {
		yaml string
		want time.Duration
	}{
		"in memory":              {local, 50 * time.Millisecond},
		"in Redis":               {shared, 40 * time.Millisecond},
		"in Redis, exact":        {shared + "\ncache: {tier: exact}", 40 * time.Millisecond},
		"the table":              {shared + "\ncache: {tier: semantic}", 40 * time.Millisecond},
		"a model":                {shared + semantic, 340 * time.Millisecond},
		"a model, and in memory": {local + semantic, 350 * time.Millisecond},
	} {
		cfg := load(t, models+tc.yaml+"\n", "OPENAI_API_KEY", "k")
		if got := lookUpTime(cfg); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
