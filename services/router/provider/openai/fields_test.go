package openai_test

import (
	"testing"

	"tollgate.dev/services/router/provider/openai"
	"tollgate.dev/services/router/provider/providertest"
)

// Each member of OpenAI's request has a fate.
func TestEveryFieldOfOpenAI(t *testing.T) {
	providertest.Fields(t, openai.New(), "gpt-5.4", map[string]providertest.Fate{
		"audio":                              providertest.Sent,
		"frequency_penalty":                  providertest.Sent,
		"function_call":                      providertest.Sent,
		"functions":                          providertest.Sent,
		"logit_bias":                         providertest.Sent,
		"logprobs":                           providertest.Sent,
		"max_completion_tokens":              providertest.Sent,
		"max_tokens":                         providertest.Sent,
		"metadata":                           providertest.Sent,
		"modalities":                         providertest.Sent,
		"moderation":                         providertest.Sent,
		"n":                                  providertest.Sent,
		"parallel_tool_calls":                providertest.Sent,
		"prediction":                         providertest.Sent,
		"presence_penalty":                   providertest.Sent,
		"prompt_cache_key":                   providertest.Sent,
		"prompt_cache_options":               providertest.Sent,
		"prompt_cache_retention":             providertest.Sent,
		"reasoning_effort":                   providertest.Sent,
		"response_format":                    providertest.Sent,
		"safety_identifier":                  providertest.Sent,
		"seed":                               providertest.Sent,
		"service_tier":                       providertest.Sent,
		"stop":                               providertest.Sent,
		"store":                              providertest.Sent,
		"stream":                             providertest.Sent,
		"stream_options":                     providertest.Answered,
		"stream_options.include_obfuscation": providertest.Sent,
		"temperature":                        providertest.Sent,
		"tool_choice":                        providertest.Sent,
		"tools":                              providertest.Sent,
		"top_logprobs":                       providertest.Sent,
		"top_p":                              providertest.Sent,
		"user":                               providertest.Sent,
		"verbosity":                          providertest.Sent,
		"web_search_options":                 providertest.Sent,
	})
}

// Each capability has its fixtures.
func TestCapabilities(t *testing.T) {
	providertest.Capabilities(t, "testdata", map[string]providertest.Fixtures{
		"text":                {Request: "text", Response: "text", Stream: "documented"},
		"images":              {Request: "images", Response: "image"},
		"parallel tool calls": {Request: "parallel_results", Response: "parallel_tool_calls", Stream: "parallel_tool_calls"},
		"JSON schema":         {Request: "json_schema", Response: "json_schema"},
		"thinking":            {Request: "foreign_history", Response: "usage_classes", Stream: "usage_wanted"},
		"stop":                {Request: "every_parameter", Response: "cut_off"},
		"seed":                {Request: "every_parameter", Response: "text", Stream: "documented"},
		"logprobs":            {Request: "every_parameter", Response: "logprobs", Stream: "logprobs"},
		"usage classes":       {Request: "stream_options_asked", Response: "usage_classes", Stream: "usage_wanted"},
	})
}
