package openai_test

import (
	"testing"

	"tollgate.dev/services/router/provider/openai"
	"tollgate.dev/services/router/provider/openai/openaitest"
)

func TestOpenAI(t *testing.T) { openaitest.Run(t, openai.New(), "testdata", "gpt-5.4") }

func TestCompatible(t *testing.T) {
	openaitest.Run(t, openai.NewCompatible(), "testdata/compatible", "local")
}
