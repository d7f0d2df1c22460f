package app

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/config"
	"tollgate.dev/services/compressor"
)

// modelled is a configuration in which the profile rag asks a model.
func modelled(folder string) string {
	return simulatedModel + "compression: {timeout: 20s, profiles: {rag: {engine: llmlingua2}}, llmlingua2: {model: " + folder + ", threads: 2, timeout: 1m}}\n"
}

// prose is sentences of the small model's own words, no two alike.
func prose(sentences int) string {
	words := strings.Fields("gateway services company models answer counts every call tells who may spend how much on which day of the month between that them")
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time
	var out strings.Builder
	for range sentences {
		out.WriteString("The")
		for range 15 {
			out.WriteString(" " + words[r.IntN(len(words))])
		}
		out.WriteString(".\n")
	}
	return out.String()
}

// A profile with the engine llmlingua2 shortens by its model, and others do not.
func TestCompressionByAModel(t *testing.T) {
	p, _ := start(t, modelled(filepath.Join("..", "compressor", "llmlingua", "testdata", "bert")))
	text, err := json.Marshal(prose(200))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"model":"m","messages":[{"role":"user","content":"Who stands where?"},` +
		`{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
		`{"role":"tool","tool_call_id":"c","content":` + string(text) + `}]}`
	for profile, want := range map[string]string{"rag": "llmlingua2", "chat": "extractive"} {
		resp, answer := ask(t, p, http.MethodPost, chatPath, body, "X-Compress", profile)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Tollgate-Compression-Engine") != want {
			t.Errorf("%s: %d %v %s", profile, resp.StatusCode, resp.Header, answer)
		}
	}
}

// A model that cannot be read stops the start, and the error names its key.
func TestNoModelToCompressBy(t *testing.T) {
	p, err := New(t.Context(), options(t, modelled(t.TempDir()), &journal{}))
	if err == nil || !strings.Contains(err.Error(), "compression.llmlingua2.model: ") || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("%v, %v", p, err)
	}
}

// The stages that a configuration may name are the compressor's, in their order.
func TestNamesOfStages(t *testing.T) {
	if got, want := config.CompressionStages(), compressor.Names(); !slices.Equal(got, want) {
		t.Errorf("a configuration may name %q, the compressor has %q", got, want)
	}
}
