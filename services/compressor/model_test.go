package compressor_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/llmlingua"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/llmlingua2"
)

// prose is sentences of the small model's own words, no two alike.
func prose(sentences int) string {
	words := strings.Fields("gateway services company models answer counts every call tells who may spend how much on which day of the month between that them")
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time
	var out strings.Builder
	for range sentences {
		out.WriteString("The")
		for range 15 {
			out.WriteString(" " + words[r.IntN(len(words))])
		}
		out.WriteString(".\n")
	}
	return out.String()
}

// withModel are profiles with either engine.
func withModel(model *llmlingua.Engine) compressor.Options {
	return compressor.Options{
		Model: model, ModelTimeout: time.Minute,
		Profiles: map[string]compressor.Profile{
			"default":  {Rate: 0.5},
			"model":    {Rate: 0.5, Engine: compressor.LLMLingua2},
			"lossless": {Rate: 0.5, Engine: compressor.LLMLingua2, Stages: []string{"fold"}},
		},
	}
}

func openModel(t *testing.T) *llmlingua.Engine {
	t.Helper()
	model, err := llmlingua.Open(t.Context(), filepath.Join("llmlingua", "testdata", "bert"), llmlingua.Settings{}, &counter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Close)
	return model
}

// A profile has one of the engines, and a model is asked only where it is that.
func TestEngines(t *testing.T) {
	text := prose(100)
	s := newService(t, withModel(openModel(t)))
	for profile, want := range map[string]string{"default": compressor.Extractive, "model": compressor.LLMLingua2, "lossless": ""} {
		got := compress(t, s, compressor.Request{Body: conversation(text), Profile: profile})
		if got.Engine != want {
			t.Errorf("%s: by %q", profile, got.Engine)
		}
		if want == "" {
			continue
		}
		if slices.Contains(got.Stages, compressor.Extractive) == slices.Contains(got.Stages, compressor.LLMLingua2) {
			t.Errorf("%s: by %q", profile, got.Stages)
		}
		if len(got.Omitted) != 1 || got.Omitted[0].Text != text {
			t.Errorf("%s: %d parts can be fetched", profile, len(got.Omitted))
		}
		if again := compress(t, s, compressor.Request{Body: conversation(text), Profile: profile}); string(again.Body) != string(got.Body) {
			t.Errorf("%s: it becomes something else each time", profile)
		}
	}
}

// The time of profiles without the engine is not its, and at the end of either, and when the
// model fails, the original goes out.
func TestAModelFailsOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(o *compressor.Options)
		profile string
		smaller bool
	}{
		"no time for the model":       {func(o *compressor.Options) { o.ModelTimeout = 1 }, "model", false},
		"time for others":             {func(o *compressor.Options) { o.ModelTimeout = 1 }, "default", true},
		"no time for others":          {func(o *compressor.Options) { o.Timeout = 1 }, "default", false},
		"time for the model":          {func(o *compressor.Options) { o.Timeout = 1 }, "model", true},
		"a model that was closed":     {func(o *compressor.Options) { o.Model.(*llmlingua.Engine).Close() }, "model", false},
		"others beside such a model":  {func(o *compressor.Options) { o.Model.(*llmlingua.Engine).Close() }, "default", true},
		"a model, and nothing is cut": {func(*compressor.Options) {}, "model", true},
	} {
		t.Run(name, func(t *testing.T) {
			opts := withModel(openModel(t))
			tc.change(&opts)
			s := newService(t, opts)
			got, err := s.Compress(context.WithoutCancel(t.Context()), compressor.Request{
				Body: conversation(prose(100)), Profile: tc.profile, Provider: "openai", Model: "gpt-4o",
			})
			if err != nil || (got.Body != nil) != tc.smaller || (len(got.Omitted) > 0) != tc.smaller {
				t.Errorf("%d bytes, %d parts, %v", len(got.Body), len(got.Omitted), err)
			}
		})
	}
}

// owners is a model that notes whose texts it is asked about.
type owners struct {
	*llmlingua.Engine
	seen []string
}

func (o *owners) CompressContexts(ctx context.Context, contexts []string, opts llmlingua.ContextOptions) (llmlingua.Result, error) {
	o.seen = append(o.seen, opts.Tenant)
	return o.Engine.CompressContexts(ctx, contexts, opts)
}

// Whatever remembers is told whose the prompt is.
func TestWhatRemembersKnowsTheTenant(t *testing.T) {
	model := &owners{Engine: openModel(t)}
	opts := withModel(nil)
	delete(opts.Profiles, "lossless")
	opts.Model = model
	var drafts []string
	opts.Stages = append(opts.Stages, fake{"notes", func(_ context.Context, draft *prompt.Draft) error {
		drafts = append(drafts, draft.Tenant)
		return nil
	}}, llmlingua2.New(model, &counter))
	s := newService(t, opts)
	for _, tenant := range []string{"acme", "globex", ""} {
		compress(t, s, compressor.Request{Body: conversation(prose(100)), Profile: "model", Tenant: tenant})
	}
	if want := []string{"acme", "globex", ""}; !slices.Equal(drafts, want) || !slices.Equal(slices.Compact(model.seen), want) {
		t.Errorf("stages were told %q, the model %q", drafts, model.seen)
	}
}
