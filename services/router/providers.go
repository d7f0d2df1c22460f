package router

import (
	"tollgate.dev/services/router/provider/anthropic"
	"tollgate.dev/services/router/provider/gemini"
	"tollgate.dev/services/router/provider/groq"
	"tollgate.dev/services/router/provider/openai"
)

// Providers is the one list of providers, by the name that configurations use. A
// new provider is a package beside these and a line here.
func Providers() map[string]Provider {
	return map[string]Provider{
		"openai":            openai.New(),
		"anthropic":         anthropic.New(),
		"gemini":            gemini.New(),
		"groq":              groq.New(),
		"openai_compatible": openai.NewCompatible(),
	}
}
