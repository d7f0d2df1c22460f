package providertest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Fixtures are the golden files of a capability, without their endings. Where a provider has
// no such thing, Request is the one that shows its refusal, and the others are empty.
type Fixtures struct{ Request, Response, Stream string }

// capabilities are what every codec has fixtures for.
var capabilities = []string{
	"text", "images", "parallel tool calls", "JSON schema", "thinking", "stop", "seed", "logprobs", "usage classes",
}

// Capabilities checks that dir has the fixtures of each capability, made from what the
// provider documents; the README beside them names the sources.
func Capabilities(t *testing.T, dir string, fixtures map[string]Fixtures) {
	t.Helper()
	for _, capability := range capabilities {
		f, ok := fixtures[capability]
		if !ok || f.Request == "" && f.Response == "" {
			t.Errorf("%s: no fixtures", capability)
			continue
		}
		for _, file := range []struct{ folder, name, ending string }{
			{"request", f.Request, ".in.json"}, {"response", f.Response, ".in.json"}, {"stream", f.Stream, ".sse"},
		} {
			if file.name == "" {
				continue
			}
			for _, ending := range []string{file.ending, ".want.json"} {
				if _, err := os.Stat(filepath.Join(dir, file.folder, file.name+ending)); err != nil {
					t.Errorf("%s: %v", capability, err)
				}
			}
		}
	}
	for capability := range fixtures {
		if !slices.Contains(capabilities, capability) {
			t.Errorf("%s is no capability", capability)
		}
	}
}
