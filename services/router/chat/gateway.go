package chat

import "strings"

// GatewayField reports whether a member of the request is addressed to the gateway
// and not to the model: the ones that LiteLLM's clients send along
// (https://docs.litellm.ai/docs/proxy/user_keys, read 2026-11-23) and Tollgate's own
// `compress`. A codec leaves such a member out; the gateway itself tells callers of those
// that have no effect.
//
// `metadata` is among them, as LiteLLM has it. It is OpenAI's own parameter as well,
// so a codec whose provider has it passes it on instead, and another's notes it as left
// out.
func GatewayField(name string) bool {
	switch name {
	case "cache", "caching", "compress", "drop_params", "fallbacks", "metadata",
		"no-log", "num_retries", "tags", "timeout":
		return true
	}
	return strings.HasPrefix(name, "litellm_")
}

// RefusedField says why a member that LiteLLM's clients may address to the gateway is
// not honoured; it is empty for every other name. Such a member goes to no provider
// either: a credential or an address of the caller's would end up where neither
// belongs.
func RefusedField(name string) string {
	switch name {
	case "mock_response":
		return "answers are never made up"
	case "api_key", "api_base", "base_url":
		return "providers' credentials and addresses come from the gateway's configuration alone"
	}
	return ""
}
