package chat_test

import (
	"testing"

	"tollgate.dev/services/router/chat"
)

func TestGatewayField(t *testing.T) {
	for _, name := range []string{
		"cache", "caching", "compress", "drop_params", "fallbacks", "metadata", "no-log", "num_retries", "tags",
		"timeout", "litellm_trace_id", "litellm_",
	} {
		if !chat.GatewayField(name) || chat.RefusedField(name) != "" {
			t.Errorf("%s is not the gateway's", name)
		}
	}
	for _, name := range []string{"", "model", "user", "litellm", "Cache", "no_log", "temperature"} {
		if chat.GatewayField(name) || chat.RefusedField(name) != "" {
			t.Errorf("%s is the gateway's", name)
		}
	}
	for _, name := range []string{"mock_response", "api_key", "api_base", "base_url"} {
		if chat.GatewayField(name) || chat.RefusedField(name) == "" {
			t.Errorf("%s is not refused", name)
		}
	}
}
