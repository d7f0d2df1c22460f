package groq_test

import (
	"testing"

	"tollgate.dev/services/router/provider/groq"
	"tollgate.dev/services/router/provider/providertest"
)

// Each member of OpenAI's request has a fate.
func TestEveryFieldOfOpenAI(t *testing.T) {
	providertest.Fields(t, groq.New(), "openai/gpt-oss-120b", map[string]providertest.Fate{
		"audio":                              providertest.Refused,
		"frequency_penalty":                  providertest.Refused,
		"function_call":                      providertest.Sent,
		"functions":                          providertest.Sent,
		"logit_bias":                         providertest.Refused,
		"logprobs":                           providertest.Refused,
		"max_completion_tokens":              providertest.Sent,
		"max_tokens":                         providertest.Sent,
		"metadata":                           providertest.LeftOut,
		"modalities":                         providertest.Refused,
		"moderation":                         providertest.Refused,
		"n":                                  providertest.Refused,
		"parallel_tool_calls":                providertest.Sent,
		"prediction":                         providertest.Refused,
		"presence_penalty":                   providertest.Refused,
		"prompt_cache_key":                   providertest.Refused,
		"prompt_cache_options":               providertest.Refused,
		"prompt_cache_retention":             providertest.Refused,
		"reasoning_effort":                   providertest.Sent,
		"response_format":                    providertest.Sent,
		"safety_identifier":                  providertest.Refused,
		"seed":                               providertest.Sent,
		"service_tier":                       providertest.Sent,
		"stop":                               providertest.Sent,
		"store":                              providertest.Refused,
		"stream":                             providertest.Sent,
		"stream_options":                     providertest.Answered,
		"stream_options.include_obfuscation": providertest.Refused,
		"temperature":                        providertest.Sent,
		"tool_choice":                        providertest.Sent,
		"tools":                              providertest.Sent,
		"top_logprobs":                       providertest.Refused,
		"top_p":                              providertest.Sent,
		"user":                               providertest.Sent,
		"verbosity":                          providertest.Refused,
		"web_search_options":                 providertest.Refused,
	})
}

// Each capability has its fixtures.
func TestCapabilities(t *testing.T) {
	providertest.Capabilities(t, "testdata", map[string]providertest.Fixtures{
		"text":                {Request: "text", Response: "text", Stream: "usage_chunk"},
		"images":              {Request: "images", Response: "text"},
		"parallel tool calls": {Request: "parallel_results", Response: "parallel_tool_calls", Stream: "parallel_tool_calls"},
		"JSON schema":         {Request: "json_schema", Response: "json_schema"},
		"thinking":            {Request: "own_parameters", Response: "reasoning", Stream: "reasoning"},
		"stop":                {Request: "sampling", Response: "text"},
		"seed":                {Request: "sampling", Response: "text", Stream: "x_groq_usage"},
		"logprobs":            {Request: "dropped_parameters"},
		"usage classes":       {Request: "stream", Response: "reasoning", Stream: "both_usages"},
	})
}
