package app

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"tollgate.dev/platform/config"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/embed/onnx"
	"tollgate.dev/services/cache/embed/provider"
	"tollgate.dev/services/cache/embed/static"
	"tollgate.dev/services/router/upstream"
)

// openAIBase is where OpenAI's API is (platform.openai.com/docs/api-reference, November 2026).
const openAIBase = "https://api.openai.com/v1"

// openEmbedder opens what the cache's semantic tier finds candidates by; nil where that tier
// does not run. Waits tells whether it takes longer than a computation in the process.
func openEmbedder(ctx context.Context, open *opened, cfg *config.Config) (e embed.Embedder, waits bool, err error) {
	sim := &cfg.Cache.Similarity
	if !cachesAnswers(cfg) || sim.Last != config.TierSemantic {
		return nil, false, nil
	}
	switch of := &sim.Embedder; of.Kind {
	case config.EmbedderProvider:
		d := cfg.EmbeddingDeployment()
		if d == nil {
			return nil, false, fmt.Errorf("cache.embedder.model: %q has no deployment", of.Model)
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
		e, err = provider.New(poster{client}, provider.Options{
			URL: url, Key: d.Credential.Key, Model: d.UpstreamModel, Dim: of.Dimensions, Shorten: of.Shorten, Timeout: of.Timeout,
		})
		return e, true, err
	case config.EmbedderONNX:
		model, err := onnx.Open(ctx, of.Folder, onnx.Options{Timeout: of.Timeout})
		if err != nil {
			return nil, false, fmt.Errorf("cache.embedder.folder: %w", err)
		}
		return model, true, nil
	default:
		e, err = static.New()
		return e, false, err
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
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: resp.Status, Header: resp.Header, ContentLength: resp.Length, Body: resp.Body}, nil
}
