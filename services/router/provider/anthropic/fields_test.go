package anthropic

import (
	"testing"

	"tollgate.dev/services/router/provider/providertest"
)

// Each member of OpenAI's request has a fate.
func TestEveryFieldOfOpenAI(t *testing.T) {
	providertest.Fields(t, New(), "claude-sonnet-4-5-20250929", map[string]providertest.Fate{
		"audio":                              providertest.Refused,
		"frequency_penalty":                  providertest.Refused,
		"function_call":                      providertest.Refused,
		"functions":                          providertest.Refused,
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
		"safety_identifier":                  providertest.Sent,
		"seed":                               providertest.Refused,
		"service_tier":                       providertest.Refused, // flex; auto and default are sent
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
		"text":                {Request: "text", Response: "text", Stream: "text"},
		"images":              {Request: "images", Response: "text"},
		"parallel tool calls": {Request: "tools_parallel", Response: "tools", Stream: "tools"},
		"JSON schema":         {Request: "schema", Response: "json_schema"},
		"thinking":            {Request: "interleaved", Response: "interleaved", Stream: "interleaved"},
		"stop":                {Request: "stop_blank", Response: "stop_sequence", Stream: "stop_sequence"},
		"seed":                {Request: "refused_seed"},
		"logprobs":            {Request: "refused_logprobs"},
		"usage classes":       {Request: "stream", Response: "usage", Stream: "thinking"},
	})
}
