package edge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
)

// modelTable is the models as the router last told them. It is replaced, not changed.
type modelTable struct {
	byName map[string]*model
	// names are those that are listed.
	names []string
}

// model is a name that callers use, with what its deployments cost.
type model struct {
	name    string
	created int64
	// provider is the deployments' one provider, or `*` when they have several.
	provider    string
	deployments []*routerv1.Deployment
	// upstream tells the model from one of the same name that others answer: see [upstreamOf].
	upstream string
	prices   map[string]*pricing.Price
	// unpriced says that a deployment has no price.
	unpriced bool
	// mode is what the model is for where that is no conversation, such as `embedding`.
	mode      string
	simulated bool
	// legacy says that a deployment may know max_tokens alone as a limit.
	legacy bool
	// contextWindow is the largest of all deployments, in tokens; 0 when one is unknown.
	contextWindow int64
	// maxOutput and imageTokens are the largest, with a stand-in for what is unknown.
	maxOutput   int64
	imageTokens int64
}

const (
	// unknownImageTokens stands in for a provider that documents no bound.
	unknownImageTokens = 50_000
	// unknownMaxOutput stands in for a model whose longest answer is unknown.
	unknownMaxOutput = 128_000
)

// modelTimeout bounds how long the router may take to tell its models.
const modelTimeout = 2 * time.Second

// RefreshModels reads the models from the router.
func (e *Edge) RefreshModels(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, modelTimeout)
	defer cancel()
	resp, err := e.Services.Router.ListModels(ctx, &routerv1.ListModelsRequest{})
	if err != nil {
		return err
	}
	table := &modelTable{byName: make(map[string]*model, len(resp.GetModels()))}
	for _, m := range resp.GetModels() {
		table.byName[m.GetName()] = e.newModel(m)
		if !e.opts.HiddenModels[m.GetName()] {
			table.names = append(table.names, m.GetName())
		}
	}
	e.models.Store(table)
	return nil
}

func (e *Edge) newModel(m *routerv1.Model) *model {
	out := &model{
		name: m.GetName(), created: m.GetCreated(), deployments: m.GetDeployments(), upstream: upstreamOf(m.GetDeployments()),
		prices: make(map[string]*pricing.Price, len(m.GetDeployments())),
	}
	unknownWindow, unknownImages, talks := false, false, false
	for i, d := range m.GetDeployments() {
		switch {
		case i == 0:
			out.provider = d.GetProvider()
		case out.provider != d.GetProvider():
			out.provider = "*"
		}
		out.simulated = out.simulated || d.GetSimulated()
		out.legacy = out.legacy || d.GetProvider() == "openai_compatible"
		mode := e.Prices.Mode(d.GetId(), d.GetProvider(), d.GetUpstreamModel())
		if talks = talks || conversational(mode); !talks {
			out.mode = mode
		}
		price, ok := e.Prices.Price(d.GetId(), d.GetProvider(), d.GetUpstreamModel())
		if !ok {
			out.unpriced = true
			continue
		}
		out.prices[d.GetId()] = price
		output := price.MaxOutputTokens
		if output == 0 {
			output = unknownMaxOutput
		}
		unknownWindow = unknownWindow || price.ContextWindow == 0
		unknownImages = unknownImages || price.ImageBound() == 0
		out.contextWindow = max(out.contextWindow, price.ContextWindow)
		out.maxOutput = max(out.maxOutput, output)
		out.imageTokens = max(out.imageTokens, price.ImageBound())
	}
	if talks {
		out.mode = ""
	}
	// One deployment of which nothing is known may take more than all that are known.
	if unknownWindow {
		out.contextWindow = 0
	}
	if unknownImages {
		out.imageTokens = max(out.imageTokens, unknownImageTokens)
	}
	if out.maxOutput == 0 {
		out.maxOutput = unknownMaxOutput
	}
	if out.imageTokens == 0 {
		out.imageTokens = unknownImageTokens
	}
	return out
}

// upstreamOf is a SHA-256 over what may answer for a model: at which providers, under which
// names and at which addresses. How often each of them does, and with which credentials, is not
// in it. Whoever has one configuration has one value: the order does not count, nor where a
// simulator happens to listen.
func upstreamOf(deployments []*routerv1.Deployment) string {
	each := make([]string, 0, len(deployments))
	for _, d := range deployments {
		base := d.GetApiBase()
		if d.GetSimulated() {
			base = "simulated"
		}
		var b []byte
		for _, part := range [...]string{d.GetProvider(), d.GetUpstreamModel(), base} {
			b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
		}
		each = append(each, string(b))
	}
	slices.Sort(each)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(each), ""))) // each says where it ends
	return string(sum[:])
}

