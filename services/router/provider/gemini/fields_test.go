package gemini

import (
	"testing"

	"tollgate.dev/services/router/provider/providertest"
)

// Each member of OpenAI's request has a fate.
func TestEveryFieldOfOpenAI(t *testing.T) {
	providertest.Fields(t, codec(), "gemini-2.5-flash", map[string]providertest.Fate{
		"audio":                              providertest.Refused,
		"frequency_penalty":                  providertest.Sent,
		"function_call":                      providertest.Refused,
		"functions":                          providertest.Refused,
		"logit_bias":                         providertest.Refused,
		"logprobs":                           providertest.Sent,
		"max_completion_tokens":              providertest.Sent,
		"max_tokens":                         providertest.Sent,
		"metadata":                           providertest.LeftOut,
		"modalities":                         providertest.Refused,
		"moderation":                         providertest.Refused,
		"n":                                  providertest.Sent,
		"parallel_tool_calls":                providertest.Refused,
		"prediction":                         providertest.Refused,
		"presence_penalty":                   providertest.Sent,
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
		"stream":                             providertest.Answered,
		"stream_options":                     providertest.Answered,
		"stream_options.include_obfuscation": providertest.Refused,
		"temperature":                        providertest.Sent,
		"tool_choice":                        providertest.Sent,
		"tools":                              providertest.Sent,
		"top_logprobs":                       providertest.Sent,
		"top_p":                              providertest.Sent,
		"user":                               providertest.Gateway,
		"verbosity":                          providertest.Refused,
		"web_search_options":                 providertest.Refused,
	})
}

// Each capability has its fixtures.
func TestCapabilities(t *testing.T) {
	providertest.Capabilities(t, "testdata", map[string]providertest.Fixtures{
		"text":                {Request: "text", Response: "text", Stream: "text"},
		"images":              {Request: "images", Response: "image"},
		"parallel tool calls": {Request: "turns", Response: "calls", Stream: "calls"},
		"JSON schema":         {Request: "schema", Response: "json_schema"},
		"thinking":            {Request: "signature_forms", Response: "signed", Stream: "signed"},
		"stop":                {Request: "stops", Response: "text"},
		"seed":                {Request: "sampling", Response: "text"},
		"logprobs":            {Request: "logprobs", Response: "logprobs", Stream: "logprobs"},
		"usage classes":       {Request: "text_stream", Response: "usage", Stream: "thoughts"},
	})
}
