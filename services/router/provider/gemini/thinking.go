package gemini

import "strconv"

// thinking writes thinkingConfig, from reasoning_effort and from Anthropic's
// `thinking`. Where both are given, the effort decides unless `thinking` names an
// amount of its own, which is a contradiction.
func (e *encoder) thinking(b []byte) ([]byte, error) {
	config := []byte{'{'}
	amount, err := e.thinkingParam(&config)
	if err != nil {
		return nil, err
	}
	if effort := e.req.ReasoningEffort; effort != "" {
		if amount {
			if err := e.call.Unsupported("reasoning_effort", "thinking says already how much to think"); err != nil {
				return nil, err
			}
		} else if err := e.effort(&config, effort); err != nil {
			return nil, err
		}
	}
	if len(config) == 1 {
		return b, nil
	}
	return append(append(member(b, "thinkingConfig"), config...), '}'), nil
}

// thinkingParam maps `thinking`; amount says that it decided how much to think.
func (e *encoder) thinkingParam(config *[]byte) (amount bool, err error) {
	t := e.req.Thinking
	if t == nil {
		return false, nil
	}
	if t.BlockBinding != nil {
		if err := e.call.Unsupported("thinking.block_binding", "the Gemini API has no such parameter"); err != nil {
			return false, err
		}
	}
	shown := t.Display != "omitted"
	if t.Display != "" && t.Display != "omitted" && t.Display != "summarized" {
		return false, invalid("thinking.display", "must be summarized or omitted")
	}
	switch t.Type {
	case "disabled":
		switch {
		case !e.model.thinks():
		case !e.model.canStop():
			return true, e.call.Unsupported("thinking", "this model cannot do without thinking")
		default:
			*config = append(member(*config, "thinkingBudget"), '0')
		}
		return true, nil
	case "enabled", "adaptive":
	default:
		return false, invalid("thinking.type", "must be enabled, disabled or adaptive")
	}
	if !e.model.thinks() {
		return false, e.call.Unsupported("thinking", "this model does not think")
	}
	if shown {
		*config = append(member(*config, "includeThoughts"), "true"...)
	}
	switch {
	case t.BudgetTokens < 0:
		return false, invalid("thinking.budget_tokens", "must be positive")
	case t.BudgetTokens > 0:
		*config = strconv.AppendInt(member(*config, "thinkingBudget"), t.BudgetTokens, 10)
	}
	return t.BudgetTokens > 0, nil
}

// effort maps reasoning_effort as Google's OpenAI endpoint does,
// https://ai.google.dev/gemini-api/docs/openai#thinking, and like LiteLLM asks for the
// thoughts.
func (e *encoder) effort(config *[]byte, effort string) error {
	if effort == "none" {
		switch {
		case !e.model.thinks():
		case !e.model.canStop():
			return e.call.Unsupported("reasoning_effort", "this model cannot do without thinking")
		default:
			*config = append(member(*config, "thinkingBudget"), '0')
		}
		return nil
	}
	var level, budget string
	switch effort {
	case "minimal":
		level, budget = "LOW", "1024"
		if e.model.minimal() {
			level = "MINIMAL"
		}
	case "low":
		level, budget = "LOW", "1024"
	case "medium":
		level, budget = "MEDIUM", "8192"
	case "high":
		level, budget = "HIGH", "24576"
	default:
		return e.call.Unsupported("reasoning_effort", "the Gemini API has the efforts none, minimal, low, medium and high")
	}
	if !e.model.thinks() {
		return e.call.Unsupported("reasoning_effort", "this model does not think")
	}
	if e.req.Thinking == nil {
		*config = append(member(*config, "includeThoughts"), "true"...)
	}
	if e.model.hasLevels() {
		*config = append(append(append(member(*config, "thinkingLevel"), '"'), level...), '"')
		return nil
	}
	*config = append(member(*config, "thinkingBudget"), budget...)
	return nil
}