// made says that a deployment answers with a model that was trained or set up for somebody, as far as its
// name tells: one that was fine-tuned may speak for a company.
func (m *model) made() bool {
	return slices.ContainsFunc(m.deployments, func(d *routerv1.Deployment) bool {
		name := d.GetUpstreamModel()
		return strings.HasPrefix(name, "ft:") || strings.Contains(name, "/endpoints/") || strings.HasPrefix(name, "arn:") || strings.Contains(name, "/arn:")
	})
}

// conversational says that a model of this mode, in LiteLLM's words, answers messages.
// That it does so on another route of its provider is the provider's to say.
func conversational(mode string) bool {
	switch mode {
	case "", "batch", "chat", "completion", "responses":
		return true
	}
	return false
}

// chats refuses a model that does not answer chat completions, such as one for
// embeddings.
func (m *model) chats() error {
	if m.mode == "" {
		return nil
	}
	return errs.Newf(errs.InvalidRequest, "the model %q is no chat model: its mode is %s", m.name, m.mode).WithParam("model")
}

// promptBound is a number of tokens that the request's prompt cannot exceed. No
// token is shorter than a byte, so the body's length bounds its text.
func (m *model) promptBound(req *chatRequest) int64 {
	bound := tokens.Bound(tokens.Request{
		Provider: m.provider, Body: req.body, Plain: req.fields.Plain(), Images: req.images, ImageTokens: m.imageTokens, Tools: req.tools,
	})
	if m.contextWindow > 0 && (req.unbounded || bound > m.contextWindow) {
		return m.contextWindow
	}
	return bound
}

// costBound is an amount that a call with such a prompt, and an answer of at most
// output tokens, cannot exceed at any deployment.
func (m *model) costBound(req *chatRequest, prompt, output int64) money.Nano {
	bound := money.Nano(0)
	for _, p := range m.prices {
		options := m.priceOptions(req, p.Provider)
		b := p.UpperBound(prompt, output, options)
		if req.searches {
			b = money.AddSat(b, p.Cost(pricing.Usage{WebSearches: maxSearches}, options))
		}
		bound = max(bound, b)
	}
	return bound
}

// maxSearches is how many searches one call is taken to make at most. OpenAI's search
// models make one (https://platform.openai.com/docs/guides/tools-web-search, November
// 2026); the rest is reserve.
const maxSearches = 5

// priceOptions is how a call may be served at a provider, at the dearest.
func (m *model) priceOptions(req *chatRequest, provider string) pricing.Options {
	without := []pricing.Class{pricing.ImageOutput} // no chat route asks for images
	if !req.audio {
		without = append(without, pricing.AudioInput, pricing.CachedAudio, pricing.AudioOutput)
	}
	if m.provider == "anthropic" && !req.breakpoints {
		// Anthropic writes to its cache where a caller sets a breakpoint, and nowhere else
		// (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching, November 2026).
		without = append(without, pricing.CacheWrite, pricing.CacheWrite1h)
	}
	return pricing.Options{
		ServiceTier: requestedTier(req.tier, provider), Without: pricing.Classes(without...),
		// Without a word of the caller's, a workspace of Anthropic's has a default of its own.
		Regional: req.region != globalRegion,
	}
}

// globalRegion is the region that is none.
const globalRegion = "global"

// requestedTier is the lane that a caller asks for. One that nobody knows may be the
// dearest. OpenAI serves who asks for none in the lane that the project is set to
// (https://platform.openai.com/docs/api-reference/chat/create, November 2026).
func requestedTier(name, provider string) pricing.ServiceTier {
	tier, ok := pricing.ParseServiceTier(name)
	if !ok || name == "" && provider == "openai" {
		return pricing.Auto
	}
	return tier
}

// limit is what the caller limits the answer to, in tokens, as far as every deployment
// heeds it; 0 is none.
func (m *model) limit(req *chatRequest) int64 {
	if req.modernLimit && m.legacy {
		return 0
	}
	return req.maxTokens
}

