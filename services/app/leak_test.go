package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/secret/secrettest"
)

// Words that stand in a prompt, an answer, a system prompt, a credential and a base URL, and
// nowhere else.
const (
	saidInPrompt = "quillwort"
	saidInAnswer = "samphire-answer"
	saidBySystem = "larkspur-system"
	tenantKey    = "tamarisk-credential-of-the-tenant"
	tenantPath   = "oleander-base"
)

// quotingProvider answers chat completions, and embeds all texts alike; told to refuse, it embeds
// nothing, and says what it was asked and a key.
func quotingProvider(t *testing.T, refuse *atomic.Bool) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/chat/completions"):
			_, _ = fmt.Fprintf(w, `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`, saidInAnswer)
		case refuse.Load():
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.Copy(w, r.Body)
			_, _ = io.WriteString(w, tenantKey)
		default: // little-endian float32 in base64: 0.6, 0.8
			_, _ = io.WriteString(w, `{"data":[{"index":0,"embedding":"mpkZP83MTD8="}],"usage":{"prompt_tokens":5}}`)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// Whatever the cache comes to for a call (found by each tier, vetoed, compared, called wrong, purged,
// with an embedder that refuses and quotes), no word of a prompt, an answer, a credential or a
// tenant's own base URL is in the log, the metrics, the ledger, an event or
// an error.
func TestTheCacheTellsNobodyWhatIsSaid(t *testing.T) {
	var refuse atomic.Bool
	provider := quotingProvider(t, &refuse)
	client, topic := kafkaxtest.Open(t, kafkaxtest.Brokers(t)...), kafkaxtest.Name()
	kafkaxtest.Remove(t, client, topic)
	log := &journal{}
	opts := options(t, fmt.Sprintf(`
model_list:
  - {model_name: m, litellm_params: {model: hosted_vllm/llama, api_base: "%[1]s/v1", input_cost_per_token: 0.000001, output_cost_per_token: 0.000001}}
  - {model_name: e, litellm_params: {model: hosted_vllm/embeds, api_base: "%[1]s/v1", input_cost_per_token: 0.000001}}
litellm_settings: {cache: true}
general_settings: {allowed_provider_hosts: [%[2]q]}
cache: {tier: semantic, embedder: {kind: provider, model: e, dimensions: 2, shorten: false, timeout: 20s}}
kafka: {topic: %[3]s, partitions: 1}
`, provider.URL, strings.TrimPrefix(provider.URL, "http://"), topic), log, "KAFKA_BROKERS", strings.Join(kafkaxtest.Brokers(t), ","))
	opts.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := run(t, opts)
	post := func(path string, body any, header ...string) (*http.Response, string) {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return ask(t, p, http.MethodPost, path, string(raw), header...)
	}
	type object = map[string]any
	for team, cache := range map[string]object{"served": {"similarity_threshold": 0.5}, "learning": {}} {
		if resp, text := post("/team/new", object{"team_id": team, "cache": cache}); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
	}
	if resp, text := post("/team/credential", object{
		"team_id": "served", "provider": "openai_compatible", "api_key": tenantKey, "api_base": provider.URL + "/" + tenantPath + "/v1",
	}); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
	said := func(team, question string, header ...string) (*http.Response, string) {
		t.Helper()
		return post(chatPath, object{"model": "m", "messages": []object{
			{"role": "system", "content": saidBySystem}, {"role": "user", "content": question},
		}}, append(header, "X-Tenant-Id", team)...)
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !holds(); {
			if time.Now().After(deadline) || clock.Sleep(t.Context(), clock.Real(), 5*time.Millisecond) != nil {
				t.Fatalf("not in half a minute: %s", what)
			}
		}
	}
	tier := func(team, question string) (string, *http.Response) {
		t.Helper()
		resp, text := said(team, question, "Cache-Control", "no-store")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		return resp.Header.Get("X-Tollgate-Cache-Tier"), resp
	}
	metrics := func() string {
		_, page := ask(t, p, http.MethodGet, "/metrics", "")
		return page
	}

	const kept, nearly, others, another = "What causes a quillwort to wither?", "what causes a quillwort to wither", "Why does a quillwort wither?", "What causes 7 quillworts to wither?"
	keep := func(team string) {
		t.Helper()
		said(team, kept)
		until("the answer is kept", func() bool { found, _ := tier(team, kept); return found == "exact" })
	}
	for _, team := range []string{"served", "learning"} {
		keep(team)
		for question, want := range map[string]string{nearly: "near", another: ""} {
			if got, _ := tier(team, question); got != want {
				t.Errorf("%s: %q is found by %q, want %q", team, question, got, want)
			}
		}
	}
	if got, _ := tier("served", others); got != "semantic" {
		t.Errorf("%q is found by %q", others, got)
	}
	until("an answer is compared", func() bool {
		said("learning", others)
		if strings.Contains(metrics(), `tollgate_cache_candidates_total{outcome="compared",tier="semantic"} 1`) {
			return true
		}
		post("/v1/cache/invalidate", object{"namespace": "learning"})
		keep("learning")
		return false
	})
	_, resp := tier("served", nearly)
	entry := resp.Header.Get("X-Tollgate-Cache-Entry")
	if resp, text := post("/v1/cache/feedback", object{"model": "m", "entryId": entry, "wrong": true, "tier": "near"}, "X-Tenant-Id", "served"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	refuse.Store(true)
	for i := range 5 { // more than it takes to be left alone
		said("served", fmt.Sprintf("Which insects eat quillwort number %d?", i))
	}
	var told strings.Builder
	for _, refused := range []func() (*http.Response, string){
		func() (*http.Response, string) {
			return post("/v1/cache/feedback", object{"model": "m", "entryId": kept, "wrong": true})
		},
		func() (*http.Response, string) {
			return post(chatPath, object{"model": "m", "messages": []object{{"role": "user", "content": kept}}, "cache": object{"ttl": saidInAnswer}})
		},
		func() (*http.Response, string) { return said("served", kept, "X-Cache-Tier", saidInPrompt) },
	} {
		resp, text := refused()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
		told.WriteString(text)
	}
	until("the refusals are told", func() bool { return strings.Contains(log.String(), "what the cache needs is away") })
	ledger := ""
	until("the ledger has it", func() bool {
		_, ledger = ask(t, p, http.MethodGet, "/spend/logs", "", "X-Tenant-Id", "served")
		return strings.Contains(ledger, `"tier":"semantic"`)
	})
	var events strings.Builder
	until("the topic is made", func() bool { _, err := client.Partitions(t.Context(), topic); return err == nil })
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := client.ReadRange(ctx, topic, 0, 0, -1, func(m kafkax.Message) error {
		_, _ = fmt.Fprintf(&events, "%s %s\n", m.Key, m.Value)
		if strings.Contains(string(m.Value), `"tier":"semantic"`) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("%v, and the events are %s", err, events.String())
	}
	secrettest.AssertNoLeak(t, log.String()+metrics()+ledger+told.String()+events.String(), saidInPrompt, saidInAnswer, saidBySystem, tenantKey, tenantPath)
}
