package simulator

import "strings"

// reasoningStyle is where Groq puts a model's reasoning.
type reasoningStyle uint8

const (
	reasoningNone   reasoningStyle = iota
	reasoningHidden                // billed only
	reasoningField                 // message.reasoning
	reasoningRaw                   // <think> in the content
)

// groqOptions refuses what Groq does not support.
// https://console.groq.com/docs/openai (read 2026-11).
func (d *chatDialect) groqOptions(_ *exchange, root val, _ *ask) error {
	if d.name != Groq {
		return nil
	}
	for _, name := range [...]string{"logprobs", "top_logprobs", "logit_bias"} {
		if v := root.get(name); v.set() && (v.kind() != kindBool || v.isTrue()) {
			return badRequest("", "", "`"+name+"` is not supported with this model")
		}
	}
	if n, ok := root.get("n").integer(); ok && n != 1 {
		return badRequest("", "", "'n' : number must be at most 1")
	}
	if root.get("reasoning_format").set() && root.get("include_reasoning").set() {
		return badRequest("", "", "only one of `reasoning_format` and `include_reasoning` may be set")
	}
	switch f := root.get("reasoning_format"); {
	case !f.set(), f.is("hidden"), f.is("parsed"):
	case f.is("raw"):
		if root.get("tools").set() || jsonFormat(root) {
			return badRequest("", "", "`reasoning_format` must be `parsed` or `hidden` with JSON mode or tool use")
		}
	default:
		return badRequest("", "", "'reasoning_format' : value must be one of hidden, raw, parsed")
	}
	return nil
}

func jsonFormat(root val) bool {
	f := root.get("response_format")
	return f.set() && !f.get("type").is("text")
}

// groqReasons tells Groq's reasoning models.
func groqReasons(name string) bool {
	return strings.Contains(name, "gpt-oss") || strings.Contains(name, "qwen3") || strings.Contains(name, "deepseek-r1")
}

// reasoningStyle decides where the reasoning goes, and makes the answer think.
// gpt-oss answers in the reasoning field; the others in <think>, unless tools
// or a JSON format forbid it. https://console.groq.com/docs/reasoning (read
// 2026-11).
func (d *chatDialect) reasoningStyle(name string, root val, a *ask) reasoningStyle {
	if d.name != Groq {
		return reasoningHidden
	}
	effort := root.get("reasoning_effort")
	if effort.is("none") || !effort.set() && !groqReasons(name) {
		return reasoningNone
	}
	a.think = true
	format, include := root.get("reasoning_format"), root.get("include_reasoning")
	switch {
	case format.is("hidden"), include.set() && !include.isTrue():
		return reasoningHidden
	case format.is("parsed"), include.isTrue(), strings.Contains(name, "gpt-oss"),
		len(a.tools) > 0, jsonFormat(root):
		return reasoningField
	}
	return reasoningRaw
}
