package compressor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
)

// shipped are the prices of the shipped table.
func shipped(t testing.TB) compressor.Listed {
	t.Helper()
	table, err := pricing.Default(clock.Real().Now())
	if err != nil {
		t.Fatal(err)
	}
	return compressor.Listed{Table: table}
}

// halve keeps the half of each text's lines, or what the draft says is the least.
var halve = fake{"halve", func(_ context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		lines := strings.SplitAfter(t.Original, "\n")
		keep := int64(len(lines) / 2)
		if least := draft.Leasts()[t.Turn]; least > t.Size/2 {
			keep = (least*int64(len(lines)) + t.Size - 1) / t.Size
		}
		t.Replace(strings.Join(lines[:min(keep, int64(len(lines)))], ""))
	}
	return nil
}}

// talk is a conversation: a question and a tool's result of so many lines for each turn.
func talk(t testing.TB, tools bool, lines ...int) []byte {
	t.Helper()
	var messages []any
	for i, n := range lines {
		messages = append(messages, map[string]any{"role": "user", "content": "Which is turn " + string(rune('a'+i)) + "?"},
			map[string]any{"role": "tool", "content": strings.Repeat("The mill stands by the river.\n", n)},
			map[string]any{"role": "assistant", "content": "This one."})
	}
	request := map[string]any{"messages": messages[:len(messages)-1]}
	if tools {
		request["tools"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": "look"}}}
	}
	raw, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A prompt that goes on is not made shorter than what its provider keeps: each later turn
// would pay in full for what it finds in the cache now.
func TestPromptsStayAboveWhatProvidersKeep(t *testing.T) {
	const (
		openai, cheap, gemini = "openai/gpt-4o", "openai/gpt-5", "gemini/gemini-2.5-pro" // cached tokens at 1/2, 1/10, 1/10
		anthropic, groq       = "anthropic/claude-sonnet-4-5", "groq/llama-3.3-70b-versatile"
	)
	s := newService(t, compressor.Options{Stages: []compressor.Stage{halve}, Prices: shipped(t)})
	for name, tc := range map[string]struct {
		model      string
		tools      bool
		lines      []int // seven tokens each
		compressed bool
		from, to   int64 // tokens
	}{
		"a single turn":                      {openai, false, []int{130}, true, 0, 500},
		"a single turn that is kept":         {cheap, false, []int{190}, true, 1152, 1260},
		"a larger one, which saves more":     {cheap, false, []int{400}, true, 0, 1500},
		"a small one, which nobody keeps":    {cheap, false, []int{120}, true, 0, 450},
		"a turn of an agent":                 {openai, true, []int{140}, false, 0, 0},
		"an agent's large turn":              {openai, true, []int{200}, true, 1152, 1260},
		"a larger one":                       {openai, true, []int{1000}, true, 3500, 3700},
		"a turn before one that is short":    {cheap, false, []int{400, 10}, true, 1400, 1560},
		"a small turn before a short one":    {cheap, false, []int{120, 10}, true, 880, 940},
		"a large turn before a short one":    {openai, false, []int{190, 10}, true, 1200, 1340},
		"a turn before one that is large":    {openai, false, []int{190, 400}, true, 2000, 2200},
		"a provider that keeps longer ones":  {gemini, true, []int{270}, false, 0, 0},
		"that provider, longer":              {gemini, true, []int{320}, true, 2176, 2300},
		"a later model of it":                {"gemini/gemini-3-pro", true, []int{500}, false, 0, 0},
		"a provider that keeps what is told": {anthropic, true, []int{150}, true, 0, 700},
		"a provider that takes nothing off":  {groq, true, []int{150}, true, 0, 600},
		"a model without a price":            {"openai/unheard-of", true, []int{140}, false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			provider, model, _ := strings.Cut(tc.model, "/")
			got := compress(t, s, compressor.Request{Body: talk(t, tc.tools, tc.lines...), Provider: provider, Model: model})
			if (got.Body != nil) != tc.compressed {
				t.Fatalf("%d to %d tokens", got.Original, got.Compressed)
			}
			if tc.compressed && (got.Compressed < tc.from || got.Compressed > tc.to) {
				t.Errorf("%d to %d tokens, want %d to %d", got.Original, got.Compressed, tc.from, tc.to)
			}
		})
	}
}

// Whichever deployment serves, nothing is lost of its provider's cache: the strictest goes.
func TestTheStrictestOfAllCachesGoes(t *testing.T) {
	openai, gemini := compressor.Deployment{Provider: "openai", Model: "gpt-4o"}, compressor.Deployment{Provider: "gemini", Model: "gemini-2.5-pro"}
	anthropic, groq := compressor.Deployment{Provider: "anthropic", Model: "claude-sonnet-4-5"}, compressor.Deployment{Provider: "groq", Model: "llama-3.3-70b-versatile"}
	cheap := compressor.Deployment{Provider: "openai", Model: "gpt-5"}
	s := newService(t, compressor.Options{Stages: []compressor.Stage{halve}, Prices: shipped(t)})
	for name, tc := range map[string]struct {
		deployments []compressor.Deployment
		tools       bool
		lines       []int // seven tokens each
		from, to    int64 // tokens; 0 is not compressed
	}{
		"one":                              {[]compressor.Deployment{openai}, true, []int{270}, 1152, 1260},
		"and one that keeps longer ones":   {[]compressor.Deployment{openai, gemini}, true, []int{270}, 0, 0},
		"above both":                       {[]compressor.Deployment{openai, gemini}, true, []int{350}, 2176, 2320},
		"and one that takes nothing off":   {[]compressor.Deployment{openai, groq}, true, []int{270}, 1152, 1260},
		"none that keeps by itself":        {[]compressor.Deployment{anthropic, groq}, true, []int{150}, 0, 700},
		"one of three that does":           {[]compressor.Deployment{anthropic, groq, openai}, true, []int{140}, 0, 0},
		"a last turn that is worth it":     {[]compressor.Deployment{openai, openai}, false, []int{190}, 600, 750},
		"and not where a cache is cheaper": {[]compressor.Deployment{openai, cheap}, false, []int{190}, 1152, 1260},
	} {
		t.Run(name, func(t *testing.T) {
			for range tc.deployments { // whichever is the likely one
				d := tc.deployments
				got := compress(t, s, compressor.Request{
					Body: talk(t, tc.tools, tc.lines...), Provider: d[0].Provider, Model: d[0].Model, DeploymentID: d[0].ID, Others: d[1:],
				})
				if (got.Body != nil) != (tc.to > 0) || got.Body != nil && (got.Compressed < tc.from || got.Compressed > tc.to) {
					t.Errorf("%v: %d to %d tokens, want %d to %d", d, got.Original, got.Compressed, tc.from, tc.to)
				}
				tc.deployments = append(d[1:len(d):len(d)], d[0])
			}
		})
	}
}

// Where nobody keeps earlier turns, their texts are chosen by the last question as well.
func TestQuestionsOfEarlierTurns(t *testing.T) {
	var questions []string
	look := fake{"look", func(_ context.Context, draft *prompt.Draft) error {
		for _, t := range draft.Texts {
			questions = append(questions, t.Question)
		}
		return nil
	}}
	costs := func(fields map[string]any) compressor.Prices {
		p, err := pricing.Price{Provider: "openai", Model: "own"}.Override(fields)
		if err != nil {
			t.Fatal(err)
		}
		return compressor.Listed{Table: pricing.NewTable(p)}
	}
	own := []string{"Which is turn a?", "Which is turn b?"}
	last := []string{"Which is turn b?\nWhich is turn a?", "Which is turn b?"}
	for name, tc := range map[string]struct {
		provider, model string
		prices          compressor.Prices
		others          []compressor.Deployment
		want            []string
	}{
		"a provider with a cache":             {"openai", "gpt-4o", shipped(t), nil, own},
		"a provider that takes nothing off":   {"groq", "llama-3.3-70b-versatile", shipped(t), nil, last},
		"a provider that keeps what is told":  {"anthropic", "claude-sonnet-4-5", shipped(t), nil, last},
		"costs without that of cached tokens": {"openai", "own", costs(map[string]any{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}), nil, own},
		"costs with the same for these":       {"openai", "own", costs(map[string]any{"input_cost_per_token": 1e-06, "cache_read_input_token_cost": 1e-06}), nil, last},
		"nobody knows":                        {"groq", "llama-3.3-70b-versatile", nil, nil, own},
		"one of all has a cache":              {"groq", "llama-3.3-70b-versatile", shipped(t), []compressor.Deployment{{Provider: "openai", Model: "gpt-4o"}}, own},
		"none of all has":                     {"groq", "llama-3.3-70b-versatile", shipped(t), []compressor.Deployment{{Provider: "anthropic", Model: "claude-sonnet-4-5"}}, last},
	} {
		questions = nil
		s := newService(t, compressor.Options{Stages: []compressor.Stage{look}, Prices: tc.prices})
		compress(t, s, compressor.Request{Body: talk(t, false, 300, 300), Provider: tc.provider, Model: tc.model, Others: tc.others})
		if !slices.Equal(questions, tc.want) {
			t.Errorf("%s: %q", name, questions)
		}
	}
}

// What the provider would have kept of the earlier turns is told apart from what is new.
func TestEffectOnTheProvidersCache(t *testing.T) {
	s := newService(t, compressor.Options{Stages: []compressor.Stage{halve}, Prices: shipped(t)})
	for name, tc := range map[string]struct {
		lines      []int
		read, lost bool
	}{
		"one turn":                      {[]int{400}, false, false},
		"an earlier turn, kept":         {[]int{400, 100}, true, false},
		"an earlier turn, too short":    {[]int{60, 400}, false, false},
		"an earlier turn, not kept now": {[]int{220, 30}, true, true},
	} {
		body := talk(t, false, tc.lines...)
		got := compress(t, s, compressor.Request{Body: body})
		if got.Body == nil || (got.Cache.Read > 0) != tc.read || (got.Cache.Lost > 0) != tc.lost || got.Cache.Read > got.Original-got.Compressed {
			t.Errorf("%s: %d to %d tokens, %+v", name, got.Original, got.Compressed, got.Cache)
		}
		none := compress(t, s, compressor.Request{Body: body, Provider: "anthropic", Model: "claude-sonnet-4-5"})
		if none.Body == nil || none.Cache != (compressor.CacheEffect{}) {
			t.Errorf("%s, with breakpoints alone: %+v", name, none.Cache)
		}
	}
}

// Where the original goes out after earlier turns were compressed, whatever the reason, the
// provider does not find those. What stands before the first text that may be changed it finds.
func TestWhatAFailureLosesOfTheProvidersCache(t *testing.T) {
	waiting := func(ctx context.Context, _ *prompt.Draft) error {
		<-ctx.Done()
		return ctx.Err()
	}
	type reason struct {
		opts          compressor.Options
		counted, late bool
	}
	reasons := map[string]reason{
		"an error": {compressor.Options{Stages: []compressor.Stage{fake{"broken", func(context.Context, *prompt.Draft) error { return errors.New("broken") }}}}, true, false},
		"a panic":  {compressor.Options{Stages: []compressor.Stage{fake{"panicking", func(context.Context, *prompt.Draft) error { panic("broken") }}}}, true, false},
		"time":     {compressor.Options{Stages: []compressor.Stage{fake{"waiting", waiting}}, Timeout: 200 * time.Millisecond}, true, true},
		"no time":  {compressor.Options{Timeout: time.Nanosecond}, false, true},
	}
	for name, tc := range map[string]struct {
		lines []int
		lost  bool
	}{
		"one turn":                   {[]int{400}, false},
		"an earlier turn":            {[]int{400, 100}, true},
		"an earlier turn, too short": {[]int{60, 400}, false},
	} {
		for why, r := range reasons {
			r.opts.Prices = shipped(t)
			s := newService(t, r.opts)
			body := talk(t, false, tc.lines...)
			got := compress(t, s, compressor.Request{Body: body})
			if got.Body != nil || got.Compressed != got.Original || (got.Cache.Lost > 0) != tc.lost || (got.Engine == compressor.None) != tc.lost || (got.Original > 0) != r.counted {
				t.Errorf("%s, %s: %+v", name, why, got)
			}
			if got.Late != r.late || got.Failed == r.late {
				t.Errorf("%s, %s: late %t, failed %t", name, why, got.Late, got.Failed)
			}
			if r.counted && got.Cache.Lost >= got.Original {
				t.Errorf("%s, %s: the last turn was never kept, and %d of %d tokens are lost", name, why, got.Cache.Lost, got.Original)
			}
			price, _ := shipped(t).Price("", "openai", "gpt-4o")
			if saved := got.Saved(price); (saved < 0) != tc.lost || saved > 0 {
				t.Errorf("%s, %s: saved %d", name, why, saved)
			}
			none := compress(t, s, compressor.Request{Body: body, Provider: "anthropic", Model: "claude-sonnet-4-5"})
			if none.Cache != (compressor.CacheEffect{}) || none.Engine != "" {
				t.Errorf("%s, %s, with breakpoints alone: %+v", name, why, none)
			}
		}
	}
}

// The caller's own tags are heard in a prompt of any size.
func TestTagsGoBeforeTheProfilesSize(t *testing.T) {
	s := newService(t, compressor.Options{Stages: []compressor.Stage{halve}})
	body := []byte(`{"messages":[{"role":"user","content":"Which? <llmlingua>a mill\na river\n</llmlingua> Say it."}]}`)
	got := compress(t, s, compressor.Request{Body: body})
	if !bytes.Contains(got.Body, []byte(`"Which? a mill\n Say it."`)) {
		t.Errorf("got %s", got.Body)
	}
}