// affordable is how many output tokens the amount pays for, after the prompt.
func (m *model) affordable(req *chatRequest, prompt int64, amount money.Nano) int64 {
	low, high := int64(0), m.maxOutput*req.answers
	for low < high {
		middle := (low + high + 1) / 2
		if m.costBound(req, prompt, middle) <= amount {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low / req.answers
}

// model finds a model by the name that the caller used, or by one of the caller's
// own aliases.
func (x *exchange) model(name string) (*model, error) {
	table := x.e.models.Load()
	m, ok := table.byName[x.principal.ResolveModel(name)]
	if !ok {
		return nil, errs.Newf(errs.ModelNotFound, "the model %q does not exist", name).WithParam("model")
	}
	if err := x.principal.AllowsModel(m.name); err != nil {
		return nil, err
	}
	return m, nil
}

// modelObject is a model in OpenAI's form.
type modelObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (m *model) object() modelObject {
	owner := m.provider
	if owner == "*" {
		owner = "tollgate"
	}
	return modelObject{ID: m.name, Object: "model", Created: m.created, OwnedBy: owner}
}

// listModels answers `GET /v1/models` with the models that the caller may use.
func (e *Edge) listModels(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	list := struct {
		Object string        `json:"object"`
		Data   []modelObject `json:"data"`
	}{Object: "list", Data: []modelObject{}}
	table := e.models.Load()
	for _, name := range table.names {
		if x.principal.AllowsModel(name) == nil {
			list.Data = append(list.Data, table.byName[name].object())
		}
	}
	return x.json(200, list)
}

// getModel answers `GET /v1/models/{id}`.
func (e *Edge) getModel(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	m, err := x.model(x.r.PathValue("id"))
	if err != nil {
		return err
	}
	return x.json(200, m.object())
}

// modelInfo answers `GET /model/info` in LiteLLM's form. Where a deployment is, only admins
// learn.
func (e *Edge) modelInfo(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	type params struct {
		Model   string `json:"model"`
		APIBase string `json:"api_base,omitempty"`
	}
	type info struct {
		ID                          string  `json:"id"`
		DBModel                     bool    `json:"db_model"`
		Key                         string  `json:"key"`
		Provider                    string  `json:"litellm_provider"`
		Mode                        string  `json:"mode"`
		MaxInputTokens              int64   `json:"max_input_tokens,omitempty"`
		MaxOutputTokens             int64   `json:"max_output_tokens,omitempty"`
		InputCostPerToken           rawJSON `json:"input_cost_per_token"`
		CacheReadInputTokenCost     rawJSON `json:"cache_read_input_token_cost"`
		CacheCreationInputTokenCost rawJSON `json:"cache_creation_input_token_cost"`
		CacheCreation1hCost         rawJSON `json:"cache_creation_input_token_cost_above_1hr"`
		OutputCostPerToken          rawJSON `json:"output_cost_per_token"`
		OutputCostPerReasoningToken rawJSON `json:"output_cost_per_reasoning_token"`
		Simulated                   bool    `json:"simulated,omitempty"`
	}
	type item struct {
		ModelName string `json:"model_name"`
		Params    params `json:"litellm_params"`
		Info      info   `json:"model_info"`
	}
	data := []item{}
	table := e.models.Load()
	wanted := x.r.URL.Query().Get("litellm_model_id")
	for _, name := range table.names {
		if x.principal.AllowsModel(name) != nil {
			continue
		}
		m := table.byName[name]
		for _, d := range m.deployments {
			if wanted != "" && wanted != d.GetId() {
				continue
			}
			it := item{ModelName: name, Params: params{Model: d.GetProvider() + "/" + d.GetUpstreamModel()}}
			if x.principal.Admin {
				it.Params.APIBase = d.GetApiBase()
			}
			it.Info = info{ID: d.GetId(), Key: d.GetUpstreamModel(), Provider: d.GetProvider(), Mode: "chat", Simulated: d.GetSimulated()}
			if mode := e.Prices.Mode(d.GetId(), d.GetProvider(), d.GetUpstreamModel()); mode != "" {
				it.Info.Mode = mode
			}
			if p := m.prices[d.GetId()]; p != nil {
				rate := func(c pricing.Class) rawJSON {
					return rawJSON(p.Rate(c, pricing.Standard, 0).DollarsPerUnit())
				}
				it.Info.MaxInputTokens, it.Info.MaxOutputTokens = p.ContextWindow, p.MaxOutputTokens
				it.Info.InputCostPerToken, it.Info.OutputCostPerToken = rate(pricing.Input), rate(pricing.Output)
				it.Info.CacheReadInputTokenCost, it.Info.CacheCreationInputTokenCost = rate(pricing.CachedInput), rate(pricing.CacheWrite)
				it.Info.CacheCreation1hCost, it.Info.OutputCostPerReasoningToken = rate(pricing.CacheWrite1h), rate(pricing.Reasoning)
			}
			data = append(data, it)
		}
	}
	slices.SortStableFunc(data, func(a, b item) int { return strings.Compare(a.ModelName, b.ModelName) })
	return x.json(200, struct {
		Data []item `json:"data"`
	}{data})
}

// rawJSON is a number whose digits are written as they are; empty is null.
type rawJSON string

// MarshalJSON writes the digits.
func (r rawJSON) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}
