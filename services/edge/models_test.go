package edge

import (
	"strings"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
)

// shipped finds prices in the shipped table.
type shipped struct{ table *pricing.Table }

func (s shipped) Mode(_, _, _ string) string { return "chat" }

func (s shipped) Encoding(_, provider, model string) tokens.Encoding {
	return tokens.ForModel(provider, model)
}

func (s shipped) Price(_, provider, upstream string) (*pricing.Price, bool) {
	p, ok := s.table.Lookup(provider, upstream)
	return &p, ok
}

// modelOf is a model with one deployment.
func modelOf(t *testing.T, provider, upstream string) *model {
	t.Helper()
	table, err := pricing.Default(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	e := &Edge{Parts: Parts{Prices: shipped{table}}}
	return e.newModel(&routerv1.Model{Name: "m", Deployments: []*routerv1.Deployment{{Id: "d", Provider: provider, UpstreamModel: upstream}}})
}

// TestTheExampleOfTheDocuments holds docs/06 to what calls set aside.
func TestTheExampleOfTheDocuments(t *testing.T) {
	claude := modelOf(t, "anthropic", "claude-sonnet-4-5")
	const head, tail = `{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"`, `"}]}`
	req := parsed(t, head+strings.Repeat("a", 700-len(head)-len(tail))+tail)
	prompt := claude.promptBound(req)
	if prompt != 956 {
		t.Errorf("a body of 700 bytes is bound by %d tokens", prompt)
	}
	for output, want := range map[int64]money.Nano{0: 3_154_800, 1: 3_171_300, minimumOutput: 3_418_800, 200: 6_454_800, 500: 11_404_800} {
		if got := claude.costBound(req, prompt, output); got != want {
			t.Errorf("with %d tokens of answer it sets %d aside, want %d", output, got, want)
		}
	}
	if got := claude.affordable(req, prompt, 10_000_000); got != 414 {
		t.Errorf("$0.01 pays for %d tokens of answer", got)
	}
}

// Whatever a caller writes into a request, what it may cost is bounded by the dearest that it
// can come to.
func TestBoundsHoldWhateverTheCallerWrites(t *testing.T) {
	const messages = `"messages":[{"role":"user","content":"x"}]`
	request := func(more string) *chatRequest { return parsed(t, `{"model":"m",`+messages+more+`}`) }
	gpt, claude, gemini := modelOf(t, "openai", "gpt-5"), modelOf(t, "anthropic", "claude-opus-4-6"), modelOf(t, "gemini", "gemini-2.5-pro")
	local := modelOf(t, "openai_compatible", "anything")

	t.Run("two limits", func(t *testing.T) {
		for body, want := range map[string]int64{
			`,"max_tokens":100000,"max_completion_tokens":1`: 100000,
			`,"max_tokens":1,"max_completion_tokens":100000`: 100000,
			`,"max_completion_tokens":7`:                     7,
			`,"max_tokens":7`:                                7,
			``:                                               0,
		} {
			if got := gpt.limit(request(body)); got != want {
				t.Errorf("%s: %d, want %d", body, got, want)
			}
		}
		// A server that knows max_tokens alone does not heed the other.
		if got := local.limit(request(`,"max_completion_tokens":7`)); got != 0 {
			t.Errorf("a limit that may not be known: %d", got)
		}
		if got := local.limit(request(`,"max_tokens":7,"max_completion_tokens":5`)); got != 7 {
			t.Errorf("both, at a server that may know one: %d", got)
		}
	})
	t.Run("the lane that the project is set to", func(t *testing.T) {
		bound := func(m *model, more string) int64 { return int64(m.costBound(request(more), 1000, 1000)) }
		priority, standard := bound(gpt, `,"service_tier":"priority"`), bound(gpt, `,"service_tier":"default"`)
		if priority <= standard {
			t.Fatalf("no lane is dearer than another: %d, %d", priority, standard)
		}
		for _, more := range []string{``, `,"service_tier":"auto"`, `,"service_tier":null`, `,"service_tier":"of tomorrow"`} {
			if got := bound(gpt, more); got != priority {
				t.Errorf("%s: %d, want %d", more, got, priority)
			}
		}
		if got, want := bound(gemini, ``), bound(gemini, `,"service_tier":"standard"`); got != want {
			t.Errorf("where no lane is the standard one: %d, want %d", got, want)
		}
	})
	t.Run("the region", func(t *testing.T) {
		bound := func(more string) int64 { return int64(claude.costBound(request(more), 100000, 100000)) }
		global := bound(`,"inference_geo":"global"`)
		for _, more := range []string{``, `,"inference_geo":"us"`, `,"inference_geo":"eu"`} {
			if got := bound(more); got != global+global/10 {
				t.Errorf("%s: %d, want a tenth above %d", more, got, global)
			}
		}
		u := pricing.UsageOf(nil)
		u.Input, u.Output = 100, 100
		if claude.prices["d"].Cost(u, pricing.Options{Regional: true}) > claude.costBound(request(`,"inference_geo":"us"`), 100, 100) {
			t.Error("a call costs more than its bound")
		}
	})
	t.Run("what is not in the request", func(t *testing.T) {
		if got := gemini.promptBound(request(`,"cached_content":"cachedContents/1"`)); got != gemini.contextWindow {
			t.Errorf("a prompt whose beginning is in the provider's cache: %d tokens, want %d", got, gemini.contextWindow)
		}
		if got := gemini.promptBound(request(`,"cached_content":null`)); got >= gemini.contextWindow {
			t.Errorf("no cache is named: %d tokens", got)
		}
	})
}
