// Package groq speaks Groq's dialect of OpenAI's chat-completions format.
//
// Sources: https://console.groq.com/docs/openai, …/docs/api-reference, …/docs/errors,
// …/docs/flex-processing and …/docs/reasoning (read 2026-11-23 and 2026-11-28), and the types of
// github.com/groq/groq-python at 9620fde (2026-08-18).
//
// # Differences from OpenAI
//
//   - Groq answers 400 to any member that it does not know, at any level. What OpenAI
//     documents and Groq lacks is therefore refused by name: logprobs, top_logprobs,
//     logit_bias, n above 1, messages[].name, the two penalties ("not yet supported by
//     any of our models"), store, and the other parameters of member below. A value that
//     asks for nothing, such as false or an n of 1, is not refused; where Groq would
//     refuse it all the same it is left out.
//   - An assistant's turn has no refusal, annotations or audio; those that say nothing to
//     a model are taken out of the history, as is what other providers put there
//     (`'messages.1' : property 'reasoning_content' is unsupported`). Groq's own
//     `reasoning` stays.
//   - `reasoning_effort` is none or default for Qwen's models, low, medium or high for
//     OpenAI's open ones, and never minimal, xhigh or max. `tool_choice` restricts to no
//     list of tools.
//   - `metadata` is documented as "not currently supported", and taken to be meant for
//     the gateway.
//   - `service_tier` default is Groq's on_demand, and left out; priority, scale and fast
//     are not Groq's.
//   - A stream's last chunk carries the usage in `x_groq` whether it was asked for or not,
//     and `x_groq.error` says that a stream was stopped early.
//   - `reasoning_format`, `include_reasoning` and Groq's other own parameters pass through.
//   - Errors: 498 is a lack of capacity in the flex tier alone. `failed_generation`, next
//     to the codes tool_use_failed and json_validate_failed, quotes the answer, and is
//     shown to nobody. 413 with the code rate_limit_exceeded is a request above the
//     tokens of a whole minute: another account may have more.
package groq

import (
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/provider/openai"
)

// New returns the codec for Groq.
func New() *openai.Provider {
	return openai.NewDialect(openai.Dialect{
		BaseURL:      "https://api.groq.com/openai/v1",
		Member:       member,
		StreamOption: streamOption,
		Scrub:        true,
		Turn:         turn,
		Part:         part,
		Tool:         tool,
		Suspects:     []string{`"name"`, `"refusal"`, `"annotations"`, `"audio"`, `"prompt_cache_breakpoint"`, `"custom"`},
		DefaultTiers: []string{"on_demand", "auto", "default"},
	})
}

// member decides about a member of the request.
func member(name, value []byte) (openai.Action, string) {
	switch string(name) {
	case "logprobs", "top_logprobs", "logit_bias", "store":
		return unlessIdle(value, "Groq does not support it")
	case "n":
		if n, ok := jsonscan.Int64(value); ok && n != 1 {
			return openai.Refuse, "Groq gives one choice at a time"
		}
	case "frequency_penalty", "presence_penalty":
		if n, ok := jsonscan.Int64(value); string(value) != "null" && (!ok || n != 0) {
			return openai.Refuse, "none of Groq's models supports it"
		}
	case "service_tier":
		switch {
		case jsonscan.EqualString(value, "default"):
			return openai.LeaveOut, ""
		case jsonscan.EqualString(value, "priority"), jsonscan.EqualString(value, "scale"), jsonscan.EqualString(value, "fast"):
			return openai.Refuse, "Groq has the tiers auto, on_demand, flex and performance"
		}
	case "reasoning_effort":
		switch {
		case jsonscan.EqualString(value, "minimal"), jsonscan.EqualString(value, "xhigh"), jsonscan.EqualString(value, "max"):
			return openai.Refuse, "Groq's models have none and default, or low, medium and high"
		}
	case "tool_choice":
		if kind, ok := jsonscan.Lookup(value, "type"); ok && !jsonscan.EqualString(kind.Raw(value), "function") {
			return openai.Refuse, "Groq takes none, auto, required or a function"
		}
	case "audio", "moderation", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
		"safety_identifier", "verbosity", "web_search_options", "top_k", "thinking":
		return unlessIdle(value, "Groq does not have it")
	case "modalities":
		if string(jsonscan.AppendCanonical(nil, value)) == `["text"]` {
			return openai.LeaveOut, ""
		}
		return unlessIdle(value, "Groq answers in text alone")
	}
	return openai.Keep, ""
}

// unlessIdle refuses a value, and leaves one out that asks for nothing.
func unlessIdle(value []byte, why string) (openai.Action, string) {
	switch string(jsonscan.AppendCanonical(nil, value)) {
	case "null", "false", "0", "{}", "[]":
		return openai.LeaveOut, ""
	}
	return openai.Refuse, why
}

// turn decides about a member of a message.
func turn(name, value []byte) (openai.Action, string) {
	switch string(name) {
	case "name":
		if string(value) == "null" {
			return openai.LeaveOut, ""
		}
		return openai.Refuse, "Groq does not tell participants apart"
	case "annotations":
		return openai.LeaveOut, ""
	case "refusal", "audio":
		if string(value) == "null" {
			return openai.LeaveOut, ""
		}
		return openai.Refuse, "Groq's turns have none"
	}
	return openai.Keep, ""
}

// streamOption decides about a member of stream_options.
func streamOption(name, value []byte) (openai.Action, string) {
	if string(name) == "include_obfuscation" {
		return unlessIdle(value, "Groq does not have it")
	}
	return openai.Keep, ""
}

// part decides about a member of a part of a message's content.
func part(name, value []byte) (openai.Action, string) {
	if string(name) == "prompt_cache_breakpoint" {
		return unlessIdle(value, "Groq does not have it")
	}
	return openai.Keep, ""
}

// tool decides about a tool. Groq has functions, and types of its own that it runs itself.
func tool(kind []byte) (openai.Action, string) {
	if jsonscan.EqualString(kind, "custom") {
		return openai.Refuse, "Groq has no custom tools"
	}
	return openai.Keep, ""
}
