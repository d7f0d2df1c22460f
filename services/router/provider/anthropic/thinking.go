package anthropic

import (
	"slices"
	"strconv"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

const (
	// minBudget is the least thinking budget that the API accepts, in tokens.
	minBudget = 1024
	thinkOn   = "adaptive"
)

// thinkPlan is how much the model thinks. Its zero value leaves it to the model.
type thinkPlan struct {
	// kind is the type of `thinking`; empty leaves the parameter out.
	kind    string
	budget  int64
	display string
	// binding says what becomes of past thinking whose conversation has changed.
	binding []byte
	// effort is `output_config.effort`; empty leaves it out.
	effort string
}

// active says that the constraints of thinking apply.
func (p thinkPlan) active() bool { return p.kind == thinkOn || p.kind == "enabled" }

// budgetFor translates an effort for models that have budgets only. The numbers
// are LiteLLM's defaults, raised to the API's minimum.
func budgetFor(effort string) int64 {
	switch effort {
	case "medium":
		return 2048
	case "high":
		return 4096
	case "xhigh":
		return 8192
	case "max":
		return 16384
	}
	return minBudget
}

// planThinking decides on thinking, effort and the limit of the answer, which
// depend on each other.
func (e *encoder) planThinking() error {
	if err := e.explicitThinking(); err != nil {
		return err
	}
	if err := e.reasoningEffort(); err != nil {
		return err
	}
	if e.req.MaxTokens < 0 {
		return invalid("max_tokens", "must be positive")
	}
	e.maxTokens = e.req.MaxTokens
	if e.maxTokens == 0 {
		if e.maxTokens = e.call.ModelMaxOutput; e.maxTokens <= 0 {
			e.maxTokens = DefaultMaxTokens + e.think.budget
		}
	}
	if limit := e.call.MaxOutput; limit > 0 {
		e.maxTokens = min(e.maxTokens, limit)
	}
	return e.fitBudget()
}

// explicitThinking takes the caller's own `thinking`.
func (e *encoder) explicitThinking() error {
	t := e.req.Thinking
	if t == nil {
		return nil
	}
	const param = "thinking"
	why := ""
	switch t.Type {
	case "enabled":
		switch {
		case !e.model.budgets():
			why = "this model takes no thinking budget; use type adaptive with reasoning_effort"
		case !e.model.thinks():
			why = "this model does not think"
		case t.BudgetTokens < minBudget:
			return invalid("thinking.budget_tokens", "must be at least 1024")
		}
	case thinkOn:
		if !e.model.adaptive() {
			why = "this model has no adaptive thinking; use type enabled with budget_tokens"
		}
	case "disabled":
		if _, ok := e.model.off(); !ok {
			why = "this model cannot do without thinking"
		}
	case "between_tools":
	default:
		return invalid("thinking.type", "must be enabled, adaptive, disabled or between_tools")
	}
	if why != "" {
		return e.call.Unsupported(param, why)
	}
	if t.BudgetTokens != 0 && t.Type != "enabled" {
		if err := e.call.Unsupported("thinking.budget_tokens", "only type enabled has a budget"); err != nil {
			return err
		}
	} else {
		e.think.budget = t.BudgetTokens
	}
	e.think.kind, e.think.display, e.think.binding = t.Type, t.Display, t.BlockBinding
	return nil
}

// reasoningEffort takes OpenAI's parameter.
func (e *encoder) reasoningEffort() error {
	const param = "reasoning_effort"
	effort := e.req.ReasoningEffort
	switch effort {
	case "":
		return nil
	case "none":
		if e.req.Thinking != nil {
			return e.call.Unsupported(param, "thinking says it already")
		}
		kind, ok := e.model.off()
		if !ok {
			return e.call.Unsupported(param, "this model cannot do without thinking")
		}
		e.think.kind = kind
		return nil
	case "minimal":
		effort = "low"
	case "low", "medium", "high", "xhigh", "max":
	default:
		return invalid(param, "must be none, minimal, low, medium, high, xhigh or max")
	}
	if e.model.effort() {
		if !e.model.level(effort) {
			return e.call.Unsupported(param, "this model has no effort "+effort)
		}
		e.think.effort = effort
	}
	switch {
	case e.req.Thinking != nil:
		if !e.model.effort() {
			return e.call.Unsupported(param, "thinking says it already")
		}
	case e.model.adaptive():
		e.think.kind = thinkOn
	case !e.model.thinks():
		return e.call.Unsupported(param, "this model does not think")
	case e.thinkingLost():
		return e.call.Unsupported(param, "the last tool calls came without their thinking_blocks, and with them alone can this model go on thinking")
	default:
		e.think.kind, e.think.budget = "enabled", budgetFor(effort)
	}
	return nil
}

// thinkingLost says that the conversation ends with results of calls whose thinking
// is missing. With a budget, the API demands it back.
func (e *encoder) thinkingLost() bool {
	results := false
	for i := len(e.req.Messages) - 1; i >= 0; i-- {
		switch m := &e.req.Messages[i]; m.Role {
		case "tool":
			results = true
		case "assistant":
			return results && !slices.ContainsFunc(m.ThinkingBlocks, func(b chat.ThinkingBlock) bool {
				return b.Signature != "" || b.Data != ""
			})
		}
	}
	return false
}

// fitBudget keeps the budget below the limit of the answer, which includes it.
func (e *encoder) fitBudget() error {
	if e.think.kind != "enabled" || e.think.budget < e.maxTokens {
		return nil
	}
	param := "reasoning_effort"
	if e.req.Thinking != nil {
		param = "thinking"
		if e.req.MaxTokens > 0 && e.req.MaxTokens <= e.think.budget {
			return invalid("thinking.budget_tokens", "must be less than max_tokens")
		}
	}
	if e.maxTokens <= minBudget {
		e.think.kind, e.think.budget = "", 0
		return e.call.Unsupported(param, "thinking needs a limit of more than 1024 tokens")
	}
	e.think.budget = e.maxTokens - 1
	return nil
}

func (e *encoder) appendThinking(b []byte) []byte {
	if e.think.kind == "" {
		return b
	}
	b = append(b, `,"thinking":{"type":"`...)
	b = append(b, e.think.kind...)
	b = append(b, '"')
	if e.think.kind == "enabled" {
		b = append(b, `,"budget_tokens":`...)
		b = strconv.AppendInt(b, e.think.budget, 10)
	}
	if e.think.display != "" {
		b = append(b, `,"display":`...)
		b = quoted(b, e.think.display)
	}
	if e.think.binding != nil {
		b = append(append(b, `,"block_binding":`...), e.think.binding...)
	}
	return append(b, '}')
}

// invalid is a refusal of the call itself.
func invalid(param, what string) error {
	return errs.New(errs.InvalidRequest, param+" "+what).WithParam(param)
}
