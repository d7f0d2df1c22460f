package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/config"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/onnx"
	"tollgate.dev/services/cache/embed/provider"
	"tollgate.dev/services/cache/embed/static"
	"tollgate.dev/services/edge"
	"tollgate.dev/services/router/upstream"
)

// openAIBase is where OpenAI's API is (platform.openai.com/docs/api-reference, November 2026).
const openAIBase = "https://api.openai.com/v1"

// embeds reports whether the cache has an embedder: its semantic tier runs.
func embeds(cfg *config.Config) bool {
	return cachesAnswers(cfg) && cfg.Cache.Similarity.Last == cachev1.Tier_TIER_SEMANTIC
}

// embedderWaits reports whether the embedder takes longer than a computation in the process, so
// that its time has to be bounded.
func embedderWaits(cfg *config.Config) bool {
	return embeds(cfg) && cfg.Cache.Similarity.Embedder.Kind != config.EmbedderStatic
}

// paidEmbedder is the model that is paid for embedding questions; nil where none is.
func paidEmbedder(cfg *config.Config) *edge.Embedder {
	if !embeds(cfg) || cfg.Cache.Similarity.Embedder.Kind != config.EmbedderProvider {
		return nil
	}
	d := cfg.EmbeddingDeployment()
	if d == nil {
		return nil
	}
	return &edge.Embedder{
		Model: d.ModelName, Provider: string(d.Provider), UpstreamModel: d.UpstreamModel, DeploymentID: d.ID,
		Most: cache.MaxEmbeddingTokens,
	}
}

// openEmbedder opens what the cache's semantic tier finds candidates by; nil where that tier
// does not run.
func openEmbedder(ctx context.Context, open *opened, cfg *config.Config) (e embed.Embedder, err error) {
	sim := &cfg.Cache.Similarity
	if !embeds(cfg) {
		return nil, nil
	}
	switch of := &sim.Embedder; of.Kind {
	case config.EmbedderProvider:
		d := cfg.EmbeddingDeployment()
		if d == nil {
			return nil, fmt.Errorf("cache.embedder.model: %q has no deployment", of.Model)
		}
		client := upstream.New(outbound(cfg, ""))
		open.addFunc(func() error {
			client.Close()
			return nil
		})
		url := d.APIBase
		if url == "" {
			url = openAIBase
		}
		return provider.New(poster{client}, provider.Options{
			URL: url, Key: d.Credential.Key, Model: d.UpstreamModel, Dim: of.Dimensions, Shorten: of.Shorten, Timeout: of.Timeout,
		})
	case config.EmbedderONNX:
		model, err := onnx.Open(ctx, of.Folder, onnx.Options{Timeout: of.Timeout})
		if err != nil {
			return nil, fmt.Errorf("cache.embedder.folder: %w", err)
		}
		return model, nil
	default:
		return static.New()
	}
}

// poster sends requests of net/http's to providers, and to no host that is not allowed.
type poster struct{ client *upstream.Client }

// Do is [http.Client]'s for POST. It follows no redirect.
func (p poster) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(r.Context(), &upstream.Request{URL: r.URL, Header: r.Header, Body: body})
	if upstream.Unsent(err) {
		return nil, errors.Join(err, provider.ErrUnsent)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: resp.Status, Header: resp.Header, ContentLength: resp.Length, Body: resp.Body}, nil
}
