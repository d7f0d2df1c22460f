package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The table names keys that the reader asks for: one that it does not would be an unknown key, or one in schema.go. The
// golden file beside inert.yaml shows each of them.
func TestEveryInertKeyIsShown(t *testing.T) {
	shown, err := os.ReadFile("testdata/litellm/inert.golden")
	if err != nil {
		t.Fatal(err)
	}
	for path, key := range inertKeys {
		pattern := regexp.QuoteMeta(strings.NewReplacer("*", "rag", "[]", "[0]").Replace(path) + ": has no effect: " + key.why)
		if !regexp.MustCompile(`(?m)^warning: line \d+: ` + pattern + `$`).Match(shown) {
			t.Errorf("%s is in the table, and no test shows its warning", path)
		}
	}
}
